"""What a lost lease leaves: calls that ended under it and could not be saved any more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

import structlog

from ..core.calls import Call
from .ports import Catalog

log = structlog.get_logger(__name__)

#: How often it is tried to be saved.
EVERY_S = 2.0


class Legacy:
    """They ended, so nobody who takes the switch over can see them: they are nobody's but ours. Calls that
    were still up are found in the switch by whoever has it now."""

    def __init__(self, catalog: Catalog, switch: str, on_ended: Callable[[], None]) -> None:
        self._catalog = catalog
        self._switch = switch
        self._on_ended = on_ended
        self._calls: dict[str, Call] = {}

    @property
    def calls(self) -> list[Call]:
        return list(self._calls.values())

    def add(self, calls: Iterable[Call]) -> None:
        self._calls |= {c.call_id: c for c in calls if c.ended_at is not None}

    async def run(self) -> None:
        """Never returns by itself; cancel it to stop."""
        while True:
            await asyncio.sleep(EVERY_S)
            if self._calls:
                await self._bequeath(dict(self._calls))

    async def _bequeath(self, calls: dict[str, Call]) -> None:
        try:
            added = await self._catalog.bequeath(self._switch, list(calls.values()))
        except Exception as error:
            log.error("catalog.save_failed", switch=self._switch, calls=len(calls), error=str(error)[:300])
            return
        self._calls = {i: call for i, call in self._calls.items() if i not in calls}
        log.warning("lease.bequeathed", switch=self._switch, calls=len(calls), added=added)
        if added:
            self._on_ended()
