"""Pause and resume by every means, each checked in the audio; and everything that must be refused."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from benchmarks.numbered import Located, numbered
from controller.demo.listen import find_masks, read_wav
from controller.demo.phone import Credentials, digital_silence

from .asking import CODES, Ask, bus_request, by_api, by_bus, by_code, by_message, by_message_in_dialog
from .system import JSON_CONTROL, TEXT_CONTROL, System, until

#: From the last packet of a request to the first packet that is not (or is again) in the file. The
#: project's aim is 40 ms at the 99th percentile, and docs/performance.md has what a quiet machine does;
#: here phones, controller and switch share one that tests keep busy (10 to 75 ms were seen at a load of
#: four for each core). A delay that is always there is in the best as well; a single one may be the
#: machine's, and early is a switch that was late with what it had received before.
BEST_MS, WORST_MS = 100, 250
#: The page of a recording draws a pause where the file is silent. The file's clock is that of the packets
#: and the journal's is the wall's; what a busy machine loses of the one comes between them.
DRAWN_BEST_MS, DRAWN_WORST_MS = 60, 300
#: Between two requests. Longer than WORST_MS, so that every pause stands alone in the file.
APART_S = 0.3
REQUESTS = 2


@dataclass(frozen=True)
class Way:
    ask: Ask
    callee: bool
    means: str
    asked_by: str | None


WAYS = {
    "code": Way(by_code, False, "feature_code", "101@acme.test"),
    "MESSAGE": Way(by_message, False, "message", "101@acme.test"),
    "MESSAGE in the dialog": Way(by_message_in_dialog, False, "message_in_dialog", "101@acme.test"),
    "API": Way(by_api, False, "api", None),
    "bus": Way(by_bus, False, "bus", None),
    "code of the callee": Way(by_code, True, "feature_code", "102@acme.test"),
    "MESSAGE of the callee": Way(by_message, True, "message", "102@acme.test"),
    "MESSAGE in the dialog, of the callee": Way(
        by_message_in_dialog, True, "message_in_dialog", "102@acme.test"
    ),
}


async def test_by_every_means_silence_begins_at_the_pause_and_ends_at_the_resume(system: System) -> None:
    """Measured in the file: who asks says nothing, the other one a sound in which time can be read."""
    # Whose sound counts: while the callee asks, the caller's.
    sounds = {True: numbered(1, 60), False: numbered(2, 60)}
    asked: list[tuple[str, float, float]] = []
    a, b = await system.call("101", "102", source=digital_silence())
    b.rtp.play(sounds[False])
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(APART_S)
    for name, way in WAYS.items():
        me, other = (b, a) if way.callee else (a, b)
        if other.rtp.source is not sounds[way.callee]:
            me.rtp.play(digital_silence())
            other.rtp.play(sounds[way.callee])
            await asyncio.sleep(APART_S)
        for _ in range(REQUESTS):
            paused = await way.ask(system, me, other, "pause")
            await asyncio.sleep(APART_S)
            resumed = await way.ask(system, me, other, "resume")
            await asyncio.sleep(APART_S)
            asked.append((name, paused, resumed))
    assert (a.rtp.digits, b.rtp.digits) == ("", ""), "the other party must hear no digit"
    assert system.phone("101").messages + system.phone("102").messages == [], "no phone may get the request"
    await a.bye()
    [recording] = await system.recordings(call_id)
    audio = await system.audio(recording["recording"]["recording_id"])
    silences = {
        callee: Located(read_wav(audio), (a if callee else b).rtp, sound).silences()
        for callee, sound in sounds.items()
    }
    masks = find_masks(audio)
    assert len(masks) == len(asked), (masks, asked)
    late: dict[tuple[str, str], list[float]] = {(w, v): [] for w in WAYS for v in CODES}
    for number, (name, *request) in enumerate(asked):
        edges = silences[WAYS[name].callee][number]
        for verb, at, edge in zip(CODES, request, edges, strict=True):
            if edge is not None:  # where the switch has filled in, it cannot be told
                late[name, verb].append(round((edge - at) * 1000))
    for ms in late.values():
        assert ms, late
        assert min(map(abs, ms)) <= BEST_MS, late
        assert max(map(abs, ms)) <= WORST_MS, late
    # The journal says the same, and who asked for what.
    off: list[float] = []
    assert len(recording["pauses"]) == len(asked)
    for (name, *_), mask, pause in zip(asked, masks, recording["pauses"], strict=True):
        way = WAYS[name]
        assert (pause["means"], pause["ended_means"]) == (way.means, way.means), name
        if way.asked_by:
            assert (pause["asked_by"], pause["ended_by"]) == (way.asked_by, way.asked_by), name
        off += [abs(pause["from_ms"] - mask[0]), abs(pause["to_ms"] - mask[1])]
    assert min(off) <= DRAWN_BEST_MS, off
    assert max(off) <= DRAWN_WORST_MS, off


async def test_a_code_as_a_call_of_its_own_pauses_the_held_call(system: System) -> None:
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await a.hold()
    code = await system.phone("101").dial("*48")
    await system.recording_up(call_id, "paused") if system.kind == "asterisk" else await _paused(
        system, call_id
    )
    await code.wait_ended(10)
    await a.unhold()
    await asyncio.sleep(0.6)
    code = await system.phone("101").dial("*49")
    await code.wait_ended(10)
    await system.recording_up(call_id)
    await asyncio.sleep(0.6)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert [(p["means"], p["ended_means"]) for p in recording["pauses"]] == [("feature_code", "feature_code")]


async def _paused(system: System, call_id: str) -> None:
    async def there() -> bool:
        return any(
            r["paused"] for c in await system.live() if c["call_id"] == call_id for r in c["recordings"]
        )

    await until(there, "the recording is paused")


async def test_start_and_stop_by_api_for_a_call_that_the_policy_leaves_alone(system: System) -> None:
    a, _ = await system.call("102", "103")
    call_id = await system.call_id("102")
    assert (await system.control(a.call_id, "pause-audio-recording")).status == 409
    started = await system.control(call_id, "start-audio-recording")
    assert started.status == 200
    assert [c["state"] for c in started.body["captures"]] == ["recording"]
    await asyncio.sleep(0.6)
    stopped = await system.control(a.session_id or "", "stop-audio-recording")
    assert stopped.status == 200, stopped
    again = await system.control(call_id, "start-audio-recording")
    assert again.status == 200, again
    await asyncio.sleep(0.6)
    await a.bye()
    recordings = await system.recordings(call_id, 2)
    assert {r["rule"] for r in recordings} == {"requested"}
    assert all(r["recording"]["media_state"] == "available" for r in recordings)


async def test_what_must_be_refused_is_and_changes_nothing(system: System) -> None:
    a, _ = await system.call("101", "102")
    other, _ = await system.call("201", "202")
    other_id = await system.call_id("201")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await system.recording_up(other_id)

    def body(operation: str = "pause-audio-recording", session: str | None = a.session_id) -> str:
        return json.dumps({"operation": operation, "session_id": session})

    async def refused(send: Awaitable[Any], why: str) -> None:
        before = await system.refusals(why)
        await send

        async def logged() -> bool:
            return await system.refusals(why) > before

        await until(logged, f"refused because of {why!r}")

    me, stranger = system.phone("101"), system.phone("201")
    wrong = await me.message("102", body(), JSON_CONTROL, credentials=Credentials("101", "wrong"))
    assert wrong.message.status in (401, 403), wrong.message.start
    await refused(me.message("102", body(session="no-such-session"), JSON_CONTROL), "no such call")
    await refused(me.message("102", body(session=other.session_id), JSON_CONTROL), "not the requester's own")
    await refused(stranger.message("202", body(), JSON_CONTROL), "not the requester's own")
    # Asterisk knows a sender's tenant from a call of theirs only, so it says it in other words.
    idle = "not the requester's own" if system.kind == "freeswitch" else "the sender is in no call"
    await refused(system.phone("103").message("102", body(), JSON_CONTROL), idle)
    await refused(me.message("102", '{"operation": "pause-aud', JSON_CONTROL), "not JSON")
    await refused(me.message("102", body("format-the-disk"), JSON_CONTROL), "unknown operation")
    await refused(a.message("format-the-disk", TEXT_CONTROL), "unknown operation")
    await refused(bus_request(system, "pause-recording", "no-such-session"), "no such call")
    await asyncio.sleep(0.3)
    await a.bye()
    await other.bye()
    for i in (call_id, other_id):
        [recording] = await system.recordings(i)
        assert recording["pauses"] == []
        assert find_masks(await system.audio(recording["recording"]["recording_id"])) == []


async def test_somebody_elses_name_in_from_does_not_help(system: System) -> None:
    """103 signs in as itself but writes From: 101, and knows the session id of 101's call."""
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    body = json.dumps({"operation": "pause-audio-recording", "session_id": a.session_id})
    before = await system.refusals("")
    reply = await system.phone("103").message("102", body, JSON_CONTROL, from_user="101")
    if reply.message.status < 300:

        async def logged() -> bool:
            return await system.refusals("") > before

        await until(logged, "the forged request is refused")
    await asyncio.sleep(0.3)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert recording["pauses"] == []


async def test_the_outside_party_cannot_pause(system: System) -> None:
    a, _ = await system.call("outside", "101")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await a.send_digits("*48")
    await a.message("pause-audio-recording", TEXT_CONTROL)
    await asyncio.sleep(1.0)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert recording["pauses"] == []
    assert find_masks(await system.audio(recording["recording"]["recording_id"])) == []
