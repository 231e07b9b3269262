"""Files in the spools that no row knows, looked for now and then while the controller runs.

What a crash of database and controller together has left behind is found without anybody asking. The whole
of rows, files and hashes is the sweep's (`tapeline sweep`); this is its part about the spools, with the same
age before anything is touched.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

import structlog

from ..engine.sweeping import SweepingCatalog
from .sweep import MIN_AGE_S, SweepReport, sweep_spools

log = structlog.get_logger(__name__)


class SpoolWatch:
    """``spools`` gives those of the switches that are connected: of any other, nobody can tell what is
    still being written. ``held`` gives the recordings that the controller has in memory: what it has not
    saved yet has no row, and is nobody's orphan. ``poke`` is called when something became due."""

    def __init__(
        self,
        catalog: SweepingCatalog,
        spools: Callable[[], Mapping[str, Path]],
        held: Callable[[], Collection[str]],
        poke: Callable[[], None],
        *,
        every_s: float = 600.0,
        min_age_s: float = MIN_AGE_S,
    ) -> None:
        self._catalog = catalog
        self._spools = spools
        self._held = held
        self._poke = poke
        self._every_s = every_s
        self._min_age_s = min_age_s
        self._told: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Never returns by itself; cancel it to stop."""
        while True:
            # First of all the switches are to be asked what runs.
            await asyncio.sleep(self._every_s)
            try:
                await self.round()
            except Exception:
                # The database is away, say. What lies in a spool stays there.
                log.exception("the spools could not be looked through; it is tried again")

    async def round(self) -> SweepReport:
        report = SweepReport(dry_run=False)
        await sweep_spools(self._catalog, self._spools(), report, self._min_age_s, held=self._held)
        if report.adopted or report.late:
            log.warning("files without rows were adopted", adopted=report.adopted, late=report.late)
            self._poke()
        wrong = frozenset((*report.ownerless, *report.refused))
        if wrong - self._told:
            log.warning("files in a spool need somebody", files=sorted(wrong)[:20], count=len(wrong))
        self._told = wrong
        return report
