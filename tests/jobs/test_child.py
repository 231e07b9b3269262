"""The controller's worker process: gentle, bounded, started again when it dies, ended with the controller."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from controller.config import Config
from controller.jobs.child import WorkerChild
from controller.working import worker_child

from .world import World, until


def config_of(world: World, **jobs: object) -> Config:
    return Config.model_validate(
        {
            "database": {"url": world.url},
            "storage": {"path": str(world.folder / "store")},
            "jobs": {"nice": 1, **jobs},
            "switches": [{"kind": "asterisk", "name": "fs", "password": "x", "spool": str(world.spool)}],
        }
    )


@contextlib.asynccontextmanager
async def running(child: WorkerChild) -> AsyncIterator[WorkerChild]:
    task = asyncio.ensure_future(child.run())
    try:
        yield child
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def status(pid: int, key: str) -> str:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{key}:"))


def test_the_configuration_arrives_as_it_is(tmp_path: Path) -> None:
    world = World("sqlite+aiosqlite:///x.db", tmp_path, None)  # type: ignore[arg-type]
    config = config_of(world, tenants={"acme.example": 3})
    assert Config.model_validate_json(config.model_dump_json()) == config


async def test_killed_it_is_started_again_and_goes_on(world: World) -> None:
    """Killed with -9 while it has everything to do, and asked to end when it has done it."""
    await world.record("r1")
    async with running(worker_child(config_of(world))) as child:
        await until(lambda: nodes(world, 1), "it beats", within_s=60)
        first = child.pid
        assert first is not None
        assert os.getpriority(os.PRIO_PROCESS, first) == 1
        if (group := Path(f"/proc/{first}/autogroup")).exists():
            assert group.read_text().endswith(" nice 1\n")
        assert Path(f"/proc/{first}/oom_score_adj").read_text().strip() == "500"
        limits = Path(f"/proc/{first}/limits").read_text()
        assert f"{4000 << 20}" in next(line for line in limits.splitlines() if "data size" in line)
        os.kill(first, signal.SIGKILL)
        await until(lambda: told(child, "started again"), "what became of it is told")
        await until(lambda: done(world, "r1"), within_s=60)
        assert child.pid not in (None, first)
        await until(lambda: told(child, ""), "it is well again")
        await until(lambda: measured(child), "what its steps took is told")
        second = child.pid
    assert second is not None
    assert not Path(f"/proc/{second}").exists()
    assert await world.catalog.nodes() == [], "it signed off"


async def measured(child: WorkerChild) -> bool:
    took = child.took.get(("store", "done"))
    return took is not None and sum(took.counts) == 1 and took.total > 0


async def nodes(world: World, count: int) -> bool:
    return len(await world.catalog.nodes()) == count


async def done(world: World, recording_id: str) -> bool:
    return await world.state(recording_id) == ("available", "done")


async def told(child: WorkerChild, what: str) -> bool:
    return what in child.error if what else child.error == ""


async def test_a_poke_is_told_to_it() -> None:
    code = "import json, os\nwhile b := os.read(0, 9): print(json.dumps({'error': b.decode()}), flush=True)"
    async with running(WorkerChild([sys.executable, "-c", code], lambda: b"")) as child:
        await until(lambda: told(child, "\0"), "it has its settings")
        child.poke()
        await until(lambda: told(child, "p"))


async def test_a_poke_is_heard_and_so_is_the_end() -> None:
    """With the settings before it: not a byte of either is lost between two buffers."""
    code = """if True:
    import sys, time
    from controller import worker_process as w
    source = open(0, "rb", buffering=0)
    parent = w._Parent(source)
    said = lambda what: print('{"error": "%s"}' % what, flush=True)
    given = w._exactly(source, int.from_bytes(w._exactly(source, 4)))
    parent.poked, parent.ended = lambda: said(given.decode() + " and poked"), lambda: said("ended")
    said(given.decode())
    w._LEASH_S = 0.1
    parent.listen()
    """
    child = WorkerChild([sys.executable, "-c", code], lambda: b"settings")
    async with running(child):
        await until(lambda: told(child, "settings"))
        child.poke()
        await until(lambda: told(child, "settings and poked"))
        process = child._process
        assert process is not None
        assert process.stdin is not None
        process.stdin.close()
        await until(lambda: told(child, "ended"))


async def test_why_it_cannot_work_is_told(tmp_path: Path) -> None:
    world = World("postgresql+asyncpg://nobody:x@127.0.0.1:9/none", tmp_path, None)  # type: ignore[arg-type]
    async with running(worker_child(config_of(world))) as child:
        await until(lambda: told(child, "database.url: cannot use"), within_s=60)


async def test_one_that_cannot_be_started_is_told(tmp_path: Path) -> None:
    async with running(WorkerChild([str(tmp_path / "nothing")], lambda: b"")) as child:
        await until(lambda: told(child, "cannot be started"))


async def test_one_that_does_not_end_is_killed() -> None:
    code = 'import time; print(\'{"error": "here"}\', flush=True); time.sleep(100)'
    child = WorkerChild([sys.executable, "-c", code], lambda: b"", close_s=0.2)
    async with running(child):
        await until(lambda: told(child, "here"))
        pid = child.pid
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
