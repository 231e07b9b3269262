"""Recordings of tenants that demand it are sealed where they lie: copied sealed, read back, noted, and only
then is the plain file removed.

What is to be sealed is in the catalog; a process killed between any two steps does the rest when it is
started again. Without a key a file stays as it is, at home, and that is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath

import structlog

from ..config.sealing import EVERYBODY
from ..engine.crash_points import crash_point
from ..engine.media_ports import HOME, StoredFile
from ..engine.shelving import Lying, StoringCatalog
from .errors import MediaError, SealingKeyError, StoreError
from .old_copies import OldCopies
from .seal_keys import SEALED, KeySource, is_shredded, salt_of
from .sealing import SALT
from .shelves import Stores, place_of

log = structlog.get_logger(__name__)

_PAGE = 200
_DATA_KEY = 32
#: How long a new recording is left to the finishing tasks, of which sealing is the last.
_PATIENCE = timedelta(minutes=10)
_OVERLAP = timedelta(hours=1)
_LEFTOVER_AGE_S = 3600.0
_RETRY_S = 10.0
_CLEAN_S = 3600.0


class SealTask:
    """finishing.FinishingTask: every file of one recording. Does nothing where nobody demands it."""

    name = "seal"

    def __init__(self, catalog: StoringCatalog, stores: Stores) -> None:
        self._catalog = catalog
        self._stores = stores
        self._old = OldCopies(catalog, stores)

    async def run(self, recording_id: str, progress: Callable[[float], None]) -> str:
        found = await self._catalog.unsealed(recording_id=recording_id)
        for count, lying in enumerate(found, 1):
            await self.seal(lying)
            progress(count / len(found))
        return ""

    async def seal(self, lying: Lying) -> bool:
        """One file; False if its tenant does not want that. Raises MediaError: it is then as it was."""
        file = lying.file
        if file.sealing or self._stores.keys.source(lying.tenant) is None:
            return False
        key = await asyncio.to_thread(self._stores.keys.newest, lying.tenant)
        rows = await self._catalog.files(file.recording_id)
        data_key = await asyncio.to_thread(self._data_key, rows)
        # A rendition of one segment is the same bytes: they need not lie there twice sealed either.
        twin = next((row for row in rows if _twins(row, file)), None)
        sealing = key.wrap(data_key, salt_of(twin.sealing) if twin else os.urandom(SALT))
        crash_point("seal.begun")
        copy = replace(file, sealing=sealing)
        try:
            await asyncio.to_thread(self._stores.put_sealed, file, sealing, twin)
            crash_point("seal.checked")
            noted = await self._catalog.moved(file, file.store, sealing)
        except MediaError:
            await self._withdraw(copy)
            raise
        if not noted:
            await self._withdraw(copy)
            raise StoreError(f"{file.key} was changed while it was sealed; the next round looks again")
        crash_point("seal.noted")
        await self._old.remove(copy, file.store)
        return True

    def _data_key(self, rows: Sequence[StoredFile]) -> bytes:
        """The recording's own, if one of its files is sealed already: to destroy it is to destroy all."""
        if any(is_shredded(row.sealing) for row in rows):
            raise StoreError(f"{rows[0].recording_id} is being erased: nothing more of it is sealed")
        sealed = next((row.sealing for row in rows if row.sealing), None)
        return self._stores.keys.data_key(sealed) if sealed else os.urandom(_DATA_KEY)

    async def _withdraw(self, copy: StoredFile) -> None:
        """No row names it, and its name is its own: nobody else's bytes can lie there."""
        with contextlib.suppress(MediaError):
            await asyncio.to_thread(self._stores.shelf(copy.store).delete, place_of(copy))


@dataclass(frozen=True, slots=True)
class Waiting:
    """Files of one section of [[sealing]] that lie plain although they shall not, and why."""

    files: int
    error: str


