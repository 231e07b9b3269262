"""Tried again for days, by a clock that is turned: how long between two tries, and what is given up when."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from controller.catalog import Database, SqlCatalog
from controller.core.media_kinds import Kind
from controller.engine.jobs import Claimed, JobState, Lane, Limits, Outcome, Phase
from controller.engine.people import Scope
from controller.jobs.workers import Settings, Workers
from tests.media.doubles import T0

from .world import PLACES, World

FAILED = [{"error": "the disk is full"}]
#: A turned clock must not stand before the recording's end.
BEGIN = T0 + timedelta(hours=1)


class Notes:
    """The part of the catalog that is told how a run ended."""

    def __init__(self) -> None:
        self.outcome, self.next_at = Outcome(), None

    async def settle(self, node: str, job: Claimed, outcome: Outcome, *, next_at: Any = None) -> bool:
        self.outcome, self.next_at = outcome, next_at
        return True


class Media:
    task_names = ("peaks",)


def node(catalog: Any, now: Any) -> Workers:
    return Workers(catalog, Media(), lambda name, steps: None, now, Settings(("fs",), PLACES))  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize("phase", list(Phase))
async def test_a_week_and_more_of_failures(phase: Phase) -> None:
    notes, clock, waited = Notes(), [BEGIN], []
    workers = node(notes, lambda: clock[0])
    for tries in range(3000):
        job = Claimed("r1", "t", Kind.AUDIO, phase, 1, False, tries)
        await workers._note(job, FAILED)
        if notes.outcome.final:
            break
        assert notes.next_at is not None
        waited.append((notes.next_at - clock[0]).total_seconds())
        clock[0] = notes.next_at
    assert waited[:9] == [2, 4, 8, 16, 32, 64, 128, 256, 512]
    assert set(waited[9:]) == {600}
    lasted = clock[0] - BEGIN
    if phase is Phase.FILES:
        assert not notes.outcome.final, "files are tried for ever"
        assert lasted > timedelta(days=20)
    else:
        assert notes.next_at is None
        assert timedelta(days=7) <= lasted < timedelta(days=7, hours=1)


async def test_nobody_can_claim_it_before_its_time_and_a_month_later_it_is_still_tried(
    url: str, database: Database, tmp_path: Path
) -> None:
    """The catalog's half, on both databases: only its own clock decides, however long it takes."""
    clock = [BEGIN]

    def now() -> datetime:
        return clock[0]

    (tmp_path / "spool").mkdir()
    world = World(url, tmp_path, SqlCatalog(database, now))
    await world.record("r1")
    workers, catalog = node(world.catalog, now), world.catalog

    async def claimable() -> list[Claimed]:
        found = await catalog.candidates(Lane.SOUND, ["fs"], 10)
        return await catalog.claim(workers.node.name, found, Limits(8), 10)

    (job,) = await claimable()
    for pause in (2, 4, 8, 16, 600, 86_400 * 30):
        await workers._note(job, FAILED)
        seen = await catalog.job(Scope(None), "r1")
        assert seen is not None
        assert (seen.state, seen.error) == (JobState.RETRYING, "the disk is full")
        assert seen.next_at is not None
        clock[0] = seen.next_at - timedelta(milliseconds=1)
        assert await claimable() == []
        clock[0] = max(seen.next_at, clock[0] + timedelta(seconds=pause))
        (again,) = await claimable()
        assert again.tries == job.tries + 1
        job = again
