"""Killed with -9 at any moment, on SQLite and PostgreSQL: nothing is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
import signal
import time
from multiprocessing.process import BaseProcess

import pytest

from controller.catalog.run_engine import run_engine
from controller.engine.jobs import JobState
from controller.engine.people import Scope
from controller.jobs.durable import DbosRunReader
from tests.media.doubles import voice, wav_bytes

from .dying import POINTS, Slow, start
from .world import World, running, until

ALL = Scope(None)


async def dead(process: BaseProcess, within_s: float = 30.0) -> None:
    deadline = time.monotonic() + within_s
    while process.is_alive():
        assert time.monotonic() < deadline, "it did not die"
        await asyncio.sleep(0.02)


async def left(world: World) -> tuple[object, ...]:
    """All that somebody can see: rows without times, and every file's bytes."""
    rows = sorted((f.role, f.number, f.key, f.sha256) for f in await world.catalog.files("r1"))
    files = {key: world.store.path(key).read_bytes() for key in list(world.store.keys())}
    spooled = sorted(p.name for p in world.spool.rglob("*") if p.is_file())
    return rows, files, spooled, await world.state("r1")


@pytest.mark.parametrize("point", POINTS)
async def test_killed_and_gone_on_with(world: World, point: str) -> None:
    segments = (wav_bytes(voice(8000)), wav_bytes(voice(4000, 2), closed=False) + b"\1", None)
    await world.record("r1", *segments)
    process = start(world, point, tasks=("peaks",))
    await dead(process)
    assert process.exitcode == -signal.SIGKILL
    world.tasks = [Slow("peaks", world.folder)]
    async with running(world.workers()):
        await until(lambda: done(world, "r1"))
    rows, files, spooled, state = await left(world)
    assert spooled == []
    assert state == ("available", "done")
    assert [(str(role), number) for role, number, *_ in rows] == [
        ("rendition", 0),
        ("segment", 1),
        ("segment", 2),
    ]
    assert len(files) == 3
    assert {key for *_, key, _ in rows} == set(files)
    # The same run was gone on with: one for the files, one for the finishing.
    job = await world.catalog.job(ALL, "r1")
    assert job is not None
    assert (job.run, job.tries) == (2, 0)
    steps = await DbosRunReader(run_engine(world.url)).steps("r1.1")
    assert [(s.name, s.error) for s in steps] == [("store", ""), ("render", "")]


async def done(world: World, recording_id: str) -> bool:
    return await world.state(recording_id) == ("available", "done")


async def test_a_step_that_had_ended_is_not_done_again(world: World) -> None:
    await world.record("r1")
    process = start(world, tasks=("first", "hold", "last"))
    finished = world.folder / "finished"

    async def holds() -> bool:
        return finished.exists() and "hold" in finished.read_text()

    await until(holds)
    process.kill()
    await dead(process)
    (world.folder / "release").touch()
    world.tasks = [Slow(name, world.folder) for name in ("first", "hold", "last")]
    async with running(world.workers()):
        await until(lambda: done(world, "r1"))
    told = [line.split()[1] for line in finished.read_text().splitlines()]
    assert told == ["first", "hold", "hold", "last"]
    steps = await DbosRunReader(run_engine(world.url)).steps("r1.2")
    assert [(s.name, s.remark) for s in steps] == [(n, f"{n} was here") for n in ("first", "hold", "last")]


async def test_a_dead_nodes_work_is_taken_over_by_one_that_runs(world: World, kind: str) -> None:
    """As on another machine: nobody may look whether the process lives, only its silence tells."""
    await world.record("r1")
    one = start(world, tasks=("hold",), place="one")
    await until(lambda: is_running(world, "one-"))
    two = start(world, tasks=("hold",), place="two")
    await until(lambda: nodes(world, 2))
    (world.folder / "release").touch()
    one.kill()
    began = time.monotonic()
    await until(lambda: done(world, "r1"), within_s=30)
    assert 8 < time.monotonic() - began < 30
    two.terminate()
    await dead(two)
    job = await world.catalog.job(ALL, "r1")
    assert job is not None
    assert (job.run, job.state) == (2, JobState.DONE)


async def is_running(world: World, node: str) -> bool:
    job = await world.catalog.job(ALL, "r1")
    return job is not None and job.node.startswith(node) and job.step == "hold"


async def nodes(world: World, count: int) -> bool:
    return len(await world.catalog.nodes()) == count
