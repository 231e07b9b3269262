"""The engine over a switch in memory: commands at once, nothing lost, everything answered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from controller.core import facts as f
from controller.core.calls import Call
from controller.core.commands import (
    CloseCapture,
    Command,
    MaskCapture,
    OpenCapture,
    PlaySound,
    Sound,
    UnmaskCapture,
)
from controller.core.effects import Effects
from controller.core.options import options_from
from controller.core.parties import UNKNOWN
from controller.core.policy import Policy
from controller.core.recording import THE_SWITCH_DIED
from controller.core.requests import Means, Refusal, TenantActor, UserActor
from controller.engine import engine as engine_module
from controller.engine import saver, settling, switch_engine
from controller.engine.ports import LinkState, SwitchDown
from controller.switches.fake import FakeSwitch
from tests.policies import policy_of, tenant_rule

from .bench import MemoryCatalog, Running, now, user

Eventually = Callable[..., Awaitable[None]]


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saver, "RETRY_S", 0.01)
    monkeypatch.setattr(switch_engine, "TICK_S", 0.05)
    monkeypatch.setattr(settling, "SETTLE_S", 0.5)
    monkeypatch.setattr(engine_module, "POLICY_POLL_S", 0.02)


async def recording(running: Running, eventually: Eventually) -> tuple[str, str]:
    """A recorded call of 101 with 102."""
    legs = running.switch.call(user("101"), user("102"))
    await eventually(lambda: running.states() == ["recording"], "recording")
    return legs


async def test_a_call_is_recorded_and_saved(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path) as running:
        legs = await recording(running, eventually)
        running.switch.hang_up(*legs)
        await eventually(lambda: running.ended, "told that a call has ended")
        [call] = running.catalog.calls.values()
        assert call.ended_at is not None
        [segment] = call.recordings[0].segments
        assert (tmp_path / segment.path).stat().st_size >= 44
        assert running.engine.live_calls() == []
        stats = running.engine.engines[0].stats
        assert stats.facts > 6
        assert stats.commands > 2


# ── the catalog never delays a command ────────────────────────────────────────────────────


async def test_a_pause_goes_out_while_the_catalog_is_blocked(
    tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saver, "ALARM_S", 0.1)
    async with Running(tmp_path) as running:
        running.catalog.free.clear()
        leg, _ = await recording(running, eventually)
        started = time.monotonic()
        report = await running.ask("pause-recording", leg)
        assert time.monotonic() - started < 0.3
        assert [c.state for c in report.captures] == ["paused"]
        assert running.executed() == ["OpenCapture R2.1", "MaskCapture R2.1"]
        assert running.catalog.calls == {}
        waits = running.engine.engines[0].saver
        await eventually(lambda: waits.error == "the database does not answer", "an alarm")
        assert waits.waiting == 1, "what is being written is not written yet"
        running.catalog.free.set()
        await eventually(lambda: running.catalog.calls, "saved afterwards")
        await eventually(
            lambda: (
                [c.recordings[0].open_pause is not None for c in running.catalog.calls.values()] == [True]
            ),
            "the pause is in the catalog",
        )


async def test_a_failing_catalog_loses_nothing(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path) as running:
        running.catalog.failures = 5
        for number in range(103, 113):
            legs = running.switch.call(user("101"), user(str(number)))
            await eventually(lambda: running.states() == ["recording"], "recording")
            running.switch.hang_up(*legs)
        await eventually(
            lambda: sum(c.ended_at is not None for c in running.catalog.calls.values()) == 10,
            "ten ended calls",
        )
        assert all(c.recordings[0].segments[0].state.final for c in running.catalog.calls.values())


async def test_a_clean_end_writes_what_is_waiting(tmp_path: Path, eventually: Eventually) -> None:
    catalog = MemoryCatalog()
    async with Running(tmp_path, catalog) as running:
        catalog.free.clear()
        legs = await recording(running, eventually)
        running.switch.hang_up(*legs)
        assert running.task is not None
        running.task.cancel()
        await asyncio.sleep(0)
        catalog.free.set()
    [call] = catalog.calls.values()
    assert call.ended_at is not None


# ── order ─────────────────────────────────────────────────────────────────────────────────


async def test_commands_of_one_call_stay_in_order(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path) as running:
        running.switch.fault(OpenCapture, delay_s=0.05)
        leg, _ = running.switch.call(user("101"), user("102"))
        asks = [
            asyncio.create_task(running.ask(f"{verb}-recording", leg))
            for verb in ("pause", "resume", "pause", "resume", "stop")
        ]
        reports = await asyncio.gather(*asks)
        assert [r.outcome.accepted for r in reports] == [True] * 5
        await eventually(lambda: not running.switch.captures and running.executed(), "stopped")
        verbs = [x.split()[0] for x in running.executed()]
        assert verbs[0] == "OpenCapture"
        assert verbs[-1] == "CloseCapture"
        assert verbs.count("MaskCapture") >= verbs.count("UnmaskCapture")


async def test_a_call_that_is_slow_delays_no_other(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path) as running:
        running.switch.fault(OpenCapture, lose=True)
        running.switch.call(user("101"), user("102"))
        await eventually(lambda: len(running.executed()) == 1, "the open that nobody answers")
        running.switch.heal()
        started = time.monotonic()
        running.switch.call(user("103"), user("104"))
        await eventually(lambda: "recording" in running.states(), "the other call is recorded")
        assert time.monotonic() - started < 0.15, "less than the time-out of the first"


# ── requests ──────────────────────────────────────────────────────────────────────────────


async def test_requests_on_the_bus_are_answered(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path) as running:
        leg, _ = await recording(running, eventually)
        running.switch.ask(running.request("pause-recording", leg))
        running.switch.ask(running.request("pause-recording", "nobody"))
        running.switch.ask(running.request("resume-recording", leg, Means.FEATURE_CODE))
        await eventually(lambda: len(running.switch.messages) == 2, "two answers")
        done, refused = running.switch.messages
        assert (done.request_id, done.accepted) == (f"Q{leg}", True)
        assert (refused.request_id, refused.refusal) == ("Qnobody", Refusal.NO_SUCH_CALL)
        assert running.engine.engines[0].stats.refused == {str(Refusal.NO_SUCH_CALL): 1}


async def test_control_waits_for_the_switch(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path) as running:
        leg, _ = await recording(running, eventually)
        running.switch.fault(MaskCapture, delay_s=0.1)
        report = await running.ask("pause-audio-recording", leg)
        [capture] = report.captures
        assert (capture.state, capture.kind, capture.capture_id) == ("paused", "audio", "R2.1")


async def test_control_does_not_wait_for_ever(
    tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settling, "SETTLE_S", 0.1)
    async with Running(tmp_path) as running:
        leg, _ = await recording(running, eventually)
        running.switch.fault(MaskCapture, delay_s=0.3)
        report = await running.ask("pause-recording", leg)
        assert [c.state for c in report.captures] == ["masking"], "the truth: asked and not confirmed"
        await eventually(lambda: running.states() == ["paused"], "paused in the end")


async def test_what_cannot_be_masked_is_closed(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path) as running:
        leg, _ = await recording(running, eventually)
        running.switch.fault(MaskCapture, refuse="not today")
        report = await running.ask("pause-recording", leg)
        assert report.outcome.accepted
        await eventually(lambda: not running.switch.captures, "nothing runs that should be silent")


async def test_a_refused_close_is_tried_again(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path) as running:
        leg, _ = await recording(running, eventually)
        running.switch.fault(CloseCapture, refuse="not today")
        await running.ask("stop-recording", leg)
        await eventually(lambda: running.executed().count("CloseCapture R2.1") >= 3, "tries")
        running.switch.heal()
        await eventually(lambda: not running.switch.captures, "closed in the end")


async def test_a_name_that_two_switches_know_is_not_guessed(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path, names=("one", "two")) as running:
        for switch in running.switches:
            a = switch.start_leg(user("101"), aliases=("shared",))
            b = switch.start_leg(user("102"), calling=False, origin=a)
            switch.bridge(a, b)
        await eventually(lambda: running.states() == ["recording"] * 2, "both are recorded")
        assert (await running.ask("pause-recording", "shared")).outcome.refusal is Refusal.AMBIGUOUS
        assert (await running.ask("pause-recording", "nobody")).outcome.refusal is Refusal.NO_SUCH_CALL
        assert running.states() == ["recording"] * 2
        assert (await running.ask("pause-recording", "two-leg-1")).outcome.accepted
        assert sorted(running.states()) == ["paused", "recording"]


async def test_another_tenant_s_administrator_may_not(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path) as running:
        leg, _ = await recording(running, eventually)
        report = await running.ask("pause-recording", leg, TenantActor("other.test", "eve"))
        assert not report.outcome.accepted
        assert (report.captures, running.states()) == ((), ["recording"])


# ── errors and breaks ─────────────────────────────────────────────────────────────────────


async def test_an_error_of_ours_ends_nothing(
    tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Running(tmp_path) as running:
        desk = running.engine.engines[0].desk
        apply = desk.apply

        def broken(fact: f.Fact) -> object:
            if isinstance(fact, f.LegHeld):
                raise ZeroDivisionError("a bug of ours")
            return apply(fact)

        monkeypatch.setattr(desk, "apply", broken)
        leg, _ = await recording(running, eventually)
        running.switch.hold(leg)
        assert (await running.ask("pause-recording", leg)).captures[0].state == "paused"


async def test_an_adapter_that_breaks_is_shown_down_and_the_others_go_on(
    tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("controller.engine.backoff.FIRST_S", 0.05)
    async with Running(tmp_path, names=("one", "two")) as running:
        one, two = running.switches
        two.call(user("101"), user("102"))
        await eventually(lambda: running.states() == ["recording"], "recording")
        broken = [True]
        snapshot = one.snapshot

        def raising() -> f.SwitchSnapshot:
            if broken:
                raise KeyError("a bug of the adapter")
            return snapshot()

        monkeypatch.setattr(one, "snapshot", raising)
        one.disconnect("for a moment")
        one.reconnect()
        await eventually(lambda: "KeyError" in running.engine.switches()[0].error, "said")
        first, second = running.engine.switches()
        assert (first.state, second.state) == (LinkState.DOWN, LinkState.UP)
        assert running.task is not None
        assert not running.task.done()
        two.call(user("103"), user("104"))
        await eventually(lambda: running.states() == ["recording"] * 2, "the other one goes on")
        broken.clear()
        await eventually(lambda: running.engine.switches()[0].state is LinkState.UP, "up again")
        assert running.engine.switches()[0].error == ""
        one.call(user("101"), user("102"))
        await eventually(lambda: running.states() == ["recording"] * 3, "and is of use")


async def test_a_tick_that_fails_at_one_call_ends_nothing_and_serves_the_others(
    tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Running(tmp_path, acme(longest_pause_s=1, beep_every_s=5)) as running:
        ticks: list[str] = []
        desk = running.engine.engines[0].desk
        tick = desk.tick

        def broken(call: Call, at: datetime) -> Effects:
            if any(leg.party.user == "101" for leg in call.live_legs):
                ticks.append(call.call_id)
                raise ZeroDivisionError("a bug of ours")
            return tick(call, at)

        monkeypatch.setattr(desk, "tick", broken)
        await recording(running, eventually)
        await eventually(lambda: len(ticks) >= 2, "asked again")
        leg, _ = running.switch.call(user("103"), user("104"))
        await eventually(lambda: running.states() == ["recording"] * 2, "both go on")
        await running.ask("pause-recording", leg)
        assert running.states() == ["recording", "paused"]
        await eventually(lambda: running.states() == ["recording"] * 2, "the other call's pause has its end")


async def test_an_adapter_that_raises_is_a_refusal(
    tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Running(tmp_path) as running:
        execute = running.switch.execute

        async def raising(command: object) -> object:
            if isinstance(command, UnmaskCapture):
                raise RuntimeError("a bug of the adapter")
            return await execute(command)  # type: ignore[arg-type]

        monkeypatch.setattr(running.switch, "execute", raising)
        leg, _ = await recording(running, eventually)
        await running.ask("pause-recording", leg)
        await running.ask("resume-recording", leg)
        assert running.task is not None
        assert not running.task.done()
        # What can no longer be unmasked goes on in a segment of its own.
        await eventually(lambda: "OpenCapture R2.2" in running.executed(), "the next segment")
        assert (await running.ask("pause-recording", leg)).outcome.accepted


async def test_a_pause_asked_while_the_switch_is_away_is_made_up_for(
    tmp_path: Path, eventually: Eventually
) -> None:
    async with Running(tmp_path) as running:
        leg, _ = await recording(running, eventually)
        running.switch.disconnect("the cable")
        [status] = running.engine.switches()
        assert (status.state, status.error) == (LinkState.DOWN, "the cable")
        assert running.engine.records_video() == {status.name: running.switch.video_supported}
        with pytest.raises(SwitchDown):
            await running.switch.execute(MaskCapture("R2.1", leg, "x"))
        assert (await running.ask("pause-recording", leg)).outcome.accepted
        running.switch.reconnect()
        await eventually(lambda: running.states() == ["paused"], "paused")
        assert running.switch.captures["R2.1"].masked


async def test_a_crashed_switch_ends_its_calls(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path) as running:
        await recording(running, eventually)
        running.switch.crash()
        running.switch.reconnect()
        await eventually(lambda: running.ended, "the call has ended")
        [call] = running.catalog.calls.values()
        assert call.recordings[0].segments[0].state.final
        assert call.recordings[0].segments[0].cause == THE_SWITCH_DIED


async def test_a_restart_goes_on_with_what_runs(tmp_path: Path, eventually: Eventually) -> None:
    switch = FakeSwitch("pbx", tmp_path, now)
    catalog = MemoryCatalog()
    async with Running(tmp_path, catalog, switches=[switch]) as running:
        leg, _ = await recording(running, eventually)
        await running.ask("pause-recording", leg)
    catalog.open["pbx"] = list(catalog.calls.values())
    async with Running(tmp_path, catalog, switches=[switch], prefix="S") as again:
        await eventually(lambda: again.states() == ["paused"], "the pause is kept")
        assert (await again.ask("resume-recording", leg)).captures[0].capture_id == "R2.1"
        assert again.states() == ["recording"]
        assert again.executed().count("OpenCapture R2.1") == 1, "one capture through it all"


# ── settings ──────────────────────────────────────────────────────────────────────────────


async def test_settings_changed_elsewhere_count_for_running_calls(
    tmp_path: Path, eventually: Eventually
) -> None:
    catalog = MemoryCatalog(Policy())
    async with Running(tmp_path, catalog) as running:
        running.switch.call(user("101"), user("102"))
        assert running.states() == []
        catalog.policy_failures = 3
        catalog.settings = MemoryCatalog().settings
        await eventually(lambda: running.states() == ["recording"], "recorded from now on")


async def test_nobody_is_recorded_before_the_settings_are_read(tmp_path: Path) -> None:
    catalog = MemoryCatalog()
    catalog.policy_failures = 1
    running = Running(tmp_path, catalog)
    with pytest.raises(ConnectionError):
        await running.engine.run()
    assert running.switch.status.state is LinkState.CONNECTING


async def test_external_parties_alone_are_not_recorded(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path) as running:
        a, b = await recording(running, eventually)
        c = running.switch.start_leg(UNKNOWN, calling=False, origin=b)
        outside = running.switch.start_leg(UNKNOWN, calling=False, origin=a)
        running.switch.bridge(c, outside)
        running.switch.hang_up(a, b)
        await eventually(lambda: not running.switch.captures, "no capture runs")


# ── what the tenant chose ─────────────────────────────────────────────────────────────────


def acme(**options: object) -> MemoryCatalog:
    """acme's calls are recorded, with these options."""
    rules = policy_of(tenant_rule("acme.test", True), options={"acme.test": options_from(options)})
    return MemoryCatalog(rules)


