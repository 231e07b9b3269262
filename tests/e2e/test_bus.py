"""The switch's own bus: another listener hears what becomes of a recording, and a request is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .asking import bus_request
from .system import System, until

Told = list[dict[str, str]]


@asynccontextmanager
async def listener(system: System) -> AsyncIterator[Told]:
    """Somebody else's connection to the switch, which collects what Tapeline tells."""
    reader, writer = await asyncio.open_connection(system.lab.control_host, system.lab.control_port)
    told: Told = []
    read = _freeswitch if system.kind == "freeswitch" else _asterisk
    ready = asyncio.Event()
    task = asyncio.create_task(read(system, reader, writer, told, ready))
    try:
        await asyncio.wait_for(ready.wait(), 5)
        yield told
    finally:
        task.cancel()
        writer.close()


async def _freeswitch(
    system: System,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    told: Told,
    ready: asyncio.Event,
) -> None:
    await reader.readuntil(b"\n\n")
    for line in (f"auth {system.lab.password}", "event json CUSTOM tapeline::recording"):
        writer.write((line + "\n\n").encode())
        await reader.readuntil(b"\n\n")
    ready.set()
    while True:
        head = (await reader.readuntil(b"\n\n")).decode()
        length = next(int(x.split(":")[1]) for x in head.splitlines() if x.startswith("Content-Length"))
        told.append(json.loads(await reader.readexactly(length)))


async def _asterisk(
    system: System,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    told: Told,
    ready: asyncio.Event,
) -> None:
    await reader.readline()
    writer.write(
        f"Action: Login\r\nUsername: {system.lab.username}\r\nSecret: {system.lab.password}\r\n\r\n".encode()
    )
    while True:
        frame = (await reader.readuntil(b"\r\n\r\n")).decode(errors="replace")
        fields = dict(x.split(": ", 1) for x in frame.split("\r\n") if ": " in x)
        if fields.get("Response"):
            ready.set()
        if fields.get("UserEvent") == "TapelineRecording":
            fields["Action"] = fields.pop("Recording-Action")
            told.append(fields)


async def test_every_change_of_a_recording_is_told(system: System) -> None:
    async with listener(system) as told:
        a, _ = await system.call("101", "102")
        call_id = await system.call_id("101")
        await system.recording_up(call_id)
        await system.control(call_id, "pause-audio-recording")
        await system.control(call_id, "resume-audio-recording")
        await asyncio.sleep(0.3)
        await a.bye()

        def actions() -> list[str]:
            return [t["Action"] for t in told if t.get("Call-ID") == call_id]

        async def complete() -> bool:
            return len(actions()) >= 4

        await until(complete, "four announcements")
        assert actions() == ["started", "paused", "resumed", "ended"]
    [recording] = await system.recordings(call_id)
    ours = [t for t in told if t.get("Call-ID") == call_id]
    assert {t["Recording-ID"] for t in ours} == {recording["recording"]["recording_id"]}
    assert {t["Kind"] for t in ours} == {"audio"}


async def test_a_request_on_the_bus_is_answered_there(system: System) -> None:
    async with listener(system) as told:
        await bus_request(system, "pause-recording", "no-such-session")

        async def answered() -> bool:
            return any(t["Action"] == "answer" for t in told)

        await until(answered, "an answer")
        [answer] = [t for t in told if t["Action"] == "answer"]
        assert (answer["Accepted"], answer["Reason"]) == ("false", "no such call")
