"""The controller's own worker: a process beside it, so that no work on files keeps a call waiting.

Reading, joining, measuring and drawing hours of sound take the interpreter's lock as much as the processor;
in threads of the controller they would hold up its event loop, and with it every pause. What the process
is at is in the catalog, so it may die at any moment: another one is started and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from ..engine.metrics import Histogram

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S, _LAST_PAUSE_S = 0.5, 30.0
#: One that has run for so long was no bad start: the next one comes at once.
_WELL_AFTER_S = 60.0
#: The process gives back what it is at, and is killed if it takes longer.
_CLOSE_S = 6.0
#: What a poke may be about.
RECORDING, CHOSEN = b"p", b"c"
_MOST_PENDING = 8
#: All its threads shall use the memory that any of them has given back, and what is large goes back to the
#: system at once (glibc): left to itself it keeps some for each thread, and of each size that it has seen go.
_ENVIRONMENT = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(128 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(128 * 1024),
}


class WorkerChild:
    """``command`` starts it, ``settings`` is what it is given first, by its input: nothing of it is seen in
    the list of processes. A byte more is a poke (`RECORDING`, `CHOSEN`), the input's end is its own. It says
    what is wrong, what its steps took and how the stores are in lines of JSON, ``{"error": …}``,
    ``{"took": …}``, ``{"away": …}``, ``{"plain": …}``; its log goes where ours goes."""

    def __init__(
        self, command: Sequence[str], settings: Callable[[], bytes], *, close_s: float = _CLOSE_S
    ) -> None:
        self._command = command
        self._settings = settings
        self._close_s = close_s
        self._process: asyncio.subprocess.Process | None = None
        self.error = ""
        #: (step, done or failed) → how long, since the process began that runs now.
        self.took: dict[tuple[str, str], Histogram] = {}
        #: Stores that take no files → why.
        self.away: dict[str, str] = {}
        #: Section of [[sealing]] → how many files lie plain that shall not, and why.
        self.plain: dict[str, tuple[int, str]] = {}

    @property
    def pid(self) -> int | None:
        """Of the process that runs now, if one does."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def poke(self) -> None:
        """A recording may have ended: look soon. To be called on the event loop."""
        self._write(RECORDING)

    def poke_redactor(self) -> None:
        """A span was chosen, or taken back: look at once. To be called on the event loop."""
        self._write(CHOSEN)

    def _write(self, byte: bytes) -> None:
        process = self._process
        if process is None or process.stdin is None:
            return  # the next one looks when it begins
        with contextlib.suppress(OSError, RuntimeError):
            # One that has not read the last pokes needs no other, and must not fill our memory.
            if process.stdin.transport.get_write_buffer_size() < _MOST_PENDING:
                process.stdin.write(byte)

    async def run(self) -> None:
        """Keep one running. Never returns by itself; cancel it to stop."""
        pause = _FIRST_PAUSE_S
        while True:
            began = time.monotonic()
            try:
                code = await self._live()
            except OSError as error:
                self._tell(f"it cannot be started: {error}")
            else:
                self._tell(self.error or f"it ended ({code}) and is started again")
            if time.monotonic() - began > _WELL_AFTER_S:
                pause = _FIRST_PAUSE_S
            await asyncio.sleep(pause)
            pause = min(_LAST_PAUSE_S, pause * 2)

    def _told(self, said: Mapping[str, Any]) -> None:
        self.error = str(said.get("error", self.error))
        self.away = said.get("away", self.away)
        if "plain" in said:
            self.plain = {name: (files, why) for name, (files, why) in said["plain"].items()}
        for step, result, counts, total in said.get("took", ()):
            # In place: whoever shows the numbers holds on to this dict.
            self.took[step, result] = Histogram(counts, total)

    def _tell(self, why: str) -> None:
        log.warning("the process that works on recordings has gone", why=why)
        self.error = why

    async def _live(self) -> int:
        """One process's life; its exit code. Raises OSError."""
        pipe = asyncio.subprocess.PIPE
        # In a session of its own: a Ctrl-C is for us, who end it in good order; and its niceness counts
        # against every other session (see worker_process.gentle).
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=pipe, stdout=pipe, start_new_session=True, env=_ENVIRONMENT | os.environ
        )
        self._process = process
        self.took.clear()
        self.away, self.plain = {}, {}
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            settings = self._settings()
            process.stdin.write(len(settings).to_bytes(4) + settings)
            async for line in process.stdout:
                self._told(json.loads(line))
            return await process.wait()
        finally:
            await self._end(process)
            self._process = None

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(self._close_s):
                await process.wait()
        except TimeoutError:
            log.warning("the process that works on recordings did not end in time and is killed")
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