@pytest.mark.parametrize(
    ("wish", "reply", "told"),
    [("on_request", False, 0), ("on_request", True, 1), ("always", False, 1), ("never", True, 0)],
)
async def test_an_app_hears_what_came_of_its_message(
    tmp_path: Path, eventually: Eventually, wish: str, reply: bool, told: int
) -> None:
    async with Running(tmp_path, acme(message_answers=wish)) as running:
        a, _ = await recording(running, eventually)
        request = running.request("pause-audio-recording", a, Means.MESSAGE)
        running.switch.ask(replace(request, actor=UserActor("acme.test", "101"), reply=reply))
        await eventually(lambda: running.states() == ["paused"], "paused")
        again = running.request("pause-audio-recording", "nonsense", Means.MESSAGE)
        running.switch.ask(replace(again, actor=UserActor("acme.test", "101"), reply=reply))
        running.switch.ask(running.request("pause-audio-recording", a, Means.BUS))
        await eventually(lambda: len(running.switch.messages) == 2 * told + 1, "answered")
        answers = [m.accepted for m in running.switch.messages if m.answer]
        assert sorted(answers) == [False, True] * told


async def test_an_app_is_told_when_the_switch_has_not_confirmed(
    tmp_path: Path, eventually: Eventually
) -> None:
    async with Running(tmp_path, acme(message_answers="always")) as running:
        a, _ = await recording(running, eventually)
        running.switch.fault(MaskCapture, delay_s=1.0)
        request = running.request("pause-audio-recording", a, Means.MESSAGE)
        running.switch.ask(replace(request, actor=UserActor("acme.test", "101")))
        await eventually(lambda: running.switch.messages, "answered")
        assert "not confirmed" in running.switch.messages[0].reason


