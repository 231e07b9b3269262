"""The wall clock is set by an hour in a call: nothing lasts shorter, longer or less than nothing for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.catalog import SqlCatalog, open_database
from controller.core.commands import OpenCapture, PlaySound, Sound
from controller.core.requests import Means
from controller.core.rules import Setting
from controller.engine import saver, switch_engine
from controller.engine.clock import ClockWatch
from controller.engine.reading import RecordingFilter, Scope, TenantSettings

from . import bench
from .bench import Running, user
from .test_engine import acme, recording

Eventually = Callable[..., Awaitable[None]]
HOUR = timedelta(hours=1)
EITHER_WAY = pytest.mark.parametrize("by", [HOUR, -HOUR], ids=["forward", "backward"])


class Wall:
    """A wall clock that can be set."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    clock = Wall()
    monkeypatch.setattr(bench, "now", clock)
    monkeypatch.setattr(saver, "RETRY_S", 0.01)
    monkeypatch.setattr(switch_engine, "TICK_S", 0.05)
    return clock


@EITHER_WAY
async def test_a_pause_lasts_as_long_as_it_may_and_no_shorter(
    tmp_path: Path, eventually: Eventually, wall: Wall, by: timedelta
) -> None:
    async with Running(tmp_path, acme(longest_pause_s=1)) as running:
        a, _ = await recording(running, eventually)
        began = time.monotonic()
        await running.ask("pause-recording", a)
        await asyncio.sleep(0.15)
        wall.ahead += by
        while running.states() == ["paused"]:
            assert time.monotonic() - began < 3, "it is on for as long as the clock was set back"
            await asyncio.sleep(0.01)
        assert time.monotonic() - began >= 0.95, "it was over when the clock was set"
        await eventually(lambda: running.states() == ["recording"], "resumed")
        [pause] = next(iter(running.engine.engines[0].desk.book)).recordings[0].pauses
        assert pause.ended_means is Means.LIMIT


@EITHER_WAY
async def test_its_end_is_shown_by_the_clock_as_it_is_now(
    tmp_path: Path, eventually: Eventually, wall: Wall, by: timedelta
) -> None:
    async with Running(tmp_path, acme(longest_pause_s=60)) as running:
        a, _ = await recording(running, eventually)
        await running.ask("pause-recording", a)

        def left() -> float:
            [call] = running.engine.live_calls()
            ends = call.recordings[0].resumes_at
            assert ends is not None
            return (ends - wall()).total_seconds()

        assert 55 < left() <= 60
        wall.ahead += by
        await eventually(lambda: 50 < left() <= 60, "a minute is left of it")


@EITHER_WAY
async def test_what_is_refused_is_tried_again_and_the_beep_goes_on(
    tmp_path: Path, eventually: Eventually, wall: Wall, by: timedelta
) -> None:
    async with Running(tmp_path, acme(beep_every_s=5)) as running:
        running.switch.fault(OpenCapture, refuse="no")
        running.switch.call(user("101"), user("102"))
        await eventually(lambda: len([c for c in running.executed() if "Open" in c]) == 3, "refused thrice")
        wall.ahead += by
        running.switch.heal()
        await eventually(lambda: running.states() == ["recording"], "tried again, and not in an hour")

        def beeps() -> int:
            return sum(isinstance(c, PlaySound) and c.sound is Sound.BEEP for c in running.switch.executed)

        await eventually(lambda: beeps() > 0, "the first beep")
        before = beeps()
        wall.ahead += by
        await eventually(lambda: beeps() > before, "the next one, and not in an hour")


@EITHER_WAY
async def test_no_time_in_the_catalog_is_less_than_nothing(
    tmp_path: Path, eventually: Eventually, wall: Wall, by: timedelta
) -> None:
    database = await open_database(f"sqlite+aiosqlite:///{tmp_path}/tapeline.db")
    try:
        catalog = SqlCatalog(database, wall)
        await catalog.set_tenant(TenantSettings("acme.test", Setting.ON))
        async with Running(tmp_path, catalog) as running:  # type: ignore[arg-type]
            a, b = await recording(running, eventually)
            await running.ask("pause-recording", a)
            wall.ahead += by
            await running.ask("resume-recording", a)
            running.switch.hang_up(a, b)
            await eventually(lambda: running.ended, "saved")
        scope = Scope("acme.test")
        [row] = (await catalog.recordings(scope, RecordingFilter())).items
        cdr = await catalog.call(scope, row.call_id)
        detail = await catalog.recording(scope, row.recording_id)
        assert cdr is not None
        assert detail is not None
        assert 0 <= cdr.row.duration_ms <= HOUR.total_seconds() * 1000 + 5000
        assert row.duration_ms >= 0
        [pause] = detail.pauses
        assert 0 <= pause.from_ms <= (pause.to_ms or 0)
    finally:
        await database.close()


def test_only_what_was_set_counts() -> None:
    """Not what a time server corrects from one second to the next, nor how long it took to look."""
    at, steady = [datetime(2026, 11, 29, tzinfo=UTC)], [100.0]
    watch = ClockWatch(lambda: at[0], lambda: steady[0])

    def passes(wall_s: float, steady_s: float) -> timedelta:
        at[0] += timedelta(seconds=wall_s)
        steady[0] += steady_s
        return watch.jumped()

    assert passes(600, 600) == timedelta()
    assert passes(1.0005, 1) == timedelta()
    assert passes(3601, 1).total_seconds() == pytest.approx(3600, abs=0.01)
    assert passes(1, 1) == timedelta(), "told once"
    assert passes(-3599, 1) == -HOUR
