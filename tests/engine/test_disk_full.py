"""The disk of SQLite's file is full, really: calls are recorded and paused, nothing is lost, it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from controller.catalog import SqlCatalog, open_database
from controller.core.rules import Setting
from controller.engine import saver, switch_engine
from controller.engine.reading import RecordingFilter, Scope, TenantSettings
from controller.health import _behind
from tests.disks import fill, small_disk

from .bench import Running, now, user

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
async def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SqlCatalog]:
    monkeypatch.setattr(saver, "RETRY_S", 0.02)
    monkeypatch.setattr(saver, "ALARM_S", 0.2)
    monkeypatch.setattr(switch_engine, "TICK_S", 0.05)
    with small_disk(tmp_path / "data", 8) as disk:
        database = await open_database(f"sqlite+aiosqlite:///{disk}/tapeline.db")
        made = SqlCatalog(database, now)
        await made.set_tenant(TenantSettings("acme.test", Setting.ON))
        yield made
        await made.close()


async def test_calls_are_recorded_paused_and_saved_when_there_is_room_again(
    tmp_path: Path, catalog: SqlCatalog, eventually: Eventually
) -> None:
    (tmp_path / "spool").mkdir()
    scope = Scope("acme.test")
    async with Running(tmp_path / "spool", catalog) as running:  # type: ignore[arg-type]
        [engine] = running.engine.engines
        ballast = fill(tmp_path / "data")
        before = list(running.switch.call(user("101"), user("102")))
        await eventually(lambda: running.states() == ["recording"], "recording on a full disk")
        await running.ask("pause-recording", before[0])
        assert running.states() == ["paused"]
        await eventually(lambda: "full" in engine.saver.error, "it has not been written for a while")
        [alarm] = _behind(running.engine)
        assert (alarm.code, alarm.severity) == ("catalog.unwritten", "critical")
        running.switch.hang_up(*before)
        for _ in range(30):  # more than fits into whatever page is half empty
            running.switch.hang_up(*running.switch.call(user("101"), user("102")))
            await asyncio.sleep(0)
        await eventually(lambda: running.states() == [], "all are over")
        assert engine.saver.waiting == 31
        assert (await catalog.recordings(scope, RecordingFilter())).items == ()
        ballast.unlink()
        await eventually(lambda: not engine.saver.waiting, "all of them are written", 20)
        assert engine.saver.error == ""
        assert _behind(running.engine) == []
    rows = (await catalog.recordings(scope, RecordingFilter(), limit=100)).items
    assert len({row.recording_id for row in rows}) == len(rows) >= 1
    assert [row.pauses for row in rows].count(1) == 1


async def test_who_ends_while_the_disk_is_full_does_not_hang(
    tmp_path: Path, catalog: SqlCatalog, eventually: Eventually
) -> None:
    (tmp_path / "spool").mkdir()
    async with Running(tmp_path / "spool", catalog) as running:  # type: ignore[arg-type]
        fill(tmp_path / "data")
        running.switch.call(user("101"), user("102"))
        await eventually(lambda: running.states() == ["recording"], "recording")
        async with asyncio.timeout(5):
            assert running.task is not None
            running.task.cancel()
            await asyncio.gather(running.task, return_exceptions=True)