async def test_recording_waits_for_the_announcement(tmp_path: Path, eventually: Eventually) -> None:
    catalog = acme(announcement="consent", announce_to="everybody")
    async with Running(tmp_path, catalog) as running:
        running.switch.fault(PlaySound, delay_s=0.3)
        running.switch.call(user("101"), user("102"))
        await eventually(lambda: running.states() == ["waiting"], "waiting for the announcement")
        assert not running.switch.captures
        await eventually(lambda: running.states() == ["recording"], "recording")
        played = [c for c in running.switch.executed if isinstance(c, PlaySound)]
        assert [p.sound for p in played] == [Sound.ANNOUNCEMENT] * 2


async def test_an_announcement_that_raises_costs_no_recording(
    tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with Running(tmp_path, acme(announcement="consent", announce_to="everybody")) as running:
        execute = running.switch.execute

        async def broken(command: Command) -> f.CaptureFact | f.AnnouncementPlayed | None:
            if isinstance(command, PlaySound):
                raise RuntimeError("no sound")
            return await execute(command)

        monkeypatch.setattr(running.switch, "execute", broken)
        await recording(running, eventually)


async def test_a_forgotten_pause_ends_by_itself(tmp_path: Path, eventually: Eventually) -> None:
    async with Running(tmp_path, acme(longest_pause_s=1)) as running:
        a, b = await recording(running, eventually)
        await running.ask("pause-recording", a)
        assert running.states() == ["paused"]
        await eventually(lambda: running.states() == ["recording"], "resumed by the limit")
        running.switch.hang_up(a, b)
        await eventually(lambda: running.ended, "saved")
        [call] = running.catalog.calls.values()
        [pause] = call.recordings[0].pauses
        assert pause.ended_means is Means.LIMIT
