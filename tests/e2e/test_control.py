"""Pause and resume by every means, each checked in the audio; and everything that must be refused."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from controller.demo.listen import find_masks
from controller.demo.phone import Credentials, Dialog

from .system import JSON_CONTROL, TEXT_CONTROL, System, until

#: A mask begins and ends at a 20 ms frame, within 40 ms of the request (the aim of the project), and
#: the clocks that tell when it was asked are this process's, under load: so much on each side.
EDGE_MS = 120
#: A resume may be late on a busy machine, which loses some sound and tells nothing; a pause may not.
LATE_MS = 600

Press = Callable[[System, Dialog, Dialog, str], Awaitable[None]]


async def by_code(system: System, a: Dialog, b: Dialog, verb: str) -> None:
    await a.send_digits({"pause": "*48", "resume": "*49"}[verb])


async def by_code_of_callee(system: System, a: Dialog, b: Dialog, verb: str) -> None:
    await b.send_digits({"pause": "*48", "resume": "*49"}[verb])


async def by_message(system: System, a: Dialog, b: Dialog, verb: str) -> None:
    body = json.dumps({"operation": f"{verb}-audio-recording", "session_id": a.session_id})
    reply = await system.phone("101").message("102", body, JSON_CONTROL)
    assert reply.message.status == 202


async def by_message_of_callee(system: System, a: Dialog, b: Dialog, verb: str) -> None:
    body = json.dumps({"operation": f"{verb}-audio-recording", "session_id": b.session_id})
    reply = await system.phone("102").message("101", f"\r\n {body}\r\n\r\n", JSON_CONTROL)
    assert reply.message.status == 202


async def by_message_in_dialog(system: System, a: Dialog, b: Dialog, verb: str) -> None:
    reply = await a.message(f"{verb}-audio-recording", TEXT_CONTROL)
    assert reply.message.status in (200, 202)


async def by_api(system: System, a: Dialog, b: Dialog, verb: str) -> None:
    answer = await system.control(a.call_id, f"{verb}-audio-recording")
    assert answer.status == 200, answer
    state = {"pause": "paused", "resume": "recording"}[verb]
    assert [c["state"] for c in answer.body["captures"]] == [state], answer.body


async def by_bus(system: System, a: Dialog, b: Dialog, verb: str) -> None:
    await bus_request(system, f"{verb}-recording", a.session_id or "")


MEANS = {
    "feature_code": by_code,
    "feature_code (callee)": by_code_of_callee,
    "message": by_message,
    "message (callee)": by_message_of_callee,
    "message_in_dialog": by_message_in_dialog,
    "api": by_api,
    "bus": by_bus,
}


@pytest.mark.parametrize("means", MEANS)
async def test_a_pause_is_silence_in_the_file_and_nothing_else_is(system: System, means: str) -> None:
    press = MEANS[means]
    a, b = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    await press(system, a, b, "pause")
    asked = time.time()
    await system.recording_up(call_id, "paused")
    await asyncio.sleep(1.0)
    await press(system, a, b, "resume")
    resumed = time.time()
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    assert (a.rtp.digits, b.rtp.digits) == ("", ""), "the other party must hear no digit"
    assert system.phone("101").messages + system.phone("102").messages == [], "no phone may get the request"
    await a.bye()
    [recording] = await system.recordings(call_id)
    masks = find_masks(await system.audio(recording["recording"]["recording_id"]))
    assert len(masks) == 1, masks
    longer = (masks[0][1] - masks[0][0]) - (resumed - asked) * 1000
    assert -EDGE_MS < longer < LATE_MS, (masks, resumed - asked)
    [pause] = recording["pauses"]
    assert pause["means"] == means.partition(" ")[0]
    assert pause["ended_means"] == means.partition(" ")[0]
    if pause["means"] not in ("api", "bus"):
        assert pause["asked_by"] == ("102@acme.test" if "callee" in means else "101@acme.test")
    assert abs(pause["from_ms"] - masks[0][0]) < EDGE_MS
    assert abs(pause["to_ms"] - masks[0][1]) < LATE_MS


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


async def bus_request(system: System, operation: str, session_id: str) -> None:
    """Ask on the switch's own bus, as an operator's script would."""
    if system.kind == "freeswitch":
        await send_event(
            system,
            f"sendevent CUSTOM\nEvent-Subclass: tapeline::request\nOperation: {operation}\n"
            f"Session-Id: {session_id}\nRequest-ID: r1",
        )
        return
    reader, writer = await asyncio.open_connection(system.lab.control_host, system.lab.control_port)
    await reader.readline()
    for action in (
        f"Action: Login\r\nUsername: {system.lab.username}\r\nSecret: {system.lab.password}\r\nEvents: off",
        "Action: UserEvent\r\nUserEvent: TapelineRequest\r\n"
        f"Operation: {operation}\r\nSession-Id: {session_id}",
    ):
        writer.write((action + "\r\n\r\n").encode())
        await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def send_event(system: System, text: str) -> None:
    reader, writer = await asyncio.open_connection(system.lab.control_host, system.lab.control_port)
    await reader.readuntil(b"\n\n")
    for line in (f"auth {system.lab.password}", text):
        writer.write((line + "\n\n").encode())
        await reader.readuntil(b"\n\n")
    writer.close()
