"""The end of a recording's content outside the catalog: the one place that knows everywhere it may lie.

Whoever keeps something of a recording in files without a row in `files` (a cache, say) gives a
``forget(recording_id)`` to the `Eraser`, where bootstrap puts it together; whoever has rows of it in a
table of its own adds that to catalog/erasing.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import structlog

from ..core.recording import side_paths
from ..engine.crash_points import crash_point
from ..engine.erasing import Doomed, ErasingCatalog
from .errors import HostileName, MediaError
from .keys import rendition_key
from .shelves import Stores, place_of
from .spool import Spool

log = structlog.get_logger(__name__)

#: Removes what is kept of this recording elsewhere; blocking, idempotent, raises MediaError or OSError.
Forget = Callable[[str], None]


@dataclass(slots=True)
class Purged:
    """A round's outcome: of those that were ``looked`` at. ``waiting``: why one could not be
    purged now, by id; it is tried again."""

    looked: list[str] = field(default_factory=list)
    done: list[str] = field(default_factory=list)
    waiting: dict[str, str] = field(default_factory=dict)
    traced: int = 0


class Eraser:
    """``spools``: each switch's name and its spool as we see it. ``now`` gives aware UTC."""

    def __init__(
        self,
        catalog: ErasingCatalog,
        stores: Stores,
        spools: Mapping[str, Path],
        now: Callable[[], datetime],
        forget: Sequence[Forget] = (),
        *,
        due: Callable[[], datetime] | None = None,
    ) -> None:
        """``due``: the clock by which a time in the trash is over; what somebody asks for needs none."""
        self._catalog = catalog
        self._stores = stores
        self._spools = {name: Spool(root) for name, root in spools.items()}
        self._now, self._due = now, due or now
        self._forget = tuple(forget)

    async def purge_due(self, limit: int = 100, tenants: Collection[str] | None = None) -> Purged:
        """One batch of what is to be purged, and of what is to be traced."""
        result = Purged()
        for recording_id in await self._catalog.doomed(self._due(), limit, tenants):
            result.looked.append(recording_id)
            try:
                if await self.purge(recording_id):
                    result.done.append(recording_id)
            except (MediaError, OSError) as error:
                log.warning("a deleted recording is not gone yet", recording=recording_id, why=str(error))
                await self._catalog.purge_failed(recording_id, str(error))
                result.waiting[recording_id] = str(error)
        result.traced = await self.trace_due(limit)
        return result

    async def purge(self, recording_id: str) -> bool:
        """Remove every byte of it, then every row but the tombstone; False if it is not to be purged.

        Idempotent: killed between any two steps, it does the rest the next time. Raises MediaError or
        OSError if something could not be reached; all else is gone then, and it is to be called again.
        """
        doomed = await self._catalog.begin_purge(recording_id, self._now())
        if doomed is None:
            return False
        crash_point("erase.begun")
        errors = await asyncio.to_thread(self._remove_stored, doomed)
        crash_point("erase.unstored")
        errors += await asyncio.to_thread(self._remove_spooled, doomed)
        crash_point("erase.unspooled")
        for forget in self._forget:
            await asyncio.to_thread(forget, recording_id)
        crash_point("erase.forgotten")
        if errors:
            raise MediaError("; ".join(errors))
        await self._catalog.end_purge(recording_id)
        crash_point("erase.ended")
        return True

    async def waiting_for_the_chain(self) -> int:
        """How many, a thousand at most, are gone and not yet told of in the chain."""
        return len(await self._catalog.untraced(1000))

    async def trace_due(self, limit: int = 1000) -> int:
        """Finish those whose trace the chain has by now; how many that were."""
        done = 0
        for recording_id in await self._catalog.untraced(limit):
            done += await self._catalog.end_trace(recording_id)
            crash_point("erase.traced")
        return done

    def _remove_stored(self, doomed: Doomed) -> list[str]:
        """From every store, not only from those that the rows name: a mover that was killed may have
        left a copy that no row knows. Blocking; answers what went wrong."""
        errors: list[str] = []
        known = {place for file in doomed.files for place in (file.key, place_of(file))}
        prefixes = sorted(set(_prefixes(doomed)))
        for name in sorted({*self._stores.names, *(file.store for file in doomed.files)}):
            try:
                shelf = self._stores.shelf(name)
                keys = known | {found.key for prefix in prefixes for found in shelf.listing(prefix)}
                for key in sorted(keys):
                    shelf.delete(key)
            except (MediaError, OSError) as error:
                errors.append(str(error))
        return errors

    def _remove_spooled(self, doomed: Doomed) -> list[str]:
        spool, errors = self._spools.get(doomed.switch), list[str]()
        if spool is None:
            return errors  # a switch that is no more; should it come back, the sweep finds its files
        for path in doomed.paths:
            sides = side_paths(path) if path.endswith(".wav") else ()
            for one in (path, *sides):
                try:
                    if spool.find(one) is not None:
                        spool.destroy(one)
                except HostileName as error:
                    log.warning(
                        "a segment cannot be looked at", recording=doomed.recording_id, why=str(error)
                    )
                except MediaError as error:
                    errors.append(str(error))
        return errors


def _prefixes(doomed: Doomed) -> Iterator[str]:
    """What every key of the recording begins with, with a row or without."""
    for path in doomed.paths:
        try:
            key = rendition_key(path)
        except HostileName:
            continue  # no path of ours: nothing was ever stored under it
        yield key[: key.rindex(".") + 1]
