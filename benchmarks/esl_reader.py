"""One reader of the event socket, a process of its own: ``python -m benchmarks.esl_reader WHICH PORT COUNT``.

Prints one line of JSON: how many events came, wall and CPU seconds from the subscription to the
last event, and the peak of resident memory. Only what one reader needs is imported.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any

#: No event for so long, and the rest counts as lost.
SILENCE_S = 10.0
#: How long the "stalled" reader's loop stands still while the events queue up.
STALL_S = 2.0


def memory_mb(which: str) -> float:
    """VmRSS or VmHWM of this process. Not getrusage: its peak survives an exec."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(which + ":"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


class Count:
    """Counts to the end and keeps the two clocks."""

    def __init__(self, wanted: int) -> None:
        self.wanted, self.events, self.facts = wanted, 0, 0
        self.before_mb = memory_mb("VmRSS")
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def report(self) -> None:
        wall, cpu = time.perf_counter() - self.wall, time.process_time() - self.cpu
        report = {
            "events": self.events, "facts": self.facts, "wall_s": wall, "cpu_s": cpu,
            "before_mb": self.before_mb, "peak_mb": memory_mb("VmHWM"),
        }  # fmt: skip
        print(json.dumps(report), flush=True)


async def _all_in(count: Count, done: asyncio.Event) -> None:
    seen = -1
    while not done.is_set() and count.events != seen:
        seen = count.events
        try:
            async with asyncio.timeout(SILENCE_S):
                await done.wait()
        except TimeoutError:
            continue


async def ours(port: int, wanted: int, stall_s: float = 0.0) -> None:
    """What `tapeline serve` does with an event until the core has it: EventSocket, then all of the
    adapter (ears, queues, Record key, video watch, facts, requests), of which only the core is left out."""
    import structlog

    from controller.config import FreeSwitchConfig
    from controller.engine.ids import new_id, now
    from controller.switches.freeswitch.adapter import FreeSwitch
    from controller.switches.freeswitch.connection import Event, EventSocket
    from controller.switches.freeswitch.verbs import SUBSCRIPTION

    # That what the captures hold is refused is no news here, and stdout is the report's.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    config = FreeSwitchConfig(
        kind="freeswitch", name="bench", password="x", spool=Path("/spool"), trunk_profiles={"external"}
    )
    switch = FreeSwitch(config, new_id, now)
    done = asyncio.Event()

    def fact(_: object) -> None:
        count.facts += 1

    def counted(events: Iterable[Event]) -> Iterator[Event]:
        for event in events:
            count.events += 1
            yield event

    def take(events: Iterable[Event]) -> None:
        switch._events(counted(events))
        if count.events >= count.wanted:
            done.set()

    switch._on_fact = switch._on_request = fact
    socket = EventSocket("127.0.0.1", port, "x", take)
    await socket.open()
    count = Count(wanted)
    await socket.send(SUBSCRIPTION, 10)
    if stall_s:
        time.sleep(stall_s)  # noqa: ASYNC251 - that the loop stands still is the point
    await _all_in(count, done)
    count.report()
    await socket.close()


class _Bare(asyncio.Protocol):
    """The least that an asyncio reader must do: split frames by Content-Length, orjson.loads."""

    def __init__(self, loads: Callable[[bytes], object], wanted: int, done: asyncio.Event) -> None:
        self.loads, self.done = loads, done
        self.buffer = bytearray()
        self.length = -1
        self.count = Count(wanted)

    def data_received(self, data: bytes) -> None:
        buffer, at = self.buffer, 0
        buffer += data
        while True:
            if self.length < 0:
                end = buffer.find(b"\n\n", at)
                if end < 0:
                    break
                head = bytes(buffer[at:end])
                at = end + 2
                start = head.find(b"Content-Length: ")
                if start < 0:
                    continue
                stop = head.find(b"\n", start)
                self.length = int(head[start + 16 : stop if stop > 0 else None])
            if len(buffer) - at < self.length:
                break
            self.loads(bytes(buffer[at : at + self.length]))
            at += self.length
            self.length = -1
            self.count.events += 1
        del buffer[:at]
        if self.count.events >= self.count.wanted:
            self.done.set()


async def bare(port: int, wanted: int) -> None:
    import orjson

    done = asyncio.Event()
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_connection(
        lambda: _Bare(orjson.loads, wanted, done), "127.0.0.1", port
    )
    protocol.count = Count(wanted)
    transport.write(b"auth x\n\nevent json ALL\n\n")
    await _all_in(protocol.count, done)
    protocol.count.report()
    transport.close()


def greenswitch(port: int, wanted: int) -> None:
    """Stock greenswitch as its README shows it: connect, a handler, events in plain."""
    import gevent
    from greenswitch import InboundESL

    client = InboundESL("127.0.0.1", port, "x")
    client.connect()
    count = Count(wanted)
    done = gevent.event.Event()

    def handle(event: object) -> None:
        count.events += 1
        if count.events >= count.wanted:
            done.set()

    client.register_handle("*", handle)
    client.send("event plain ALL")
    seen = -1
    while not done.wait(SILENCE_S) and count.events != seen:
        seen = count.events
    count.report()


def main() -> None:
    which, port, wanted = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if which == "greenswitch":
        greenswitch(port, wanted)
        return
    name, _, loop = which.partition("+")
    readers: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        "tapeline": lambda: ours(port, wanted),
        "stalled": lambda: ours(port, wanted, STALL_S),
        "bare": lambda: bare(port, wanted),
    }
    reader = readers[name]
    if loop == "uvloop":
        import uvloop

        uvloop.run(reader())
    else:
        asyncio.run(reader())


if __name__ == "__main__":
    main()
