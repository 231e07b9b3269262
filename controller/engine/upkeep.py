"""Looks after the database while nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)

DAY_S = 24 * 3600.0


class Upkeep:
    """At the start and once a day ``tend`` brings up to date what the database plans its queries by: how many
    rows there are of what changes slowly."""

    def __init__(self, tend: Callable[[], Awaitable[None]], *, every_s: float = DAY_S) -> None:
        self._tend, self._every_s = tend, every_s

    async def run(self) -> None:
        """Never returns by itself; cancel it to stop."""
        while True:
            try:
                await self._tend()
            except Exception as error:
                # The database is busy, say: queries are right without it, and tomorrow is another day.
                log.warning("database.not_tended", why=f"{type(error).__name__}: {error}"[:300])
            await asyncio.sleep(self._every_s)
