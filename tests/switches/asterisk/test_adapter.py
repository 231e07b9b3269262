"""The adapter against a scripted AMI: what a real Asterisk does too seldom to be waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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
from controller.core.media_kinds import Kind
from controller.core.requests import ControlOutcome
from controller.engine.ports import LinkState, SwitchDown
from controller.switches.asterisk import adapter
from controller.switches.asterisk.headers import Headers
from controller.switches.asterisk.verbs import FEATURES

from ...engine.eyes import Eyes
from .bench import Bench
from .scripted_ami import ScriptedAmi, channel

Eventually = Callable[..., Awaitable[None]]

PATH = "acme.test/2026/11/22/REC1.1.wav"
AIM = ("REC1.1", "u1", PATH)
ONE = channel("u1", "PJSIP/101-00000001", user="101", Duration="00:01:05", Application="Dial")
TWO = channel("u2", "PJSIP/102-00000002", user="102", linked="u1", Duration="00:01:04", Application="AppDial")
BRIDGED = [{**ONE, "BridgeId": "b1"}, {**TWO, "BridgeId": "b1"}]


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.engine.backoff.FIRST_S", 0.02)
    monkeypatch.setattr(adapter, "HEARTBEAT_S", 0.2)


async def up(bench: Bench, eventually: Eventually, snapshots: int = 1) -> None:
    await eventually(lambda: len(bench.of(f.SwitchSnapshot)) >= snapshots, "a snapshot")


async def test_wrong_password_is_shown_with_what_to_do(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedAmi(tmp_path, password="another") as ami, Bench(ami.config()) as bench:
        await eventually(lambda: bench.switch.status.state is LinkState.DOWN, "down")
        assert "manager.conf" in bench.switch.status.error
        assert bench.switch.status.error.startswith(f"switches.{ami.config().name}.username and password: ")
        assert "right" not in bench.switch.status.error
        assert bench.facts == []
        with pytest.raises(SwitchDown):
            await bench.switch.execute(OpenCapture(*AIM, Kind.AUDIO))
        ami.password = "right"
        await up(bench, eventually)
        assert (bench.switch.status.state, bench.switch.status.version) == (LinkState.UP, "22.10.1")


async def test_an_address_where_nothing_listens_names_its_keys(
    tmp_path: Path, eventually: Eventually
) -> None:
    async with ScriptedAmi(tmp_path) as ami:
        config = ami.config()
    async with Bench(config) as bench:
        await eventually(lambda: bench.switch.status.state is LinkState.DOWN, "down")
        assert bench.switch.status.error.startswith(f"switches.{config.name}.host and port: cannot connect")


async def test_a_leg_whose_hangup_was_not_heard_ends(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedAmi(tmp_path) as ami, Bench(ami.config()) as bench:
        ami.rows = list(BRIDGED)
        ami.variables["PJSIP/101-00000001", "UNIQUEID"] = "u1"
        await up(bench, eventually)
        # Of one the channel is gone; the other is only not in the list, which others' texts may have cut.
        ami.rows = []
        await eventually(lambda: bench.of(f.LegHungUp), "the end of one", within=10)
        await asyncio.sleep(3)
        assert [x.leg_id for x in bench.of(f.LegHungUp)] == ["u2"]


async def test_snapshot_after_every_connection(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedAmi(tmp_path) as ami:
        ami.rows = BRIDGED
        ami.monitors["PJSIP/101-00000001"] = [
            ("0x1", f"{tmp_path}/{PATH}"), ("0x2", "/somewhere/else.wav"), ("0x3", f"/foreign/{PATH}"),
        ]  # fmt: skip
        ami.variables["PJSIP/101-00000001", "CHANNEL(pjsip,call-id)"] = "call-1@phone"
        ami.variables["PJSIP/101-00000001", "TAPELINE_MASK_REC1_1"] = "1"
        async with Bench(ami.config()) as bench:
            await up(bench, eventually)
            (first,) = bench.of(f.SwitchSnapshot)
            assert first.captures == (f.CaptureSeen("REC1.1", "u1", PATH, masked=True),)
            begun, answered, bridged, named = first.legs["u1"]
            assert isinstance(begun, f.LegStarted)
            assert (first.at - begun.at).total_seconds() == 65
            assert begun.party.user == "101"
            assert isinstance(answered, f.LegAnswered)
            assert isinstance(bridged, f.BridgeEntered)
            assert bridged.bridge_id == "b1"
            assert isinstance(named, f.LegIdentified)
            assert named.aliases == ("call-1@phone",)
            called = first.legs["u2"][0]
            assert isinstance(called, f.LegStarted)
            assert (called.calling, called.origin) == (False, "u1")
            # The note may be older than the mask: it is set again, on the monitor that is ours.
            assert [(a["State"], a["MixMonitorID"]) for a in ami.of("MixMonitorMute")] == [("1", "0x1")]

            ami.rows = []
            ami.monitors.clear()
            ami.drop()
            await up(bench, eventually, 2)
            assert bench.of(f.SwitchSnapshot)[1].legs == {}


@pytest.mark.parametrize(
    ("rows", "states", "holders"),
    [
        (BRIDGED, {"102": "ONHOLD"}, {"u1"}),
        (BRIDGED, {"101": "ONHOLD", "102": "ONHOLD"}, {"u1", "u2"}),
        (BRIDGED, {"101": "INUSE", "102": "INUSE"}, set()),
        (BRIDGED, {}, set()),  # without func_devstate
        ([ONE, TWO], {"102": "ONHOLD"}, set()),  # in no bridge: nobody there to hold anybody
        (
            [*BRIDGED, channel("u3", "PJSIP/103-00000003", user="103", BridgeId="b1")],
            {"102": "ONHOLD"},
            set(),
        ),  # three in a conference: which of the others holds nobody can tell
    ],
)
async def test_a_hold_from_before_the_start_is_found_out(
    tmp_path: Path, eventually: Eventually, rows: list[dict[str, str | list[str]]], states: dict[str, str],
    holders: set[str],
) -> None:  # fmt: skip
    async with ScriptedAmi(tmp_path) as ami:
        ami.rows = rows
        for user, state in states.items():
            name = next(str(r["Channel"]) for r in (ONE, TWO) if f"PJSIP/{user}-" in str(r["Channel"]))
            ami.variables[name, f"DEVICE_STATE(PJSIP/{user})"] = state
        async with Bench(ami.config()) as bench:
            await up(bench, eventually)
            (snapshot,) = bench.of(f.SwitchSnapshot)
            held = {x.leg_id for facts in snapshot.legs.values() for x in facts if isinstance(x, f.LegHeld)}
            assert held == holders


async def test_what_happens_during_the_resync_comes_after_it(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedAmi(tmp_path) as ami:
        ami.rows = BRIDGED
        async with Bench(ami.config()) as bench:
            await up(bench, eventually)
            ami.rows = []
            ami.silent.add("CoreSettings")  # the second session stops here, logged in
            ami.drop()
            await eventually(lambda: len(ami.of("CoreSettings")) == 2, "the second login")
            feature = {"UserEvent": "TapelineFeature", "Operation": "pause-recording"}
            ami.event("UserEvent", **ONE, **feature)  # older than the snapshot: a request counts,
            ami.event("BridgeEnter", BridgeUniqueid="old", **ONE)  # a fact is in the snapshot already
            ami.silent.clear()
            await up(bench, eventually, 2)
            await eventually(lambda: ami.of("Ping"), "sign of life")
            ami.clock += 10
            ami.event("Newchannel", **channel("u3", "PJSIP/101-00000003", user="101", state="4"))
            await eventually(lambda: "u3" in {x.leg_id for x in bench.of(f.LegStarted)}, "the new leg")
            assert bench.of(f.BridgeEntered) == []


async def test_a_frozen_switch_is_noticed(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedAmi(tmp_path) as ami, Bench(ami.config()) as bench:
        await up(bench, eventually)
        ami.frozen = True
        await eventually(lambda: bench.switch.status.state is LinkState.DOWN, "down")
        assert "frozen" in bench.switch.status.error or "does not answer" in bench.switch.status.error
        ami.frozen = False
        await up(bench, eventually, 2)


async def test_nothing_is_sent_again_after_a_reconnection(tmp_path: Path, eventually: Eventually) -> None:
    async with ScriptedAmi(tmp_path) as ami:
        ami.rows = [ONE, TWO]
        async with Bench(ami.config(command_timeout_ms=5000)) as bench:
            await up(bench, eventually)
            ami.silent.add("MixMonitor")
            opening = asyncio.create_task(bench.switch.execute(OpenCapture(*AIM, Kind.AUDIO)))
            await eventually(lambda: ami.of("MixMonitor"), "the command")
            ami.drop()
            with pytest.raises(SwitchDown):
                await asyncio.wait_for(opening, 2.0)
            ami.silent.clear()
            await up(bench, eventually, 2)
            pings = len(ami.of("Ping"))
            await eventually(lambda: len(ami.of("Ping")) > pings, "time for anything that was queued")
            assert len(ami.of("MixMonitor")) == 1


class TestCaptures:
    @pytest.fixture
    async def pair(self, tmp_path: Path, eventually: Eventually):  # type: ignore[no-untyped-def]
        async with ScriptedAmi(tmp_path) as ami:
            ami.rows = [ONE, TWO]  # not bridged: the core has nothing to record by itself
            async with Bench(ami.config()) as bench:
                await up(bench, eventually)
                yield ami, bench.switch

    async def test_open_mask_unmask_close(self, pair, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        ami, switch = pair
        assert isinstance(await switch.execute(OpenCapture(*AIM, Kind.AUDIO)), f.CaptureOpened)
        (sent,) = ami.of("MixMonitor")
        assert (sent["Channel"], sent["File"]) == ("PJSIP/101-00000001", f"{tmp_path}/{PATH}")
        assert sent["Options"] == "i(TAPELINE_ID_REC1_1)"
        assert "Command" not in sent
        assert isinstance(await switch.execute(MaskCapture(*AIM)), f.CaptureMasked)
        assert ami.variables["PJSIP/101-00000001", "TAPELINE_MASK_REC1_1"] == "1"
        assert isinstance(await switch.execute(UnmaskCapture(*AIM)), f.CaptureUnmasked)
        assert ami.variables["PJSIP/101-00000001", "TAPELINE_MASK_REC1_1"] == "0"
        mutes = [(a["Direction"], a["State"], a["MixMonitorID"]) for a in ami.of("MixMonitorMute")]
        assert mutes == [("both", "1", "0x1"), ("both", "0", "0x1")]
        assert isinstance(await switch.execute(CloseCapture(*AIM)), f.CaptureClosed)
        assert ami.monitors["PJSIP/101-00000001"] == []

    async def test_success_without_a_file_is_a_refusal(self, pair) -> None:  # type: ignore[no-untyped-def]
        ami, switch = pair
        ami.writes_files = False
        fact = await switch.execute(OpenCapture(*AIM, Kind.AUDIO))
        assert isinstance(fact, f.CaptureRefused)
        assert "no file appeared" in fact.reason
        assert ami.monitors["PJSIP/101-00000001"] == [], "nothing runs that nobody knows of"

    async def test_where_the_spool_is_elsewhere_whoever_sees_it_is_asked(self, pair, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
        ami, switch = pair
        eyes = switch._recorder._elsewhere = Eyes(None)
        fact = await switch.execute(OpenCapture(*AIM, Kind.AUDIO))
        assert isinstance(fact, f.CaptureOpened), "nobody can say: Asterisk is taken at its word"
        await switch.execute(CloseCapture(*AIM))
        (tmp_path / PATH).unlink()
        ami.writes_files = False
        eyes.sees = True
        fact = await switch.execute(OpenCapture(*AIM, Kind.AUDIO))
        assert isinstance(fact, f.CaptureRefused)
        assert "no file appeared" in fact.reason
        assert ami.monitors["PJSIP/101-00000001"] == []
        eyes.at = datetime(2026, 11, 30, tzinfo=UTC)
        assert isinstance(await switch.execute(OpenCapture(*AIM, Kind.AUDIO)), f.CaptureOpened)

    async def test_a_mute_of_nothing_is_a_refusal(self, pair) -> None:  # type: ignore[no-untyped-def]
        ami, switch = pair
        assert isinstance(await switch.execute(MaskCapture(*AIM)), f.CaptureMaskRefused)
        await switch.execute(OpenCapture(*AIM, Kind.AUDIO))
        ami.monitors["PJSIP/101-00000001"] = [("0x77", "/tmp/foreign.wav")]
        fact = await switch.execute(MaskCapture(*AIM))
        assert isinstance(fact, f.CaptureMaskRefused), (
            "Asterisk said Success, but there was no monitor of ours"
        )

    async def test_no_answer_is_a_refusal_and_stops_what_may_run(self, pair) -> None:  # type: ignore[no-untyped-def]
        ami, switch = pair
        ami.silent.add("MixMonitor")
        ami.monitors["PJSIP/101-00000001"] = [("0x5", f"{ami.spool}/{PATH}")]
        fact = await switch.execute(OpenCapture(*AIM, Kind.AUDIO))
        assert isinstance(fact, f.CaptureRefused)
        assert [a["MixMonitorID"] for a in ami.of("StopMixMonitor")] == ["0x5"]
        ami.silent = {"MixMonitorMute", "StopMixMonitor"}
        ami.monitors["PJSIP/101-00000001"] = [("0x6", f"{ami.spool}/{PATH}")]
        assert isinstance(await switch.execute(MaskCapture(*AIM)), f.CaptureMaskRefused)
        assert isinstance(await switch.execute(UnmaskCapture(*AIM)), f.CaptureUnmaskRefused)
        assert isinstance(await switch.execute(CloseCapture(*AIM)), f.CaptureCloseRefused)

    async def test_a_leg_that_is_gone(self, pair) -> None:  # type: ignore[no-untyped-def]
        ami, switch = pair
        gone = ("REC1.1", "nobody", PATH)
        assert isinstance(await switch.execute(OpenCapture(*gone, Kind.AUDIO)), f.CaptureRefused)
        assert isinstance(await switch.execute(CloseCapture(*gone)), f.CaptureClosed)
        assert ami.of("MixMonitor") == []

    async def test_video_is_refused(self, pair) -> None:  # type: ignore[no-untyped-def]
        _, switch = pair
        fact = await switch.execute(OpenCapture("REC1.1", "u1", PATH.replace("wav", "mp4"), Kind.VIDEO))
        assert isinstance(fact, f.CaptureRefused)
        assert fact.reason == "this switch cannot record video"

    @pytest.mark.parametrize(
        "path", ["a,b.wav", "a b.wav", "a;rm.wav", "a${X}.wav", "a\r\nAction: Logoff.wav"]
    )
    async def test_a_path_that_could_be_more_than_a_path(self, pair, path: str) -> None:  # type: ignore[no-untyped-def]
        ami, switch = pair
        fact = await switch.execute(OpenCapture("REC1.1", "u1", path, Kind.AUDIO))
        assert isinstance(fact, f.CaptureRefused)
        assert ami.of("MixMonitor") == []

    async def test_a_monitor_stopped_by_a_dialplan_is_told(
        self, tmp_path: Path, eventually: Eventually
    ) -> None:
        async with ScriptedAmi(tmp_path) as ami:
            ami.rows = BRIDGED
            async with Bench(ami.config()) as bench:
                await eventually(lambda: bench.states() == ["recording"], "a recording")
                ami.monitors["PJSIP/101-00000001"] = []
                ami.event("MixMonitorStop", **ONE)
                # The core opens the next segment at once: no recording is lost to somebody's StopMixMonitor.
                await eventually(lambda: len(ami.of("MixMonitor")) == 2, "the next segment")
                causes = [x.cause for x in bench.of(f.CaptureClosed)]
                assert causes == ["stopped by somebody else"]
                await eventually(lambda: bench.states() == ["recording"], "recording again")


class TestBus:
    async def test_announcements_are_user_events(self, tmp_path: Path, eventually: Eventually) -> None:
        async with ScriptedAmi(tmp_path) as ami, Bench(ami.config()) as bench:
            await up(bench, eventually)
            await bench.switch.execute(
                Announce(
                    "u1", (("Action", "paused"), ("Call-ID", "C1"), ("Reason", "a\r\nAction: Originate"))
                )
            )
            (sent,) = ami.of("UserEvent")
            assert sent["UserEvent"] == "TapelineRecording"
            assert (sent["Recording-Action"], sent["Leg-Id"], sent["Call-ID"]) == ("paused", "u1", "C1")
            assert sent["Reason"] == "a Action: Originate"
            assert ami.of("Originate") == []

    async def test_a_request_is_answered_to_whoever_asked(
        self, tmp_path: Path, eventually: Eventually
    ) -> None:
        async with ScriptedAmi(tmp_path) as ami, Bench(ami.config()) as bench:
            await up(bench, eventually)
            ask = {"UserEvent": "TapelineRequest", "Operation": "pause-recording", "Session-Id": "nobody"}
            ami.event("UserEvent", **ask, **{"Request-Id": "theirs-1"})
            await eventually(lambda: bench.outcomes, "an outcome")
            await bench.switch.message(bench.outcomes[0])
            await bench.switch.message(bench.outcomes[0])  # once only
            await bench.switch.message(ControlOutcome("from-the-api", True, "paused"))
            (sent,) = ami.of("UserEvent")
            assert (sent["Request-ID"], sent["Accepted"], sent["Reason"]) == (
                "theirs-1",
                "false",
                "no such call",
            )

    async def test_codes_are_bound_where_pjsip_conf_has_not(
        self, tmp_path: Path, eventually: Eventually
    ) -> None:
        async with ScriptedAmi(tmp_path) as ami:
            ami.rows = [ONE]
            ami.variables["PJSIP/101-00000001", "DYNAMIC_FEATURES"] = "theirs#tapeline-pause"
            async with Bench(ami.config()) as bench:
                await up(bench, eventually)
                await bench.switch.execute(BindFeatureCodes("u1", ()))
                bound = ami.variables["PJSIP/101-00000001", "DYNAMIC_FEATURES"]
                assert bound == "#".join(["theirs", *FEATURES])
                before = len(ami.of("Setvar"))
                await bench.switch.execute(BindFeatureCodes("u1", ()))
                assert len(ami.of("Setvar")) == before


async def test_a_refused_message_is_logged_with_its_reason(
    tmp_path: Path, eventually: Eventually, capsys: pytest.CaptureFixture[str]
) -> None:
    async with ScriptedAmi(tmp_path) as ami, Bench(ami.config()) as bench:
        await up(bench, eventually)
        ami.event("UserEvent", UserEvent="TapelineMessage", Body="%%%")
        ami.event("UserEvent", UserEvent="TapelineRequest", Operation="x")
        seen = ""

        def logged() -> bool:
            nonlocal seen
            seen += capsys.readouterr().out
            return seen.count("control.refused") == 2

        await eventually(logged, "two refusals in the log")
        assert "unknown operation" in seen
        assert bench.requests == []


async def test_an_event_that_we_fail_at_costs_none_of_the_others(
    tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with ScriptedAmi(tmp_path) as ami, Bench(ami.config()) as bench:
        await up(bench, eventually)
        translate = bench.switch._translator.facts

        def broken(event: Headers) -> list[f.Fact]:
            if event["Uniqueid"] == "u1":
                raise ZeroDivisionError("a bug of ours")
            return translate(event)

        monkeypatch.setattr(bench.switch._translator, "facts", broken)
        ami.event("Newchannel", **ONE)
        ami.event("Newchannel", **TWO)
        await eventually(lambda: bench.of(f.LegStarted), "the one after it")
        assert bench.switch.status.state is LinkState.UP
