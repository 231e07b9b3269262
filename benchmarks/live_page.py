"""The live page's stream: many calls that change, many browsers that see them change."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import re
import sys
import tempfile
import time
from urllib.parse import urlsplit

from .live_server import TENANTS, account_of
from .result import Aim, Result, percentile

CALLS, CLIENTS = 200, 50
#: Each call changes every ten seconds.
RATES = tuple(int(r) for r in os.environ.get("LIVE_RATES", "20,50").split(","))
SECONDS = float(os.environ.get("LIVE_SECONDS", "15"))
AIM_MS = 200
_STAMP = re.compile(rb'data-find="at(\d+)ns')


def run() -> Result:
    result = Result("live_page", f"The live page with {CALLS} calls and {CLIENTS} browsers")
    for rate, levels in itertools.product(RATES, (False, True)):
        with tempfile.TemporaryDirectory(prefix="tapeline-live-spool-") as spool:
            asyncio.run(_measure(result, rate, spool, levels=levels))
    return result


async def _measure(result: Result, rate: int, spool: str, *, levels: bool) -> None:
    sound = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.live_sound", spool, str(CALLS)
    )
    try:
        await _measured(result, rate, spool, levels=levels)
    finally:
        sound.terminate()
        await sound.wait()


async def _measured(result: Result, rate: int, spool: str, *, levels: bool) -> None:
    server = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.live_server", str(CALLS), str(rate), str(CLIENTS), spool,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, limit=1 << 20,
    )  # fmt: skip
    assert server.stdin
    assert server.stdout
    try:
        begun = json.loads(await server.stdout.readline())
        clients = [_Client(begun["url"], cookie, levels=levels) for cookie in begun["cookies"]]
        began = time.monotonic()
        reading = [asyncio.create_task(c.read()) for c in clients]
        await asyncio.gather(*(c.complete.wait() for c in clients))
        opened_s = time.monotonic() - began
        server.stdin.write(b"go\n")
        await asyncio.sleep(SECONDS)
        server.stdin.write(b"end\n")
        said = json.loads(await server.stdout.readline())
        await asyncio.sleep(0.5)
        for task in reading:
            task.cancel()
    finally:
        server.terminate()
        await server.wait()
    _note(result, rate, clients, said, opened_s, levels=levels)


def _note(
    result: Result, rate: int, clients: list[_Client], said: dict[str, float], opened_s: float,
    *, levels: bool,
) -> None:  # fmt: skip
    took = [ms for client in clients for ms in client.took]
    seen = sum(1.0 if account_of(n).tenant is None else 1 / TENANTS for n in range(CLIENTS))
    p99, due = percentile(took, 0.99), said["changes"] * seen
    result.rows.append({
        "changes a second": rate, "levels": "shown" if levels else "none",
        "cards sent": len(took), "of those due %": round(100 * len(took) / due, 1),
        "p50 ms": round(percentile(took, 0.5), 1), "p99 ms": round(p99, 1),
        "server's CPU %": round(100 * said["cpu_s"] / SECONDS, 1),
        "CPU per card µs": round(1e6 * said["cpu_s"] / len(took)),
        "all pages complete after s": round(opened_s, 2),
        "KB a second to a browser": round(sum(c.read_bytes for c in clients) / CLIENTS / SECONDS / 1000, 1),
        "reading all files once, ms": round(1000 * said["look_s"], 1),
    })  # fmt: skip
    shown = ", with levels" if levels else ""
    what = f"{rate} changes a second{shown}: from the change to the card at the browser, p99"
    result.aims.append(Aim(what, f"≤ {AIM_MS} ms", f"{p99:.0f} ms", p99 <= AIM_MS))


class _Client:
    """One browser's stream, read and timed."""

    def __init__(self, url: str, cookie: str, *, levels: bool) -> None:
        self._where, self._cookie, self._levels = urlsplit(url), cookie, levels
        self.complete, self.took, self.read_bytes = asyncio.Event(), list[float](), 0

    async def read(self) -> None:
        reader, writer = await asyncio.open_connection(self._where.hostname, self._where.port, limit=1 << 22)
        headers = f"Host: {self._where.netloc}\r\nCookie: tapeline={self._cookie}"
        path = f"/live/stream?levels={str(self._levels).lower()}"
        writer.write(f"GET {path} HTTP/1.1\r\n{headers}\r\n\r\n".encode())
        rest = b""
        while piece := await reader.read(1 << 16):
            now = time.monotonic_ns()
            rest += piece
            self.read_bytes += len(piece)
            done = rest.rfind(b"\n\n")
            whole, rest = rest[: done + 2], rest[done + 2 :]
            if not self.complete.is_set():
                if b"event: complete" in whole:
                    self.complete.set()
                continue
            self.took += [(now - int(at)) / 1e6 for at in _STAMP.findall(whole)]
