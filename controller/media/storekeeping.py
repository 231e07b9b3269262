"""The sweep's look into the stores: rows without files, files without rows, wrong hashes; memory bounded."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..engine.media_ports import HOME, StoredFile
from ..engine.sweeping import SweepingCatalog
from .errors import HostileName, SealingKeyError, StoreAway, StoreError
from .inventory import Inventory
from .seal_keys import SEALED, is_shredded
from .shelves import Stores, place_of, size_there

if TYPE_CHECKING:
    from .sweep import Progress, SweepReport, Wish

_PAGE = 1000


class Storekeeper:
    """Each store is listed once onto the disk; then the rows go by it page by page."""

    def __init__(
        self, catalog: SweepingCatalog, stores: Stores, report: SweepReport, min_age_s: float, wish: Wish,
        progress: Progress,
    ) -> None:  # fmt: skip
        self._catalog = catalog
        self._stores = stores
        self._report = report
        self._min_age_s = min_age_s
        self._wish = wish
        self._progress = progress
        self._lists: dict[str, Inventory] = {}

    async def sweep(self) -> None:
        try:
            # The files first: whatever is put meanwhile has its row by the time that the rows are read.
            for name in self._stores.names:
                await asyncio.to_thread(self._list, name)
            self._report.store_files = sum(inventory.count for inventory in self._lists.values())
            await self._rows()
            await self._old_copies()
            for name, inventory in self._lists.items():
                await self._unrecorded(name, inventory)
        finally:
            for inventory in self._lists.values():
                inventory.__exit__(None, None, None)

    def _list(self, name: str) -> None:
        inventory = Inventory()
        try:
            inventory.add(self._stores.shelf(name).listing())
        except StoreError as error:
            inventory.__exit__(None, None, None)
            self._report.refused.append(f"store {name} could not be looked at: {error}")
            return
        self._lists[name] = inventory
        self._progress("files", inventory.count)

    async def _rows(self) -> None:
        last = ""
        while rows := await self._catalog.files_after(last, _PAGE):
            last = rows[-1].key
            self._report.rows += len(rows)
            await asyncio.to_thread(self._page, rows)
            self._progress("rows", len(rows))

    def _page(self, rows: Sequence[StoredFile]) -> None:
        by_store: dict[str, list[StoredFile]] = defaultdict(list)
        for row in rows:
            by_store[row.store].append(row)
        for store, mine in by_store.items():
            inventory = self._lists.get(store)
            places = [place for row in mine for place in {row.key, place_of(row)}]
            sizes = inventory.sizes(places) if inventory else {}
            for row in mine:
                self._row(row, sizes.get(place_of(row)))

    def _row(self, row: StoredFile, listed: int | None) -> None:
        """``listed``: its bytes in the list; None: it was not there, or came later."""
        if is_shredded(row.sealing):
            return  # nobody can read it any more, and that is as it should be
        report, name = self._report, row.key if row.store == HOME else f"{row.store}:{row.key}"
        try:
            if listed is None:
                if row.store in self._stores.names and row.store not in self._lists:
                    return  # the whole store is away, and that is told
                if self._stores.size(row) is None:
                    report.missing.append(name)
                    return
            elif listed != size_there(row):
                report.damaged.append(name)
                return
            if self._wish.sample >= 1 or (self._wish.sample and random.random() < self._wish.sample):
                report.hashed += 1
                if self._stores.digest(row).sha256 != row.sha256:
                    report.damaged.append(name)
        except HostileName:
            report.damaged.append(name)
        except StoreAway as error:
            if not any(row.store in told for told in report.refused):  # once; it is nobody's file's fault
                report.refused.append(f"store {row.store} could not be looked at: {error}")
        except SealingKeyError as error:
            if str(error) not in report.refused:  # it may be whole; without its key nobody can tell
                report.refused.append(str(error))
        except StoreError as error:
            report.damaged.append(f"{name} ({error})")

    async def _old_copies(self) -> None:
        """Copies that an interrupted move left behind are the mover's to remove."""
        last = ""
        while page := await self._catalog.old_copies(last, _PAGE):
            last = page[-1][0]
            for key, store in page:
                if store in self._lists:
                    await asyncio.to_thread(self._lists[store].know_like, key)

    async def _unrecorded(self, name: str, inventory: Inventory) -> None:
        from .sweep import may_remove

        limit, found = time.time() - self._min_age_s, list[str]()
        for key, modified in await asyncio.to_thread(lambda: list(inventory.unknown())):
            if modified <= limit:
                found.append(key)
        # Moved or made while we looked: the catalog has the last word.
        for start in range(0, len(found), _PAGE):
            some = found[start : start + _PAGE]
            known = await self._catalog.known_keys(name, sorted({_base(key) for key in some}))
            for key in some:
                if _base(key) not in known:
                    self._report.unrecorded.append(key if name == HOME else f"{name}:{key}")
        mine = [k for k in self._report.unrecorded if (":" in k) == (name != HOME)]
        if name != HOME:
            mine = [k.removeprefix(f"{name}:") for k in mine if k.startswith(f"{name}:")]
        if not self._wish.remove_unrecorded or not mine:
            return
        if may_remove(self._report, "unrecorded", len(mine), inventory.count, self._wish):
            for key in mine if not self._report.dry_run else ():
                try:
                    await asyncio.to_thread(self._stores.shelf(name).delete, key)
                except StoreError as error:
                    self._report.refused.append(str(error))
                else:
                    self._report.removed.append(key if name == HOME else f"{name}:{key}")


def _base(place: str) -> str:
    """The key of what lies under this name, sealed or not (seal_keys.sealed_name)."""
    return place.removesuffix(SEALED).rpartition(".")[0] if place.endswith(SEALED) else place
