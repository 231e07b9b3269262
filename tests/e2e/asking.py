"""Every means by which a recording is paused and resumed. Each tells when its request had left."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

from controller.demo.phone import Dialog

from .system import JSON_CONTROL, TEXT_CONTROL, System

#: Asks the one who asks (the first dialog) to pause or resume the call with the other one. Returns
#: time.time() at which the request's last packet left.
Ask = Callable[[System, Dialog, Dialog, str], Awaitable[float]]

CODES = {"pause": "*48", "resume": "*49"}


async def by_code(system: System, me: Dialog, other: Dialog, verb: str) -> float:
    return await me.send_digits(CODES[verb])


async def by_message(system: System, me: Dialog, other: Dialog, verb: str) -> float:
    body = json.dumps({"operation": f"{verb}-audio-recording", "session_id": me.session_id})
    reply = await me.phone.message(other.phone.user, f"\r\n {body}\r\n\r\n", JSON_CONTROL)
    assert reply.status == 202, reply.message.start
    return reply.sent_at


async def by_message_in_dialog(system: System, me: Dialog, other: Dialog, verb: str) -> float:
    reply = await me.message(f"{verb}-audio-recording", TEXT_CONTROL)
    assert reply.status in (200, 202), reply.message.start
    return reply.sent_at


async def by_api(system: System, me: Dialog, other: Dialog, verb: str) -> float:
    at = time.time()
    answer = await system.control(me.call_id, f"{verb}-audio-recording")
    assert answer.status == 200, answer
    state = {"pause": "paused", "resume": "recording"}[verb]
    assert [c["state"] for c in answer.body["captures"]] == [state], answer.body
    return at


async def by_bus(system: System, me: Dialog, other: Dialog, verb: str) -> float:
    return await bus_request(system, f"{verb}-recording", me.session_id or "")


async def bus_request(system: System, operation: str, session_id: str) -> float:
    """Ask on the switch's own bus, as an operator's script would."""
    if system.kind == "freeswitch":
        return await send_event(
            system,
            f"sendevent CUSTOM\nEvent-Subclass: tapeline::request\nOperation: {operation}\n"
            f"Session-Id: {session_id}\nRequest-ID: r1",
        )
    reader, writer = await asyncio.open_connection(system.lab.control_host, system.lab.control_port)
    await reader.readline()
    at = 0.0
    for action in (
        f"Action: Login\r\nUsername: {system.lab.username}\r\nSecret: {system.lab.password}\r\nEvents: off",
        "Action: UserEvent\r\nUserEvent: TapelineRequest\r\n"
        f"Operation: {operation}\r\nSession-Id: {session_id}",
    ):
        at = time.time()
        writer.write((action + "\r\n\r\n").encode())
        await reader.readuntil(b"\r\n\r\n")
    writer.close()
    return at


async def send_event(system: System, text: str) -> float:
    """One command on FreeSWITCH's event socket; when it left."""
    reader, writer = await asyncio.open_connection(system.lab.control_host, system.lab.control_port)
    await reader.readuntil(b"\n\n")
    at = 0.0
    for line in (f"auth {system.lab.password}", text):
        at = time.time()
        writer.write((line + "\n\n").encode())
        await reader.readuntil(b"\n\n")
    writer.close()
    return at
