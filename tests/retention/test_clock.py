"""The machine's clock jumps while a whole controller runs: nothing goes before its time, and it is told."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.catalog import open_database
from controller.config.storage import StorageConfig
from controller.core.retention import RetentionRule, RuleScope
from controller.demo.running import RunningController, items
from controller.engine.reading import RecordingFilter, Scope
from controller.engine.retention import HoldRow
from controller.engine.trusted_clock import TrustedClock
from controller.media.erasing import Eraser
from controller.media.retainer import Retainer
from controller.media.shelves import make_stores

from .conftest import RED, House

HOUR, YEAR = timedelta(hours=1), timedelta(days=365)
SCOPE = Scope(RED)


@dataclass
class Machine:
    """A controller in a process of its own, the clock that it reads, and its catalog looked at from here."""

    controller: RunningController
    clock: Path
    house: House

    def set_by(self, span: timedelta) -> None:
        self.clock.write_text(str(span.total_seconds()))

    async def run(self, *command: str) -> str:
        """Another process of the same machine."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, *self.controller.program, *command, "--config", str(self.controller.config_file),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        out = (await process.communicate())[0].decode()
        assert process.returncode == 0, out
        return out

    async def round(self) -> int:
        """What the controller does every hour, beside it and by the same clock; how many were purged."""

        def wall() -> datetime:
            return datetime.now(UTC) + timedelta(seconds=float(self.clock.read_text()))

        clock = TrustedClock(self.controller.folder / "data/clock.json", wall)
        eraser = Eraser(self.house.catalog, self.house.stores, {}, wall, due=clock.now)
        return (await Retainer(self.house.catalog, eraser, clock.now, rest_s=0).round()).purged

    async def there(self) -> set[str]:
        found = await self.house.catalog.recordings(SCOPE, RecordingFilter())
        return {row.recording_id for row in found.items}

    async def doubted(self) -> bool:
        alarms = items((await self.controller.api("GET", "/alarms")).body)
        return "clock.doubted" in {alarm["code"] for alarm in alarms}


@pytest.fixture
async def machine(tmp_path: Path) -> AsyncIterator[Machine]:
    controller = RunningController(tmp_path / "controller", ())
    clock = tmp_path / "ahead"
    clock.write_text("0")
    controller.program = ("-m", "tests.retention.clocked", str(clock))
    await controller.add_account("admin", "correct horse battery")
    data = controller.folder / "data"
    database = await open_database(f"sqlite+aiosqlite:///{data}/tapeline.db")
    house = House(tmp_path, database, make_stores(StorageConfig(path=data / "recordings"), []))
    house.at = datetime.now(UTC)
    yield Machine(controller, clock, house)
    await database.close()


async def test_nothing_goes_before_its_time(machine: Machine) -> None:
    house = machine.house
    young, old, deleted, held = [await house.record(age_days=days) for days in (10, 40, 10, 40)]
    await house.catalog.put_hold(HoldRow("h", RED, "case 7", "the court", "", None, None, house.at, "olga"))
    await house.catalog.hold_recordings(SCOPE, "h", [held], "olga")
    assert (await house.catalog.trash(SCOPE, [deleted], "ada", "by mistake")).done == [deleted]
    rule = RetentionRule(RED, RuleScope.TENANT, "", delete_after_days=90)
    await house.catalog.set_retention_rule(rule, "ada", accept=True)
    whole = house.lying()
    assert await machine.round() == 0
    # It is a year ahead when the controller starts, and has its first round.
    machine.set_by(YEAR)
    async with machine.controller:
        for by in (YEAR, 3 * HOUR, YEAR):
            machine.set_by(by)
            assert await machine.doubted(), by
            assert await machine.round() == 0, by
            assert await machine.there() == {young, old, held}, by
            assert house.lying() == whole, by
            machine.set_by(timedelta())
            assert not await machine.doubted()
        for by in (-3 * HOUR, -YEAR):
            machine.set_by(by)
            assert await machine.doubted(), by
            house.at = datetime.now(UTC) + by
            late, gone = [await house.record(age_days=0.1) for _ in range(2)]
            assert (await house.catalog.trash(SCOPE, [gone], "ada", "by mistake")).done == [gone]
            whole = house.lying()
            machine.set_by(timedelta())
            assert await machine.doubted(), "what was recorded meanwhile seems older than it is"
            assert await machine.round() == 0, by
            assert late in await machine.there()
            assert house.lying() == whole, by
        house.at = datetime.now(UTC)
        # Somebody says that it is so: what is due goes, and what is held stays.
        machine.set_by(YEAR)
        assert "365 days" in await machine.run("retention", "trust-clock")
        assert not await machine.doubted()
        [line] = [e for e in await house.catalog.audit_entries(Scope(None)) if e.action == "clock trusted"]
        assert "365 days" in line.detail
        assert "command line" in line.account
        house.later(days=365)
        assert await machine.round() == 3, "their time in the trash is over"
        assert await machine.there() == {held}
    assert not [path for path in house.lying() if deleted in path]
    assert [path for path in house.lying() if held in path]


async def test_what_somebody_wants_erased_does_not_wait_for_a_clock(house: House) -> None:
    """Asked for while it was a year ahead, and looked at when it was right again."""
    person, trashed = [await house.record(age_days=3) for _ in range(2)]
    await house.catalog.trash(SCOPE, [trashed], "ada", "by hand")
    house.later(days=365)
    await house.catalog.erase_soon(SCOPE, [person], "ada", "asked for", "101")
    assert await house.catalog.purge_now(SCOPE, trashed, "ada") == ""
    right = house.at - YEAR
    eraser = Eraser(house.catalog, house.stores, {"fs": house.spool}, house.now, due=lambda: right)
    done = await Retainer(house.catalog, eraser, lambda: right, rest_s=0).round()
    assert (done.purged, done.stuck) == (2, {})
    assert house.lying() == []
