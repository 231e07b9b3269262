"""What the engine relies on in every switch: `engine.ports.Switch`, tried on all that implement it."""

from __future__ import annotations

import wave
from datetime import UTC, timedelta

import pytest

from controller.core import facts as f
from controller.core.commands import (
    Announce,
    BindFeatureCodes,
    CaptureCommand,
    CloseCapture,
    Command,
    KeepCapture,
    Layout,
    MaskCapture,
    OpenCapture,
    PlaySound,
    Sound,
    UnmaskCapture,
)
from controller.core.feature_codes import DEFAULT_CODES
from controller.core.media_kinds import Kind
from controller.core.requests import ControlOutcome
from controller.engine.ids import new_id, now
from controller.engine.ports import LinkState, SwitchDown

from .benches import Bench

pytestmark = pytest.mark.asyncio(loop_scope="module")


def aim(leg_id: str) -> tuple[str, str, str]:
    """(capture id, leg, path) of a capture that has never been."""
    recording = new_id()
    return f"{recording}.1", leg_id, f"acme.test/2026/11/22/{recording}.1.wav"


def leg_of(bench: Bench, leg_id: str, start: int = 0) -> list[f.Fact]:
    return [x for x in bench.facts[start:] if getattr(x, "leg_id", None) == leg_id]


def party_of(facts: list[f.Fact], leg_id: str) -> tuple[str | None, str | None]:
    """(tenant, user) by the last fact that tells."""
    known = [
        x.party for x in facts
        if isinstance(x, f.LegStarted | f.LegIdentified) and x.leg_id == leg_id and x.party is not None
    ]  # fmt: skip
    return known[-1].tenant, known[-1].user


async def test_the_first_fact_after_connecting_is_a_snapshot(bench: Bench) -> None:
    before = bench.switch.status
    assert (before.kind, before.name) == (bench.switch.kind, bench.switch.name)
    assert before.state is LinkState.CONNECTING
    await bench.connect()
    assert isinstance(bench.facts[0], f.SwitchSnapshot)
    assert bench.facts[0].legs == {}
    assert bench.facts[0].captures == ()
    status = bench.switch.status
    assert (status.state, status.error) == (LinkState.UP, "")
    assert status.version
    assert status.since.utcoffset() is not None


async def test_a_call_from_its_beginning_to_its_end(bench: Bench) -> None:
    await bench.connect()
    caller, callee = await bench.call()
    await bench.hang_up()
    await bench.until(lambda: len(bench.of(f.LegHungUp)) >= 2, "both legs hung up")
    assert caller != callee
    for leg_id, user, calling in ((caller, bench.users[0], True), (callee, bench.users[1], False)):
        told = leg_of(bench, leg_id)
        kinds = [type(x) for x in told]
        assert kinds[0] is f.LegStarted
        assert isinstance(told[0], f.LegStarted)
        assert (told[0].calling, told[0].recordable) == (calling, True)
        assert kinds.count(f.LegStarted) == kinds.count(f.LegHungUp) == 1
        assert kinds.index(f.LegAnswered) < len(kinds) - 1 - kinds[::-1].index(f.LegHungUp)
        assert kinds.index(f.BridgeEntered) < kinds.index(f.LegHungUp)
        assert party_of(bench.facts, leg_id) == user
    everyone = bench.of(f.BridgeEntered)
    assert len({x.bridge_id for x in everyone if x.leg_id in (caller, callee)}) == 1
    [second] = [x for x in bench.of(f.LegStarted) if x.leg_id == callee]
    assert second.origin == caller, "for whom the second leg was made"
    assert all(x.at.tzinfo is not None and x.at.astimezone(UTC) for x in bench.facts)


async def test_a_capture_from_open_to_close(bench: Bench) -> None:
    await bench.connect()
    leg_id, _ = await bench.call()
    it = aim(leg_id)
    opened = await bench.switch.execute(OpenCapture(*it, Kind.AUDIO))
    assert isinstance(opened, f.CaptureOpened)
    assert opened.capture_id == it[0]
    file = bench.spool / it[2]
    await bench.until(file.exists, "the file")
    for command, done in (
        (MaskCapture, f.CaptureMasked), (MaskCapture, f.CaptureMasked),
        (UnmaskCapture, f.CaptureUnmasked), (UnmaskCapture, f.CaptureUnmasked),
        (MaskCapture, f.CaptureMasked),
    ):  # fmt: skip
        fact = await bench.switch.execute(command(*it))
        assert isinstance(fact, done), "harmless when repeated"
        assert fact.capture_id == it[0]
    for _ in range(2):
        closed = await bench.switch.execute(CloseCapture(*it))
        assert isinstance(closed, f.CaptureClosed), "harmless when repeated"
        assert closed.capture_id == it[0]


