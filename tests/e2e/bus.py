"""Listening on the switch's own bus, as somebody else's script would."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .system import System

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
