"""A node in a process of its own, which kills itself with -9 at a named point, or is killed."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import os
import signal
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from controller.catalog import SqlCatalog, open_database
from controller.engine.crash_points import CRASH_POINTS, arm
from controller.jobs import workers
from controller.jobs.durable import DbosRuns
from controller.jobs.steps import Steps

from .world import Noted, World, now

#: Before or after these, beside the pipeline's own crash points.
MOMENTS: dict[str, tuple[type, str, bool]] = {
    "job.claimed": (SqlCatalog, "claim", False),
    "run.begun": (DbosRuns, "_begin", False),
    "step.begins": (Steps, "do", True),
    "step.ended": (Steps, "do", False),
    "run.ended": (SqlCatalog, "settle", True),
    "run.noted": (SqlCatalog, "settle", False),
}
#: Two of the files' own beside them; test_killed_tasks.py tries all of those, without a node.
POINTS = ("segment.cataloged", "rendition.stored", *MOMENTS)


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _armed(point: str, occurrence: int) -> None:
    count = [0]

    def reached() -> None:
        count[0] += 1
        if count[0] == occurrence:
            die()

    if point in CRASH_POINTS:
        arm(lambda name: reached() if name == point else None)
        return
    where, name, before = MOMENTS[point]
    real = getattr(where, name)

    if asyncio.iscoroutinefunction(real):

        @functools.wraps(real)
        async def later(*arguments: Any, **more: Any) -> Any:
            if before:
                reached()
            answer = await real(*arguments, **more)
            if not before and answer is not None and answer != []:
                reached()
            return answer

        setattr(where, name, later)
        return

    @functools.wraps(real)
    def at_once(*arguments: Any, **more: Any) -> Any:
        answer = real(*arguments, **more)
        reached()
        return answer

    setattr(where, name, at_once)


async def _work(url: str, folder: str, tasks: tuple[str, ...], options: dict[str, Any]) -> None:
    database = await open_database(url)
    world = World(url, Path(folder), SqlCatalog(database, now), [Slow(t, Path(folder)) for t in tasks])
    await world.workers(**options).run()


class Slow(Noted):
    """Notes in a file that it was done; one called ``hold`` waits until the file ``release`` is there."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name)
        self._folder = folder

    async def run(self, recording_id: str, progress: Callable[[float], None]) -> str:
        progress(0.25)
        with (self._folder / "finished").open("a") as out:
            out.write(f"{recording_id} {self.name} {os.getpid()}\n")
        while self.name == "hold" and not (self._folder / "release").exists():
            await asyncio.sleep(0.02)
        return f"{self.name} was here"


def node(
    url: str, folder: str, point: str, occurrence: int, tasks: tuple[str, ...], options: dict[str, Any]
) -> None:
    """The process's whole life."""
    if point:
        _armed(point, occurrence)
    if elsewhere := options.pop("place", ""):
        # As on another machine: no other node may look whether this process lives.
        workers.place = lambda: str(elsewhere)
    asyncio.run(_work(url, folder, tasks, options))


def start(
    world: World, point: str = "", occurrence: int = 1, tasks: tuple[str, ...] = (), **options: Any
) -> BaseProcess:
    """Forked from a server that has everything imported: no second is spent on that."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.jobs.dying", "tests.jobs.killing"])
    process = context.Process(
        target=node, args=(world.url, str(world.folder), point, occurrence, tasks, options), daemon=True
    )
    process.start()
    return process
