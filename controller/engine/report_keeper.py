"""Counts anew what the reports' kept sums do not hold any more, while nobody waits for it."""

from __future__ import annotations

import asyncio

import structlog

from .reports import ReportSums

log = structlog.get_logger(__name__)


class ReportKeeper:
    """Reports are right without it; they only take longer the more has changed. ``breath_s``: between two
    days' sums, so that those who save calls get their turn."""

    def __init__(self, sums: ReportSums, *, poll_s: float = 30.0, breath_s: float = 0.1) -> None:
        self._sums, self._poll_s, self._breath_s = sums, poll_s, breath_s

    async def run(self) -> None:
        """Never returns by itself; cancel it to stop."""
        while True:
            try:
                await self.round()
            except Exception as error:
                # The database is away, say: what was to be counted is still marked.
                log.warning("reports.not_counted", why=f"{type(error).__name__}: {error}"[:300])
            await asyncio.sleep(self._poll_s)

    async def round(self) -> int:
        """Until nothing is left to be counted; how many quarters of an hour that were."""
        done = 0
        while counted := await self._sums.count_anew():
            done += counted
            await asyncio.sleep(self._breath_s)
        return done
