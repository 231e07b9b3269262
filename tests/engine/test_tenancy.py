"""An engine whose switch is leased: it works only while it has it, and what it leaves is nobody's loss."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.core.commands import OpenCapture
from controller.core.media_kinds import OPERATIONS
from controller.core.requests import Means, NameTarget
from controller.engine import legacy
from controller.engine.keeper import Keeper, boot_clock
from controller.engine.leasing import Controller
from controller.engine.ports import LinkState, SwitchDown

from .bench import ADMIN, Running, user
from .test_keeper import Store, Table

T0 = datetime(2026, 11, 28, tzinfo=UTC)
PAUSE = OPERATIONS["pause-recording"]


class Clocked(Table):
    """On the real clock."""

    @property
    def now(self) -> float:  # type: ignore[override]
        return boot_clock()

    @now.setter
    def now(self, value: float) -> None:
        pass


class Leased(Running):
    """``Running`` with a lease that another one may take."""

    def __init__(self, folder: Path) -> None:
        self.table = Clocked()
        me = Controller("a", "a", "", (), ("pbx",), (), "", "1", T0, T0)
        self.keeper = Keeper(Store(self.table, "a"), me, ("pbx",))
        super().__init__(folder, keeper=self.keeper)
        self.catalog.epoch = 1

    def take_away(self) -> None:
        """Somebody else is given it, as when this process was frozen for a while."""
        self.table.leases["pbx"] = (2, "b", boot_clock() + 1000)
        self.catalog.epoch = 2

    def give_back(self) -> None:
        self.table.leases["pbx"] = (2, "", boot_clock())
        self.catalog.epoch = 3

    @property
    def acting(self) -> bool:
        return self.engine.engines[0].acting


@pytest.fixture
async def leased(tmp_path: Path) -> AsyncIterator[Leased]:
    async with Leased(tmp_path) as running:
        yield running


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def recorded_call(leased: Leased) -> str:
    leased.switch.call(user("101"), user("102"))
    await until(lambda: leased.states() == ["recording"])
    [call] = leased.engine.live_calls()
    await until(lambda: call.call_id in leased.catalog.calls)
    return call.call_id


async def test_with_the_lease_gone_it_commands_nothing_and_writes_nothing(leased: Leased) -> None:
    call_id = await recorded_call(leased)
    leased.take_away()
    await until(lambda: not leased.acting)
    await until(lambda: leased.engine.switches()[0].state is LinkState.FREE)
    executed, saves = len(leased.switch.executed), leased.catalog.saves
    leased.switch.call(user("103"), user("104"))
    with pytest.raises(SwitchDown):
        await leased.engine.engines[0].control(leased.request("pause-recording", call_id))
    report = await leased.engine.control(PAUSE, NameTarget(call_id), ADMIN, Means.API)
    assert not report.outcome.accepted
    await asyncio.sleep(1.2)  # more than a tick
    assert (len(leased.switch.executed), leased.catalog.saves) == (executed, saves)
    assert leased.engine.live_calls() == []
    assert leased.switch.captures, "the switch goes on recording"


async def test_what_arrives_between_the_end_of_the_lease_and_the_first_look_at_the_clock_is_left(
    leased: Leased,
) -> None:
    """As after a freeze: events are there before any timer has run."""
    await recorded_call(leased)
    executed = len(leased.switch.executed)
    leased.keeper.tenure("pbx").lease.until = 0.0
    leased.switch.call(user("103"), user("104"))
    leased.engine.engines[0].request(leased.request("pause-recording", "x"))
    assert len(leased.engine.live_calls()) == 1
    await until(lambda: not leased.acting)
    assert [c for c in leased.switch.executed[executed:] if isinstance(c, OpenCapture)] == []


async def test_a_write_that_the_catalog_refuses_ends_the_tenancy(leased: Leased) -> None:
    await recorded_call(leased)
    leased.catalog.epoch = 2  # before a round of the keeper could tell
    leased.switch.call(user("103"), user("104"))
    await until(lambda: not leased.acting)


async def test_when_it_has_it_again_it_begins_with_what_is_there_now(leased: Leased) -> None:
    call_id = await recorded_call(leased)
    [call] = leased.engine.engines[0].desk.book
    leased.take_away()
    await until(lambda: not leased.acting)
    leased.catalog.open["pbx"] = [call]
    leased.give_back()
    await until(lambda: leased.acting)
    await until(lambda: leased.states() == ["recording"])
    assert [c.call_id for c in leased.engine.live_calls()] == [call_id]
    assert len(leased.switch.captures) == 1, "adopted, none opened beside it"


async def test_calls_that_ended_unsaved_are_added_after_the_lease_and_only_those(
    leased: Leased, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(legacy, "EVERY_S", 0.05)
    leased.catalog.failures = 10**6
    ended = leased.switch.call(user("101"), user("102"))
    await until(lambda: leased.states() == ["recording"])
    for leg in ended:
        leased.switch.hang_up(leg)
    leased.switch.call(user("103"), user("104"))
    await until(lambda: leased.states() == ["recording"])
    leased.take_away()
    await until(lambda: not leased.acting)
    leased.catalog.failures = 0
    await until(lambda: leased.catalog.calls)
    [call] = leased.catalog.calls.values()
    assert {leg.party.user for leg in call.legs.values()} == {"101", "102"}
    assert leased.ended >= 1


async def test_at_the_end_it_writes_what_it_has_and_gives_the_lease_back(tmp_path: Path) -> None:
    async with Leased(tmp_path) as running:
        call_id = await recorded_call(running)
        [call] = running.engine.engines[0].desk.book
        call.aliases.add("the last word")
        running.engine.engines[0].saver.put({call_id: call}, {})
    assert "the last word" in running.catalog.calls[call_id].aliases
    assert running.table.leases["pbx"][1] == ""
    assert running.table.seen == {}, "and has signed off"
