"""Other people's calls: hundreds at once, with sound both ways, from a process of their own.

``crowd(lab, pair, n)`` has them up while it is entered. One loop sends the packets of all of them, each
20 ms; what comes back is not read. So it costs the machine as little as it can, and the switch as much
as real calls do.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from controller.demo.phone import Dialog, Phone, digital_silence

#: So many calls are set up at a time.
AT_ONCE = 5
PACKET_S = 0.020
#: The packets of one tick leave in so many portions, as those of many phones would.
PORTIONS = 8
PATIENCE_S = 180
_HEADER = struct.Struct("!BBHII")


@asynccontextmanager
async def crowd(lab: Any, pair: tuple[str, str], calls: int) -> AsyncIterator[int]:
    """So many calls of this pair are up; gives how many there are. Raises RuntimeError if none can be."""
    if not calls:
        yield 0
        return
    base = lab.sip_host.rsplit(".", 1)[0]
    wanted = {
        "server": [lab.sip_host, lab.sip_port],
        "calls": calls,
        "people": [
            {
                "user": user,
                "password": lab.users[user][0],
                "tenant": lab.users[user][1],
                "ip": f"{base}.{31 + n}",
            }
            for n, user in enumerate(pair)
        ],
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.crowd", json.dumps(wanted),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    try:
        async with asyncio.timeout(PATIENCE_S):
            ready = await process.stdout.readline()
        if not ready:
            raise RuntimeError("the crowd could not call")
        yield int(ready)
    finally:
        process.stdin.close()
        async with asyncio.timeout(PATIENCE_S):
            await process.wait()


class Pump(threading.Thread):
    """Sends a packet of sound on each socket every 20 ms, until told to stop."""

    def __init__(self, lines: list[tuple[socket.socket, tuple[str, int]]]) -> None:
        super().__init__(daemon=True)
        self._stop_it = threading.Event()
        self._lines = []
        sound = bytes(0x80 | (n % 0x50) for n in range(160))
        for number, (line, remote) in enumerate(lines):
            line.connect(remote)
            self._lines.append((line, bytearray(_HEADER.pack(0x80, 0, 0, 0, number + 1) + sound)))

    def run(self) -> None:
        portions = [self._lines[n::PORTIONS] for n in range(PORTIONS)]
        began, tick = time.monotonic(), 0
        while not self._stop_it.is_set():
            for number, portion in enumerate(portions):
                due = began + (tick + number / PORTIONS) * PACKET_S
                time.sleep(max(0.0, due - time.monotonic()))
                head = struct.pack("!HI", tick & 0xFFFF, (tick * 160) & 0xFFFFFFFF)
                for line, packet in portion:
                    packet[2:8] = head
                    try:
                        line.send(packet)
                    except OSError:
                        continue  # the peer has gone; its call ends by itself
            tick += 1

    def stop(self) -> None:
        self._stop_it.set()
        self.join()


async def _main(wanted: dict[str, Any]) -> None:
    server = (wanted["server"][0], wanted["server"][1])
    phones = [
        Phone(p["user"], p["ip"], server, p["password"], domain=p["tenant"], source=digital_silence())
        for p in wanted["people"]
    ]
    for phone in phones:
        await phone.start()
        await phone.register()
    caller, callee = phones
    gate = asyncio.Semaphore(AT_ONCE)
    lines: list[tuple[socket.socket, tuple[str, int]]] = []

    def quiet(dialog: Dialog) -> None:
        if dialog.rtp.remote is not None:
            lines.append((dialog.rtp.hand_over(), dialog.rtp.remote))

    async def one() -> bool:
        async with gate:
            try:
                quiet(await caller.call(callee.user))
                quiet(await callee.next_call())
            except (TimeoutError, OSError):
                return False
            return True

    up = sum(await asyncio.gather(*(one() for _ in range(wanted["calls"]))))
    pump = Pump(lines)
    pump.start()
    await asyncio.sleep(3)  # until every recording runs
    print(up, flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    pump.stop()
    for phone in phones:
        await phone.close()


if __name__ == "__main__":
    asyncio.run(_main(json.loads(sys.argv[1])))
