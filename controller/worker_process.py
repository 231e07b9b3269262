"""The process that `tapeline serve` starts to work on recordings: ``-m controller.worker_process NICE``.

The configuration comes by its input as JSON (see jobs/child.py); it ends when that input ends, so that it
never outlives a controller, however that dies.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from typing import IO, TYPE_CHECKING, Any

from .core.errors import TapelineError
from .jobs.postponed import absent

if TYPE_CHECKING:
    from .config import Config
    from .jobs.workers import Workers
    from .working import House

#: Giving back what it is at takes a moment; a thread that hangs on a file must not hold it up for ever.
_LEASH_S = 8.0
_LOOK_S = 1.0
_RENEW_S = 3600.0


def gentle(nice: int) -> None:
    """This process, and all that it starts, gives way to a switch on the same machine; and should memory run
    out, it goes first: what it is at is gone on with."""
    os.setpriority(os.PRIO_PROCESS, 0, max(nice, os.getpriority(os.PRIO_PROCESS, 0)))
    if os.getsid(0) == os.getpid():
        # Where Linux shares the processor out by sessions first (sched_autogroup), a process's niceness
        # counts within its own session only, and this is another one than the switch's.
        _note("/proc/self/autogroup", str(nice))
    _note("/proc/self/oom_score_adj", "500")


def _note(file: str, value: str) -> None:
    with contextlib.suppress(OSError), open(file, "w") as out:  # a kernel without it, or a container
        out.write(value)


def bounded(memory_mb: int) -> None:
    """Only the soft limit: a program that it starts may set one of its own."""
    limit, hard = memory_mb * 2**20, resource.getrlimit(resource.RLIMIT_DATA)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


class _Parent:
    """What the controller tells by our input: a byte is a poke (jobs/child.py), its end is ours."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self.poked: Callable[[], object] = bool
        self.chosen: Callable[[], object] = bool
        self.ended: Callable[[], object] = lambda: os._exit(0)

    def listen(self) -> None:
        """In a thread, for ever."""
        while pokes := os.read(self._source.fileno(), 4096):
            if b"p" in pokes:
                self.poked()
            if b"c" in pokes:
                self.chosen()
        self.ended()
        time.sleep(_LEASH_S)
        os._exit(0)


def main(arguments: list[str]) -> int:
    gentle(int(arguments[0]))
    # Libraries print where they like; what we have to say gets a channel of its own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    # Not buffered: what comes behind the settings is for the thread that listens.
    source = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 - as long as the process
    given = _exactly(source, int.from_bytes(_exactly(source, 4)))
    parent = _Parent(source)
    threading.Thread(target=parent.listen, daemon=True).start()
    # Late: what is imported is imported gently, and what nobody needs here is not: structlog takes rich, if
    # there, for prettier traces on a terminal: 4 MB. asyncio takes OpenSSL for connections of its own (stores
    # have theirs), of which there are none but to PostgreSQL: another 4.
    local = str(json.loads(given)["database"]["url"]).startswith("sqlite")
    with absent("rich", *(("ssl",) if local else ())):
        import asyncio

        from .config import Config
        from .logs import set_up_logging
        from .traces.sending import traced

    config = Config.model_validate_json(given)
    bounded(config.jobs.memory_mb)
    set_up_logging(config.log_level)
    try:
        with traced(config, "worker"):
            asyncio.run(_work(config, parent, answers))
    except TapelineError as error:
        _say(answers, error=str(error)[:2000])
        return 2
    return 0


def _exactly(source: IO[bytes], size: int) -> bytes:
    read = b""
    while len(read) < size:
        block = source.read(size - len(read))
        if not block:
            sys.exit(0)  # the parent has gone
        read += block
    return read


async def _work(config: Config, parent: _Parent, answers: IO[str]) -> None:
    import asyncio

    from .config.node import Part
    from .engine.upkeep import Upkeep
    from .working import make_house, make_workers, open_stores, open_work_catalog

    loop = asyncio.get_running_loop()
    async with open_work_catalog(config) as catalog:
        stores = open_stores(config)
        workers = make_workers(config, catalog, stores) if config.jobs.in_controller else None
        house = make_house(config, catalog, stores) if config.node.does(Part.WORK) else None
        # The controller has SQLite look again at what its plans go by; our connections are to hear of it.
        parts = [Upkeep(catalog.database.renew, every_s=_RENEW_S).run()]
        if workers is not None:
            parts.append(workers.run())
            parent.poked = lambda: loop.call_soon_threadsafe(workers.poke)
        if house is not None:
            parts += [house.mover.run(), house.sealing.run(), house.redactor.run()]
            if workers is not None:
                workers.on_finished = house.mover.poke
            parent.chosen = lambda: loop.call_soon_threadsafe(house.redactor.poke)
        running = asyncio.ensure_future(together(*parts))
        parent.ended = lambda: loop.call_soon_threadsafe(running.cancel)
        telling = asyncio.ensure_future(_tell(workers, house, answers))
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await running
        finally:
            telling.cancel()
            # From here on there is nothing to give back.
            parent.poked, parent.chosen, parent.ended = bool, bool, lambda: None


async def together(*parts: Coroutine[Any, Any, None]) -> None:
    """All of them, until each has come to its end: a gather that is cancelled ends with the first that does,
    and what the others give back on their way out (their recordings, say) would be lost."""
    import asyncio

    async with asyncio.TaskGroup() as tasks:
        for part in parts:
            tasks.create_task(part)


async def _tell(workers: Workers | None, house: House | None, answers: IO[str]) -> None:
    """What is wrong, what the steps took and how the stores are, whenever that changes: the controller's
    pages, alarms and metrics show it."""
    import asyncio

    told: dict[str, object] = {}
    while True:
        found: dict[str, object] = {"error": workers.error[:2000] if workers else ""}
        if workers and workers.took:
            found["took"] = [[*key, list(h.counts), h.total] for key, h in workers.took.items()]
        if house:
            found["away"] = {name: outage.error[:2000] for name, outage in house.mover.outages.items()}
            waiting = house.sealing.waiting.items()
            found["plain"] = {name: [found.files, found.error[:2000]] for name, found in waiting}
        for key, what in found.items():
            if told.get(key) != what:
                _say(answers, **{key: what})
        told = found
        await asyncio.sleep(_LOOK_S)


def _say(answers: IO[str], **what: object) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        answers.write(json.dumps(what) + "\n")
        answers.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