async def test_the_file_is_a_wav(bench: Bench) -> None:
    await bench.connect()
    leg_id, _ = await bench.call()
    it = aim(leg_id)
    await bench.switch.execute(OpenCapture(*it, Kind.AUDIO))
    file = bench.spool / it[2]
    await bench.until(file.exists, "the file")
    await bench.hang_up()
    await bench.until(lambda: len(bench.of(f.LegHungUp)) >= 2, "the end")
    if bench.switch.kind == "asterisk" and file.read_bytes() == b"RIFF":
        return  # the scripted AMI writes that much

    def readable() -> bool:
        if not file.exists():  # FreeSWITCH removes one that got no frame
            return True
        try:
            with wave.open(str(file)) as audio:
                return audio.getsampwidth() == 2 and audio.getframerate() in (8000, 16000, 48000)
        except (wave.Error, EOFError):
            return False

    await bench.until(readable, "a readable WAV")


async def test_two_captures_on_one_leg(bench: Bench) -> None:
    await bench.connect()
    leg_id, _ = await bench.call()
    one, two = aim(leg_id), aim(leg_id)
    for it in (one, two):
        assert isinstance(await bench.switch.execute(OpenCapture(*it, Kind.AUDIO)), f.CaptureOpened)
    assert isinstance(await bench.switch.execute(CloseCapture(*one)), f.CaptureClosed)
    assert isinstance(await bench.switch.execute(MaskCapture(*two)), f.CaptureMasked)
    assert isinstance(await bench.switch.execute(CloseCapture(*two)), f.CaptureClosed)


async def test_captures_end_with_their_leg(bench: Bench) -> None:
    await bench.connect()
    leg_id, _ = await bench.call()
    it = aim(leg_id)
    await bench.switch.execute(OpenCapture(*it, Kind.AUDIO))
    await bench.hang_up()
    await bench.until(lambda: leg_id in {x.leg_id for x in bench.of(f.LegHungUp)}, "the end")
    assert isinstance(await bench.switch.execute(CloseCapture(*it)), f.CaptureClosed), "gone is closed"
    for command in (MaskCapture, UnmaskCapture):
        fact = await bench.switch.execute(command(*it))
        assert isinstance(fact, f.CaptureMaskRefused | f.CaptureUnmaskRefused)
        assert fact.reason


@pytest.mark.parametrize("leg_id", ["00000000-0000-0000-0000-000000000000", "1795376974.99999"])
async def test_a_leg_that_does_not_exist(bench: Bench, leg_id: str) -> None:
    await bench.connect()
    it = aim(leg_id)
    opened = await bench.switch.execute(OpenCapture(*it, Kind.AUDIO))
    assert isinstance(opened, f.CaptureRefused)
    assert (opened.capture_id, bool(opened.reason)) == (it[0], True)
    assert isinstance(await bench.switch.execute(MaskCapture(*it)), f.CaptureMaskRefused)
    assert isinstance(await bench.switch.execute(UnmaskCapture(*it)), f.CaptureUnmaskRefused)
    assert isinstance(await bench.switch.execute(CloseCapture(*it)), f.CaptureClosed)
    assert not (bench.spool / it[2]).exists()


async def test_a_capture_that_does_not_run(bench: Bench) -> None:
    await bench.connect()
    leg_id, _ = await bench.call()
    it = aim(leg_id)
    assert isinstance(await bench.switch.execute(MaskCapture(*it)), f.CaptureMaskRefused)
    assert isinstance(await bench.switch.execute(UnmaskCapture(*it)), f.CaptureUnmaskRefused)
    assert isinstance(await bench.switch.execute(CloseCapture(*it)), f.CaptureClosed)


async def test_codes_and_announcements_have_no_result(bench: Bench) -> None:
    await bench.connect()
    leg_id, _ = await bench.call()
    assert await bench.switch.execute(BindFeatureCodes(leg_id, tuple(DEFAULT_CODES.items()))) is None
    assert await bench.switch.execute(Announce(leg_id, (("Action", "paused"),))) is None
    assert await bench.switch.execute(Announce(None, (("Action", "paused"),))) is None
    await bench.switch.message(ControlOutcome("Q1", True, "done", call_id="C1"))


@pytest.mark.parametrize("sound", list(Sound))
async def test_a_sound_for_a_leg_that_does_not_exist(bench: Bench, sound: Sound) -> None:
    """An announcement always comes to an end, or recording would wait for it; a tone is not waited for."""
    await bench.connect()
    told = await bench.switch.execute(PlaySound("1795376974.99999", sound, "no/such", "acme.test"))
    if sound is not Sound.ANNOUNCEMENT:
        assert told is None
        return
    assert isinstance(told, f.AnnouncementPlayed)
    assert (told.leg_id, told.tenant) == ("1795376974.99999", "acme.test")
    assert told.error


