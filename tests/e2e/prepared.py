"""Controllers that start at once: a process that has loaded all of one forks for each that a test starts.

To load takes seconds of processor time, more than most tests; hundreds are started. What is forked is a
process like any other, with a session, an environment and a log of its own. tests/test_serve.py and the demo
start it as users do.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from controller.demo.lab import start_process
from controller.demo.running import STARTUP_S

#: As in linux/prctl.h.
_PR_SET_PDEATHSIG = 1


class Prepared:
    """The process that forks, and those that it has forked. `start` is as `start_process`, for
    ``python -m MODULE …``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writer: asyncio.StreamWriter | None = None
        self._ending: list[asyncio.Task[object]] = []
        self._forked: dict[int, Forked] = {}
        self._begun: asyncio.Queue[Forked] = asyncio.Queue()
        self._one_at_a_time = asyncio.Lock()

    async def start(self, command: Sequence[str], log: Path, *, environ: Mapping[str, str]) -> Forked:
        _python, _m, module, *arguments = command
        log.touch()
        asked = {"module": module, "arguments": arguments, "environ": dict(environ), "log": str(log)}
        async with self._one_at_a_time:
            if self._writer is None:
                self._writer = await self._prepare()
            self._writer.write(json.dumps(asked).encode() + b"\n")
            await self._writer.drain()
            return await self._begun.get()

    async def stop(self) -> None:
        if self._writer is not None:
            self._writer.write_eof()
            await asyncio.gather(*self._ending)
            self._writer.close()

    async def _prepare(self) -> asyncio.StreamWriter:
        path = str(self._folder / "socket")
        here: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        server = await asyncio.start_unix_server(lambda *both: here.put_nowait(both), path)
        environ = {**os.environ, "PYTHONUNBUFFERED": "1"}
        process = await start_process(
            [sys.executable, "-m", __name__, path], self._folder / "log", environ=environ
        )
        async with asyncio.timeout(STARTUP_S):
            reader, writer = await here.get()
        server.close()
        self._ending = [asyncio.create_task(self._read(reader)), asyncio.create_task(process.wait())]
        return writer

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            said = json.loads(line)
            if "status" in said:
                self._forked.pop(said["pid"]).ended(said["status"])
            else:
                self._forked[said["pid"]] = forked = Forked(said["pid"])
                self._begun.put_nowait(forked)


class Forked:
    """As far as it is used, an `asyncio.subprocess.Process`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._over = asyncio.Event()

    def ended(self, returncode: int) -> None:
        self.returncode = returncode
        self._over.set()

    async def wait(self) -> int:
        await self._over.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


# ── the process that forks ────────────────────────────────────────────────────────────────────


def _serve(path: str) -> None:
    for module in ("controller.cli.serve", "controller.bootstrap"):
        importlib.import_module(module)
    asked = socket.socket(socket.AF_UNIX)
    asked.connect(path)
    # Whoever ends is told by a signal, which wakes the loop up.
    ended, wakes = socket.socketpair()
    wakes.setblocking(False)
    signal.set_wakeup_fd(wakes.fileno())
    signal.signal(signal.SIGCHLD, lambda *_: None)
    rest = b""
    while True:
        ready, _, _ = select.select([asked, ended], [], [])
        if ended in ready:
            ended.recv(4096)
            for pid, status in _reaped():
                _say(asked, pid=pid, status=os.waitstatus_to_exitcode(status))
        if asked in ready:
            if not (got := asked.recv(1 << 16)):
                return
            *lines, rest = (rest + got).split(b"\n")
            for line in lines:
                pid = os.fork()
                if not pid:
                    _become(**json.loads(line))
                _say(asked, pid=pid)


def _reaped() -> Iterator[tuple[int, int]]:
    with contextlib.suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            yield found


def _say(to: socket.socket, **what: int) -> None:
    to.sendall(json.dumps(what).encode() + b"\n")


def _become(module: str, arguments: list[str], environ: dict[str, str], log: str) -> NoReturn:
    """As `start_process` would have started it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    output = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, 1024)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    _serve(sys.argv[1])
