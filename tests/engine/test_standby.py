"""The keeper at work: what is told and when, and what becomes of what the switch did by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from controller.core.calls import Call
from controller.core.parties import Party, Side
from controller.core.policy import Policy
from controller.core.rules import PolicyRule, PolicyScope, Setting
from controller.engine.standby import BLIND, LOOK_EVERY
from controller.engine.switch_engine import SwitchEngine
from tests.core.test_standby import left

from ..conftest import Eventually
from .bench import MemoryCatalog, Running, now
from .eyes import Eyes

USER, STRANGER = Party(Side.INTERNAL, "acme", "101", "101"), Party(Side.EXTERNAL, number="+49")


def rule(user: str, setting: Setting) -> PolicyRule:
    return PolicyRule(PolicyScope.USER, "acme", user, audio=setting)


ON = Policy(rules=(rule("101", Setting.ON),))


@pytest.fixture(autouse=True)
def by_hand(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Beats come when the test says so."""

    async def never(self: object) -> None:
        return

    monkeypatch.setattr("controller.engine.standby.StandbyKeeper.run", never)
    return


def engine_of(running: Running) -> SwitchEngine:
    return running.engine.engines[0]


async def test_all_is_told_first_and_then_what_changes(tmp_path: Path) -> None:
    async with Running(tmp_path, MemoryCatalog(ON)) as running:
        engine, switch = engine_of(running), running.switch.standby
        await engine.standby.beat()
        assert switch.table == {("acme", "*"): "nnnnnn", ("acme", "101"): "wwwwww"}
        assert switch.told == ["replace", "renew", "left_behind"], "a table must be there before we are"
        switch.told.clear()
        await engine.standby.beat()
        assert switch.told == ["renew"]
        engine.desk.set_policy(Policy(rules=(rule("102", Setting.FORBID),)), now())
        switch.told.clear()
        await engine.standby.beat()
        assert switch.told == ["change", "renew"]
        assert switch.table == {("acme", "*"): "nnnnnn", ("acme", "102"): "ffffff"}


async def test_after_a_reconnection_all_is_told_again(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path, MemoryCatalog(ON)) as running:
        engine, switch = engine_of(running), running.switch.standby
        await engine.standby.beat()
        running.switch.disconnect()
        running.switch.reconnect()
        await eventually(lambda: running.switch._connected, "it")
        switch.table, switch.told = {}, []
        await engine.standby.beat()
        assert "replace" in switch.told
        assert switch.table


async def test_switched_off_the_switch_is_told_to_forget(tmp_path: Path) -> None:
    async with Running(tmp_path, MemoryCatalog(ON)) as running:
        engine, switch = engine_of(running), running.switch.standby
        switch.after_s = 0
        await engine.standby.beat()
        await engine.standby.beat()
        assert switch.told == ["withdraw", "left_behind"]


async def test_what_was_left_behind_becomes_a_call_and_is_forgotten_once_it_is_saved(
    tmp_path: Path, eventually: Eventually
) -> None:
    async with Running(tmp_path, MemoryCatalog(ON)) as running:
        engine, switch = engine_of(running), running.switch.standby
        note = left("R77", USER, STRANGER)
        switch.notes["R77"] = note
        engine.standby._spool = Eyes(note.began_at + timedelta(seconds=5))
        running.catalog.free.clear()  # the database is slow
        await engine.standby.collect()
        await engine.standby.collect()
        assert "R77" in switch.notes, "it is not saved yet"
        running.catalog.free.set()
        await eventually(lambda: bool(running.catalog.calls), "it")
        [call] = saved(running)
        [recording] = call.recordings
        assert (recording.recording_id, recording.rule, recording.provisional) == ("R77", "user.on", False)
        assert recording.segments[0].closed_at == note.began_at + timedelta(seconds=5)
        await engine.standby.collect()
        assert not switch.notes
        await engine.standby.collect()
        assert len(saved(running)) == 1, "once"


async def test_whoever_sees_the_spool_is_waited_for_but_not_for_ever(
    tmp_path: Path, eventually: Eventually
) -> None:
    async with Running(tmp_path, MemoryCatalog(ON)) as running:
        standby, notes = engine_of(running).standby, running.switch.standby.notes
        notes["R77"] = note = left("R77", USER, STRANGER)
        eyes = standby._spool = Eyes(None)
        clock = [now()]
        standby._now = lambda: clock[0]
        for seconds in (0, 30, 25):
            clock[0] += timedelta(seconds=seconds)
            await standby.collect()
            assert not saved(running)
        eyes.at, eyes.sees = note.began_at + timedelta(seconds=7), True
        await standby.collect()
        await eventually(lambda: bool(running.catalog.calls), "it")
        [call] = saved(running)
        assert call.recordings[0].segments[0].closed_at == note.began_at + timedelta(seconds=7)
        eyes.sees = False
        notes["R78"] = left("R78", USER, STRANGER)
        await standby.collect()
        assert len(saved(running)) == 1, "waited for anew"
        clock[0] += BLIND
        await standby.collect()
        await eventually(lambda: len(running.catalog.calls) == 2, "rather a wrong end than none")


async def test_what_must_not_have_been_recorded_is_left_to_destruction(
    tmp_path: Path, eventually: Eventually
) -> None:
    catalog = MemoryCatalog(Policy(rules=(rule("101", Setting.FORBID),)))
    async with Running(tmp_path, catalog) as running:
        running.switch.standby.notes["R77"] = left("R77", USER, STRANGER)
        await engine_of(running).standby.collect()
        await eventually(lambda: bool(catalog.calls), "it")
        [call] = saved(running)
        assert [(r.rule, r.provisional) for r in call.recordings] == [("user.forbid", True)]


async def test_what_belongs_to_a_call_that_is_up_is_looked_for_once(
    tmp_path: Path, eventually: Eventually
) -> None:
    async with Running(tmp_path, MemoryCatalog(Policy())) as running:
        leg, other = running.switch.call(USER, STRANGER)
        await eventually(lambda: len(running.engine.live_calls()) == 1, "it")
        running.switch.standby.notes["R77"] = left("R77", USER, STRANGER, names=(leg, other))
        running.switch.standby.told.clear()
        for _ in range(2):
            await engine_of(running).standby.collect()
        assert running.switch.standby.told == ["left_behind", "look_again", "left_behind"]
        assert not running.catalog.calls.get("R77")


async def test_it_is_looked_every_so_many_beats(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        for _ in range(LOOK_EVERY + 1):
            await engine_of(running).standby.beat()
        assert running.switch.standby.told.count("left_behind") == 2


def saved(running: Running) -> list[Call]:
    return [call for call in running.catalog.calls.values() if call.ended_at]
