"""The FreeSWITCH adapter against a scripted event socket: what a real one does too seldom."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.core import facts as f
from controller.core.commands import (
    Announce,
    BindFeatureCodes,
    CloseCapture,
    MaskCapture,
    OpenCapture,
    UnmaskCapture,
)
from controller.core.feature_codes import DEFAULT_CODES
from controller.core.media_kinds import Kind
from controller.core.requests import ControlOutcome, ControlRequest
from controller.engine.ports import LinkState, SwitchDown
from controller.switches.freeswitch import adapter, connection, verbs
from controller.switches.freeswitch import codes as codes_module
from controller.switches.freeswitch.adapter import FreeSwitch
from controller.switches.freeswitch.connection import Event

from .captured import events
from .scripted_esl import ScriptedEsl

Eventually = Callable[..., Awaitable[None]]
PATH = "acme.test/2026/11/22/REC1.1.wav"


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.engine.backoff.FIRST_S", 0.02)
    monkeypatch.setattr(connection, "CONNECT_TIMEOUT_S", 0.5)


@pytest.fixture
def quick_heart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adapter, "HEARTBEAT_S", 0.2)


class Watched:
    def __init__(self, esl: ScriptedEsl, **settings: object) -> None:
        ids = itertools.count(1)
        self.switch = FreeSwitch(esl.config(**settings), lambda: f"J{next(ids)}", lambda: datetime.now(UTC))
        self.facts: list[f.Fact] = []
        self.requests: list[ControlRequest] = []

    def of(self, kind: type) -> list:
        return [x for x in self.facts if isinstance(x, kind)]


@asynccontextmanager
async def watching(esl: ScriptedEsl, **settings: object) -> AsyncIterator[Watched]:
    watched = Watched(esl, **settings)
    task = asyncio.create_task(watched.switch.run(watched.facts.append, watched.requests.append))
    try:
        yield watched
    finally:
        task.cancel()
        [end] = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(end, asyncio.CancelledError)
        assert not [t for t in threading.enumerate() if t.name.startswith("esl-")], "its thread has ended"


async def snapshots(watched: Watched, eventually: Eventually, count: int = 1) -> f.SwitchSnapshot:
    await eventually(lambda: len(watched.of(f.SwitchSnapshot)) >= count, f"snapshot {count}")
    return watched.of(f.SwitchSnapshot)[-1]


def talking() -> list[Event]:
    """The first capture up to the bridge: 101 talks to 102."""
    found: list[Event] = []
    for event in events("01"):
        found.append(event)
        if event["Event-Name"] == "CHANNEL_BRIDGE":
            return found
    raise AssertionError("no bridge in the capture")


def caller(esl: ScriptedEsl) -> str:
    return next(iter(esl.channels))


async def test_a_wrong_password_is_shown_and_mended_without_a_restart(
    tmp_path: Path, eventually: Eventually
) -> None:
    async with ScriptedEsl(tmp_path, password="another") as esl, watching(esl) as watched:
        await eventually(lambda: watched.switch.status.state is LinkState.DOWN, "down")
        assert watched.switch.status.error.startswith("switches.fs.password is wrong: ")
        assert "event_socket.conf.xml" in watched.switch.status.error
        assert watched.facts == []
        with pytest.raises(SwitchDown):
            await watched.switch.execute(OpenCapture("R.1", "leg", PATH, Kind.AUDIO))
        esl.password = "right"
        await snapshots(watched, eventually)
        assert (watched.switch.status.state, watched.switch.status.error) == (LinkState.UP, "")
        assert watched.switch.status.version == "1.10.12-scripted"


async def test_a_password_file_that_is_gone_at_a_reconnection_is_told_and_waited_for(
    tmp_path: Path, eventually: Eventually
) -> None:
    file = tmp_path / "esl.password"
    file.write_text("right\n")
    async with (
        ScriptedEsl(tmp_path) as esl,
        watching(esl, password=None, password_file=file) as watched,
    ):
        await snapshots(watched, eventually)
        file.rename(tmp_path / "elsewhere")
        esl.drop()
        await eventually(lambda: watched.switch.status.state is LinkState.DOWN, "down")
        await eventually(lambda: "switches.fs.password_file" in watched.switch.status.error, "why")
        (tmp_path / "elsewhere").rename(file)
        await snapshots(watched, eventually, 2)
        assert watched.switch.status.state is LinkState.UP


def renamed(found: list[Event], old: str, new: str) -> list[Event]:
    return [{key: value.replace(old, new) for key, value in event.items()} for event in found]


async def test_a_channel_whose_uuid_is_its_callers_call_id_is_recorded_like_any_other(
    tmp_path: Path, eventually: Eventually
) -> None:
    leg = "3c26~a(b)+!*:<c>/?[d]@[2001:db8::1]"
    story = renamed(talking(), talking()[0]["Unique-ID"], leg)
    async with ScriptedEsl(tmp_path) as esl:
        esl.play(story)
        async with watching(esl) as watched:
            seen = await snapshots(watched, eventually)
            (begun,) = [x for x in seen.legs[leg] if isinstance(x, f.LegStarted)]
            assert begun.addressable
            assert isinstance(
                await watched.switch.execute(OpenCapture("REC1.1", leg, PATH, Kind.AUDIO)), f.CaptureOpened
            )
            esl.drop()
            again = await snapshots(watched, eventually, 2)
            [seen] = again.captures
            assert (seen.capture_id, seen.leg_id, seen.path, seen.masked) == ("REC1.1", leg, PATH, False)


async def test_a_channel_whom_no_command_can_name_ends_nothing(
    tmp_path: Path, eventually: Eventually
) -> None:
    leg = "it's ${hostname}\n@h"
    story = renamed(talking(), talking()[0]["Unique-ID"], leg)
    async with ScriptedEsl(tmp_path) as esl:
        async with watching(esl) as watched:
            await snapshots(watched, eventually)
            esl.play(story)
            await eventually(lambda: watched.of(f.BridgeEntered), "the call")
            assert {x.leg_id: x.addressable for x in watched.of(f.LegStarted)}[leg] is False
            other = next(x.leg_id for x in watched.of(f.LegStarted) if x.leg_id != leg)
            with pytest.raises(verbs.UnsafeArgument):
                await watched.switch.execute(OpenCapture("REC1.1", leg, PATH, Kind.AUDIO))
            for _ in range(2):  # also a second time, when it is known
                esl.drop()
                seen = await snapshots(watched, eventually, len(watched.of(f.SwitchSnapshot)) + 1)
                bridges = {
                    leg_id: [x.bridge_id for x in facts if isinstance(x, f.BridgeEntered)]
                    for leg_id, facts in seen.legs.items()
                }
                assert bridges[leg] == bridges[other] != [], "both are up, and talk to each other"
        async with watching(esl) as watched:  # a controller that has never heard of it
            seen = await snapshots(watched, eventually)
            assert set(seen.legs) == {leg, other}
            begun = seen.legs[leg][0]
            assert isinstance(begun, f.LegStarted)
            assert (begun.calling, begun.addressable, begun.recordable) == (True, False, True)
            assert watched.switch.status.state is LinkState.UP
    assert not any(leg.split("\n", maxsplit=1)[0] in command for command in esl.commands)


async def test_an_event_that_we_fail_at_costs_none_of_the_others(
    tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        await snapshots(watched, eventually)
        translate = watched.switch._translator.facts

        def broken(event: Event) -> list[f.Fact]:
            if event["Event-Name"] == "CHANNEL_ANSWER":
                raise ZeroDivisionError("a bug of ours")
            return translate(event)

        monkeypatch.setattr(watched.switch._translator, "facts", broken)
        esl.play(talking())
        await eventually(lambda: watched.of(f.BridgeEntered), "what came after it")
        assert watched.switch.status.state is LinkState.UP


@pytest.mark.usefixtures("quick_heart")
async def test_half_open_is_noticed(tmp_path: Path, eventually: Eventually) -> None:
    """The server takes everything and answers nothing: only the heartbeat tells."""
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        await snapshots(watched, eventually)
        esl.silent = ("api hostname",)
        await eventually(lambda: watched.switch.status.state is LinkState.DOWN, "down")
        assert "does not answer any more" in watched.switch.status.error
        esl.silent = ()
        await snapshots(watched, eventually, 2)
        assert watched.switch.status.state is LinkState.UP


@pytest.mark.usefixtures("quick_heart")
async def test_a_frozen_process_is_noticed(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        await snapshots(watched, eventually)
        esl.play(talking())  # calls are up: the connection is nudged all the time
        await eventually(lambda: watched.of(f.BridgeEntered), "the call")
        esl.frozen = True
        await eventually(lambda: watched.switch.status.state is LinkState.DOWN, "down")
        esl.frozen = False
        await snapshots(watched, eventually, 2)


async def test_a_command_does_not_wait_for_the_events(tmp_path: Path, eventually: Eventually) -> None:
    """As mod_event_socket does it: a connection whose events come without end reads no command."""
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        await snapshots(watched, eventually)
        esl.play(talking())
        await eventually(lambda: watched.of(f.BridgeEntered), "the call")
        esl.busy_with_events = True
        aim = ("REC1.1", caller(esl), PATH)
        for command, fact in (
            (OpenCapture(*aim, Kind.AUDIO), f.CaptureOpened), (MaskCapture(*aim), f.CaptureMasked),
            (UnmaskCapture(*aim), f.CaptureUnmasked), (CloseCapture(*aim), f.CaptureClosed),
        ):  # fmt: skip
            assert isinstance(await watched.switch.execute(command), fact)


@pytest.mark.usefixtures("quick_heart")
async def test_events_are_a_sign_of_life_and_their_absence_is_none(
    tmp_path: Path, eventually: Eventually
) -> None:
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        await snapshots(watched, eventually)
        esl.busy_with_events = True
        for _ in range(20):  # several heartbeats
            esl.play([{"Event-Name": "HEARTBEAT"}])
            await asyncio.sleep(0.05)
        assert (watched.switch.status.error, len(watched.of(f.SwitchSnapshot))) == ("", 1)
        await eventually(lambda: watched.switch.status.state is LinkState.DOWN, "down")
        assert "does not answer any more" in watched.switch.status.error


@pytest.mark.parametrize("which", [0, 1])
async def test_one_connection_that_breaks_is_both(tmp_path: Path, eventually: Eventually, which: int) -> None:
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        await snapshots(watched, eventually)
        assert esl.connections == 2
        esl.drop(which)
        await snapshots(watched, eventually, 2)
        assert esl.connections == 4
        assert watched.switch.status.state is LinkState.UP


async def test_a_snapshot_that_is_not_answered_is_tried_again(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        esl.silent = ("api show",)
        await eventually(lambda: esl.connections >= 6, "three attempts")
        assert watched.switch.status.state is LinkState.DOWN
        esl.silent = ()
        await snapshots(watched, eventually)


async def test_the_snapshot_tells_legs_bridges_and_masked_captures(
    tmp_path: Path, eventually: Eventually
) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        esl.play(talking())
        leg = caller(esl)
        esl.captures[leg] = {f"{tmp_path}/{PATH}": True, "/elsewhere/x.wav": False}
        esl.channels[leg]["variable_tapeline_masked_REC1_1"] = "true"
        async with watching(esl) as watched:
            seen = await snapshots(watched, eventually)
            assert seen.captures == (f.CaptureSeen("REC1.1", leg, PATH, masked=True),)
            entered = [x for facts in seen.legs.values() for x in facts if isinstance(x, f.BridgeEntered)]
            assert len({x.bridge_id for x in entered}) == 1
            assert len(entered) == len(seen.legs) == 2
            # Another recording's note on the channel is not this one's.
            esl.channels[leg]["variable_tapeline_masked_REC1_1"] = ""
            esl.drop()
            again = await snapshots(watched, eventually, 2)
            assert again.captures == (f.CaptureSeen("REC1.1", leg, PATH, masked=False),)


async def test_a_hangup_during_the_snapshot_comes_after_it(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        esl.play(talking())
        leg = caller(esl)
        esl.silent = ("api uuid_buglist",)
        async with watching(esl) as watched:
            await eventually(lambda: any(c.startswith("api uuid_buglist") for c in esl.commands), "half way")
            esl.play([{"Event-Name": "CHANNEL_HANGUP_COMPLETE", "Unique-ID": leg, "Hangup-Cause": "X"}])
            answer = b"Content-Type: api/response\nContent-Length: 1\n\n-"
            esl.silent = ()
            esl.send(answer)
            await eventually(lambda: watched.of(f.LegHungUp), "the hang-up")
            kinds = [type(x) for x in watched.facts]
            assert kinds.index(f.SwitchSnapshot) < kinds.index(f.LegHungUp)


async def test_an_open_that_is_not_answered_is_stopped_and_refused(
    tmp_path: Path, eventually: Eventually
) -> None:
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        await snapshots(watched, eventually)
        esl.play(talking())
        leg = caller(esl)
        esl.endless_jobs = (f"uuid_record {leg} start",)
        fact = await watched.switch.execute(OpenCapture("REC1.1", leg, PATH, Kind.AUDIO))
        assert isinstance(fact, f.CaptureRefused)
        assert fact.reason == "no answer in time"
        assert esl.commands[-1].startswith(f"bgapi uuid_record {leg} stop ")


@pytest.mark.parametrize("command", [MaskCapture, UnmaskCapture, CloseCapture])
async def test_what_is_not_answered_is_refused(
    tmp_path: Path, eventually: Eventually, command: type[MaskCapture | UnmaskCapture | CloseCapture]
) -> None:
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        await snapshots(watched, eventually)
        esl.play(talking())
        esl.silent = ("api uuid_", "bgapi uuid_")
        fact = await watched.switch.execute(command("REC1.1", caller(esl), PATH))
        refusals = (f.CaptureMaskRefused, f.CaptureUnmaskRefused, f.CaptureCloseRefused)
        assert isinstance(fact, refusals)
        assert fact.reason == "no answer in time"


@pytest.mark.usefixtures("quick_heart")
async def test_ending_in_the_middle_of_a_reconnection_leaves_no_thread(
    tmp_path: Path, eventually: Eventually
) -> None:
    async with ScriptedEsl(tmp_path) as esl:
        for n in range(10):
            async with watching(esl) as watched:
                await snapshots(watched, eventually)
                esl.drop()
                await asyncio.sleep(n * 0.003)  # somewhere between the end and the next beginning


async def test_a_break_while_a_command_is_out_is_a_switch_that_is_down(
    tmp_path: Path, eventually: Eventually
) -> None:
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        await snapshots(watched, eventually)
        esl.play(talking())
        esl.silent = ("api uuid_", "bgapi uuid_")
        aim = ("REC1.1", caller(esl), PATH)
        tasks = [
            asyncio.create_task(watched.switch.execute(c))
            for c in (OpenCapture(*aim, Kind.AUDIO), MaskCapture(*aim), CloseCapture(*aim))
        ]
        await eventually(lambda: sum("uuid_record" in c for c in esl.commands) == 3, "all three were sent")
        esl.drop()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(r) for r in results] == [SwitchDown] * 3


async def test_the_mask_is_noted_on_the_channel(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        await snapshots(watched, eventually)
        esl.play(talking())
        aim = ("REC1.1", caller(esl), PATH)
        await watched.switch.execute(OpenCapture(*aim, Kind.AUDIO))
        await watched.switch.execute(MaskCapture(*aim))
        assert esl.channels[aim[1]]["variable_tapeline_masked_REC1_1"] == "true"
        await watched.switch.execute(UnmaskCapture(*aim))
        assert esl.channels[aim[1]]["variable_tapeline_masked_REC1_1"] == ""


async def test_codes_announcements_and_answers_on_the_bus(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        await snapshots(watched, eventually)
        codes = tuple(DEFAULT_CODES.items())
        assert await watched.switch.execute(BindFeatureCodes("leg-1", codes)) is None
        assert await watched.switch.execute(Announce("leg-1", (("Action", "paused"),))) is None
        await watched.switch.message(ControlOutcome("Q1", False, "no such\ncall"))
        bind, announced, answered = esl.commands[-3:]
        assert bind.startswith("sendmsg leg-1\n")
        assert announced.splitlines()[-1] == "Action: paused"
        assert "Reason: no such call" in answered.splitlines()
        assert "Request-ID: Q1" in answered.splitlines()
        esl.drop()
        await watched.switch.message(ControlOutcome("Q2", True, "done"))  # nobody is there: no error


async def test_codes_that_the_switch_let_go_by_are_bound_again(
    tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does on a leg that is being moved; the note on the channel tells."""
    monkeypatch.setattr(codes_module, "LOOKS_S", (0.01, 0.01, 0.01))
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        await snapshots(watched, eventually)
        call = talking()
        esl.play(call[:-1])
        await eventually(lambda: len(watched.of(f.LegStarted)) == 2, "both legs")
        lost, bound = esl.channels
        for leg in (lost, bound):
            await watched.switch.execute(BindFeatureCodes(leg, tuple(DEFAULT_CODES.items())))
        esl.channels[bound]["variable_tapeline_bound"] = "true"

        def times(leg: str) -> int:
            return sum(c.startswith(f"sendmsg {leg}\n") for c in esl.commands)

        def looks() -> int:
            return sum(c.startswith("api uuid_getvar") for c in esl.commands)

        esl.play(call[-1:])
        await eventually(lambda: times(lost) >= 2, "bound again")
        esl.channels[lost]["variable_tapeline_bound"] = "true"
        await eventually(lambda: f"api uuid_getvar {bound} tapeline_bound" in esl.commands, "looked at")
        await asyncio.sleep(0.1)
        assert times(bound) == 1, "what is bound stays as it is"
        asked, told = looks(), times(lost)
        esl.play(call[-1:])
        await asyncio.sleep(0.05)
        assert (looks(), times(lost)) == (asked, told), "once known, nothing is asked any more"


async def test_events_of_a_call_arrive_in_order(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedEsl(tmp_path) as esl, watching(esl) as watched:
        await snapshots(watched, eventually)
        esl.play(events("04"))
        await eventually(lambda: len(watched.of(f.LegHungUp)) == 4, "the end of the transfer")
        times = [x.at for x in watched.facts[1:]]
        assert times == sorted(times)
        esl.play(events("07"))
        await eventually(lambda: len(watched.requests) == 2, "both requests")
