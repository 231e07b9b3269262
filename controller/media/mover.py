"""Files from one store into another: copied, read back and compared, noted, and only then removed.

Nothing is queued here. What has to be moved, and what an interrupted move left behind, is in the
catalog; a process killed between any two steps does the rest when it is started again.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

import structlog

from ..engine.crash_points import crash_point
from ..engine.media_ports import HOME, StoredFile
from ..engine.shelving import Lying, StoringCatalog
from .errors import MediaError, StoreAway, StoreError
from .old_copies import OldCopies
from .shelves import Destination, Stores, place_of, size_there

log = structlog.get_logger(__name__)

_PAGE = 200
_FIRST_RETRY_S = 2.0
_LAST_RETRY_S = 600.0


@dataclass(frozen=True, slots=True)
class Outage:
    """A store that does not take our files. ``since`` and ``next_try`` by the monotonic clock."""

    since: float
    tries: int
    next_try: float
    error: str


class Mover:
    """``at_once`` files are under way at most. ``first_retry_s`` doubles up to ten minutes; there is
    no last try."""

    def __init__(
        self,
        catalog: StoringCatalog,
        stores: Stores,
        *,
        at_once: int = 2,
        poll_s: float = 15.0,
        first_retry_s: float = _FIRST_RETRY_S,
    ) -> None:
        self._catalog = catalog
        self._stores = stores
        self._old = OldCopies(catalog, stores)
        self._slots = asyncio.Semaphore(at_once)
        self._poll_s = poll_s
        self._first_retry_s = first_retry_s
        self._outages: dict[str, Outage] = {}
        self._spoilt: dict[str, tuple[int, float]] = {}
        self._wake = asyncio.Event()

    @property
    def outages(self) -> dict[str, Outage]:
        """By the store's name; those that work are not in it."""
        return dict(self._outages)

    def poke(self) -> None:
        """A recording is finished: look now. To be called on the event loop."""
        self._wake.set()

    async def run(self) -> None:
        """Bring every finished file where it belongs, now and as they come. Cancel it to stop."""
        while True:
            self._wake.clear()
            try:
                await self.tidy()
                for place in self._stores.destinations:
                    await self.fill(place)
            except Exception:
                # The database is away, say: what is to be moved is in the catalog and stays there.
                log.exception("the files could not be brought to their stores; they stay where they are")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._until_next_look()):
                    await self._wake.wait()

    async def fill(self, place: Destination) -> None:
        """Everything at home that belongs there. An outage ends this round; the next one tries again."""
        outage = self._outages.get(place.store)
        if outage is not None and outage.next_try > time.monotonic():
            return
        async for _ in self.all(HOME, place, self._ready):
            if place.store in self._outages and self._outages[place.store] is not outage:
                return

    async def all(
        self, source: str, place: Destination, wanted: Callable[[StoredFile], bool] = lambda file: True
    ) -> AsyncIterator[tuple[StoredFile, str]]:
        """Move everything; each file once it is done, with "" or why it stayed.

        What is to be sealed and is not yet stays, however it is asked for.
        """
        after = ""
        while page := await self._catalog.lying(source, after, _PAGE, tenants=place.tenants, but=place.but):
            after = page[-1].file.key
            for lying in page:
                if self._unsealed(lying, place.store):
                    yield lying.file, f"{lying.file.key} is not sealed yet, as its tenant demands"
            files = [x.file for x in page if wanted(x.file) and not self._unsealed(x, place.store)]
            tasks = [asyncio.create_task(self._one(file, place.store)) for file in files]
            try:
                for file, task in zip(files, tasks, strict=True):
                    yield file, await task
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    async def drain(self, source: str, place: Destination) -> AsyncIterator[tuple[StoredFile, str]]:
        """The same until nothing is left but what cannot be moved; outages are waited for."""
        while True:
            async for moved in self.all(source, place):
                yield moved
                if place.store in self._outages:
                    break
            outage = self._outages.get(place.store)
            if outage is None:
                return
            await asyncio.sleep(max(0.0, outage.next_try - time.monotonic()))

    async def _one(self, file: StoredFile, to: str) -> str:
        async with self._slots:
            try:
                await self.move(file, to)
            except StoreAway as error:
                self._note_outage(to, str(error))
                return str(error)
            except (MediaError, OSError) as error:
                tries = self._spoilt.get(file.key, (0, 0.0))[0] + 1
                self._spoilt[file.key] = (tries, time.monotonic() + self._delay(tries))
                log.warning("a file stays where it is", key=file.key, store=file.store, why=str(error))
                return str(error)
        self._spoilt.pop(file.key, None)
        if self._outages.pop(to, None) is not None:
            log.info("the store works again", store=to)
        return ""

    async def move(self, file: StoredFile, to: str) -> None:
        """One file. Raises StoreError: it is then where it was. Idempotent."""
        if file.store == to:
            return
        await asyncio.to_thread(self._copy, file, to)
        if not await self._catalog.moved(file, to, file.sealing):
            await self._withdraw(file, to)
            raise StoreError(f"{file.key} was changed while it was moved; the next round looks again")
        crash_point("move.noted")
        await self._old.remove(replace(file, store=to), file.store)

    async def tidy(self) -> None:
        """Old copies that an interrupted move or sealing left behind."""
        await self._old.tidy()

    def _copy(self, file: StoredFile, to: str) -> None:
        """Blocking; sealed bytes as they are. Only a copy that was read back whole counts."""
        target = self._stores.shelf(to)
        target.put(place_of(file), self._stores.proved(file), size_there(file))
        crash_point("move.copied")
        there = replace(file, store=to)
        if self._stores.digest(there).sha256 != file.sha256:
            raise StoreError(f"{file.key} reads back differently from the store {to} than it was put there")
        crash_point("move.checked")

    async def _withdraw(self, file: StoredFile, to: str) -> None:
        """The recording was destroyed, or is being made anew: no copy may be left that no row knows."""
        rows = await self._catalog.files(file.recording_id)
        if not any(row.store == to and place_of(row) == place_of(file) for row in rows):
            await asyncio.to_thread(self._stores.shelf(to).delete, place_of(file))

    def _unsealed(self, lying: Lying, to: str) -> bool:
        """Its tenant demands that it is sealed before it leaves the house."""
        return not lying.file.sealing and to != HOME and self._stores.keys.source(lying.tenant) is not None

    def _ready(self, file: StoredFile) -> bool:
        return self._spoilt.get(file.key, (0, 0.0))[1] <= time.monotonic()

    def _delay(self, tries: int) -> float:
        return min(_LAST_RETRY_S, self._first_retry_s * 2.0 ** min(tries - 1, 16))

    def _note_outage(self, store: str, why: str) -> None:
        now, known = time.monotonic(), self._outages.get(store)
        if known is not None and known.next_try > now:
            return  # another file of the same round
        tries = known.tries + 1 if known else 1
        delay = self._delay(tries)
        self._outages[store] = Outage(known.since if known else now, tries, now + delay, why)
        log.warning("a store does not take files; they are kept here", store=store, again_in_s=delay, why=why)

    def _until_next_look(self) -> float:
        now = time.monotonic()
        waits = [outage.next_try - now for outage in self._outages.values()]
        return max(0.05, min([self._poll_s, *waits]))