class SealBacklog:
    """Seals what the finishing tasks have left: recordings from before the tenant demanded it, files that
    were made later, and whatever there was no key for. ``now`` gives aware UTC."""

    def __init__(
        self, catalog: StoringCatalog, stores: Stores, now: Callable[[], datetime], *, poll_s: float = 60.0
    ) -> None:
        self._catalog = catalog
        self._stores = stores
        self._now = now
        self._poll_s = poll_s
        self._task = SealTask(catalog, stores)
        self._waiting: dict[str, Waiting] = {}

    @property
    def waiting(self) -> dict[str, Waiting]:
        """By the section's name; those with nothing to complain about are not in it."""
        return dict(self._waiting)

    async def run(self) -> None:
        """Never returns by itself; cancel it to stop."""
        last: datetime | None = None
        cleaned: float | None = None
        while True:
            began = self._now()
            try:
                if cleaned is None or time.monotonic() - cleaned > _CLEAN_S:
                    await self.clean()
                    cleaned = time.monotonic()
                # After one look at all there is, only what came lately can be new.
                await self.round(None if last is None else last - _OVERLAP, began - _PATIENCE)
                last = None if self._waiting else began
            except Exception:
                log.exception("the files could not be sealed; they stay where they are")
                last = None
            # A key that was put back is found soon.
            await asyncio.sleep(min(self._poll_s, _RETRY_S) if last is None else self._poll_s)

    async def round(self, added_after: datetime | None = None, added_before: datetime | None = None) -> None:
        """Everything of that time once."""
        waiting: dict[str, Waiting] = {}
        for source in self._stores.keys.sources:
            for tenants, but in _tenants(source, self._stores):
                after = ""
                while page := await self._catalog.unsealed(
                    after, _PAGE, tenants=tenants, but=but, added_after=added_after, added_before=added_before
                ):
                    after = page[-1].file.key
                    for lying in page:
                        why = await self._one(lying)
                        if why:
                            before = waiting.get(source.name, Waiting(0, why))
                            waiting[source.name] = Waiting(before.files + 1, before.error)
                    if await self._without_key(source):
                        break  # the next thousands would say the same
        self._tell(waiting)

    async def _one(self, lying: Lying) -> str:
        try:
            await self._task.seal(lying)
        except (MediaError, OSError) as error:
            return str(error)
        return ""

    @staticmethod
    async def _without_key(source: KeySource) -> bool:
        try:
            await asyncio.to_thread(source.load)
        except SealingKeyError:
            return True
        return False

    def _tell(self, waiting: dict[str, Waiting]) -> None:
        for name, found in waiting.items():
            if self._waiting.get(name) != found:
                log.error(
                    "recordings that shall be sealed lie plain; they are kept at home",
                    sealing=name, files=found.files, why=found.error,
                )  # fmt: skip
        for name in self._waiting.keys() - waiting.keys():
            log.info("everything that shall be sealed is sealed", sealing=name)
        self._waiting = waiting

    async def clean(self, older_than_s: float = _LEFTOVER_AGE_S) -> list[str]:
        """Sealed files, in any store, that a crash left before any row named them; answers their names, with
        ``<store>:`` before those of another store than the home. Only where the file itself is in its
        place: a row may be older than the store (a catalog from a backup). Work in progress that a crash
        left at home goes as well: it is plain."""
        for path in await asyncio.to_thread(lambda: list(self._stores.home.stale(older_than_s))):
            await asyncio.to_thread(path.unlink, missing_ok=True)
        removed: list[str] = []
        for store in self._stores.names if self._stores.keys.sources else ():
            try:
                removed += await self._clean_store(store, older_than_s)
            except MediaError as error:
                log.info("a store could not be searched for leftovers", store=store, why=str(error))
        return removed

    async def _clean_store(self, store: str, older_than_s: float) -> list[str]:
        """The names alone are kept of what is listed, and only of what is sealed and old enough."""
        shelf, limit = self._stores.shelf(store), time.time() - older_than_s
        names = await asyncio.to_thread(
            lambda: [f.key for f in shelf.listing() if f.key.endswith(SEALED) and f.modified <= limit]
        )
        removed: list[str] = []
        for name in names:
            if await self._leftover(store, name):
                await asyncio.to_thread(shelf.delete, name)
                removed.append(name if store == HOME else f"{store}:{name}")
        return removed

    async def _leftover(self, store: str, name: str) -> bool:
        key = name.removesuffix(SEALED).rpartition(".")[0]
        recording_id = PurePosixPath(key).name.partition(".")[0]
        rows = [row for row in await self._catalog.files(recording_id) if row.key == key]
        if not rows or any(is_shredded(row.sealing) or place_of(row) == name for row in rows):
            return False
        if store != HOME and any(row.store != store and not row.sealing for row in rows):
            return False  # it is being made anew, and the copy there is kept until that is safe
        try:
            there = [await asyncio.to_thread(self._stores.size, row) == row.size for row in rows]
        except (OSError, MediaError):
            return False
        return all(there)


def _twins(row: StoredFile, file: StoredFile) -> bool:
    same = (row.sha256, row.size, row.store) == (file.sha256, file.size, HOME)
    return same and file.store == HOME and row.sealing > "" and not is_shredded(row.sealing)


def _tenants(source: KeySource, stores: Stores) -> list[tuple[Collection[str] | None, Collection[str]]]:
    """What to ask the catalog for: (only these, not these)."""
    if EVERYBODY in source.tenants:
        return [(None, stores.keys.others(source))]
    return [(source.tenants, ())] if source.tenants else []