def every_command(leg_id: str) -> list[Command]:
    it = aim(leg_id)
    captures: list[CaptureCommand] = [OpenCapture(*it, Kind.AUDIO), CloseCapture(*it), MaskCapture(*it)]
    return [
        *captures, UnmaskCapture(*it), BindFeatureCodes(leg_id, ()), Announce(leg_id, ()),
        PlaySound(leg_id, Sound.BEEP), PlaySound(leg_id, Sound.ANNOUNCEMENT, "hello", "acme.test"),
        KeepCapture(*it[:2]),
    ]  # fmt: skip


async def test_before_there_is_a_connection_nothing_can_be_told(bench: Bench) -> None:
    for command in every_command("1795376974.1"):
        with pytest.raises(SwitchDown):
            await bench.switch.execute(command)
    await bench.switch.message(ControlOutcome("Q1", True, "done"))


async def test_a_cut_and_what_the_snapshot_then_tells(bench: Bench) -> None:
    await bench.connect()
    caller, callee = await bench.call()
    masked, running = aim(caller), aim(callee)
    for it in (masked, running):
        assert isinstance(await bench.switch.execute(OpenCapture(*it, Kind.AUDIO)), f.CaptureOpened)
    assert isinstance(await bench.switch.execute(MaskCapture(*masked)), f.CaptureMasked)

    await bench.cut()
    await bench.until(lambda: bench.switch.status.state is LinkState.DOWN, "down")
    assert bench.switch.status.error
    for command in every_command(caller):
        with pytest.raises(SwitchDown):
            await bench.switch.execute(command)

    before = len(bench.facts)
    await bench.mend()
    seen = await bench.snapshot(2)
    assert bench.facts[before] is seen, "before anything else"
    assert bench.switch.status.state is LinkState.UP
    assert set(seen.legs) == {caller, callee}
    for leg_id, user in zip((caller, callee), bench.users, strict=True):
        told = list(seen.legs[leg_id])
        assert isinstance(told[0], f.LegStarted)
        assert party_of(list(told), leg_id) == user
        assert any(isinstance(x, f.LegAnswered) for x in told)
    inside = [x.bridge_id for told in seen.legs.values() for x in told if isinstance(x, f.BridgeEntered)]
    assert len(inside) == 2
    assert len(set(inside)) == 1
    captures = {c.capture_id: c for c in seen.captures}
    assert {c: (x.leg_id, x.path, bool(x.masked)) for c, x in captures.items()} == {
        masked[0]: (caller, masked[2], True), running[0]: (callee, running[2], False),
    }  # fmt: skip
    assert isinstance(await bench.switch.execute(UnmaskCapture(*masked)), f.CaptureUnmasked), "still obeys"
    for it in (masked, running):
        assert isinstance(await bench.switch.execute(CloseCapture(*it)), f.CaptureClosed)


async def test_what_a_capture_is_is_left_with_it(bench: Bench) -> None:
    """Whoever finds it without its row knows when it began, what it takes, and whether it is kept."""
    await bench.connect()
    caller, callee = await bench.call()
    provisional, started, own = aim(caller), aim(callee), aim(callee)
    begun = now()
    for it in (provisional, started):
        command = OpenCapture(*it, Kind.AUDIO, provisional=True)
        assert isinstance(await bench.switch.execute(command), f.CaptureOpened)
    command = OpenCapture(*own, Kind.AUDIO, True, Layout.MONO)
    assert isinstance(await bench.switch.execute(command), f.CaptureOpened)
    assert await bench.switch.execute(KeepCapture(*started[:2])) is None
    await bench.cut()
    await bench.until(lambda: bench.switch.status.state is LinkState.DOWN, "down")
    await bench.mend()
    seen = {c.capture_id: c.note for c in (await bench.snapshot(2)).captures}
    notes = [seen[it[0]] for it in (provisional, started, own)]
    assert [n and (n.provisional, n.own_voice_only, n.layout) for n in notes] == [
        (True, False, Layout.MONO), (False, False, Layout.MONO), (False, True, Layout.MONO),
    ]  # fmt: skip
    assert all(n and abs(n.requested_at - begun) < timedelta(seconds=30) for n in notes)


async def test_what_ended_during_a_cut_is_not_in_the_snapshot(bench: Bench) -> None:
    await bench.connect()
    leg_id, _ = await bench.call()
    await bench.switch.execute(OpenCapture(*aim(leg_id), Kind.AUDIO))
    await bench.cut()
    await bench.until(lambda: bench.switch.status.state is LinkState.DOWN, "down")
    await bench.hang_up()
    await bench.mend()
    number = 2
    # A real switch may take a moment over the goodbye, and the link may be there before it.
    while (seen := await bench.snapshot(number)).legs:
        await bench.cut()
        await bench.mend()
        number += 1
        assert number < 50
    assert (dict(seen.legs), seen.captures) == ({}, ())
