"""PostgreSQL killed in the midst of the work: nothing is lost, it goes on by itself, and a stop is quick."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from controller.catalog import SqlCatalog, open_database
from tests.catalog import cluster
from tests.catalog.conftest import _make

from .dying import Slow
from .world import World, now, running, until


@pytest.fixture(scope="module")
def postmaster() -> Iterator[cluster.Cluster]:
    programs = cluster.programs()
    if programs is None:
        pytest.skip("NO POSTGRESQL ON THIS MACHINE: its outage is not tested")
    with cluster.started(programs) as running_cluster:
        yield running_cluster


@pytest.fixture
async def away(postmaster: cluster.Cluster, tmp_path: Path) -> AsyncIterator[World]:
    name = f"outage_{tmp_path.name[-8:]}".replace("-", "_")
    await _make(postmaster.url, name)
    (tmp_path / "spool").mkdir()
    url = f"{postmaster.url}/{name}"
    database = await open_database(url)
    world = World(url, tmp_path, SqlCatalog(database, now))
    world.tasks = [Slow("hold", tmp_path)]
    yield world
    await database.close()


async def at_work(world: World) -> bool:
    return (world.folder / "finished").exists()


async def all_done(world: World, *ids: str) -> bool:
    with contextlib.suppress(Exception):  # the database may not be back yet
        return all([await world.state(i) == ("available", "done") for i in ids])
    return False


async def test_killed_in_the_midst_of_a_run_and_started_again(
    away: World, postmaster: cluster.Cluster
) -> None:
    ids = [f"r{n}" for n in range(6)]
    for recording_id in ids:
        await away.record(recording_id)
    async with running(away.workers()) as workers:
        await until(lambda: at_work(away), within_s=60)
        postmaster.kill()
        try:
            (away.folder / "release").touch()  # a step ends, and nobody can note it

            async def complains() -> bool:
                return bool(workers.error)

            await until(complains, "the node says what is wrong", within_s=60)
        finally:
            postmaster.start()
        await until(lambda: all_done(away, *ids), "all of it is done", within_s=60)
        assert workers.error == ""
    kept = {key.rpartition("/")[2] for key in list(away.store.keys())}
    assert kept == {f"{i}{end}" for i in ids for end in (".wav", ".1.wav")}


@pytest.mark.timeout(300)  # the durable engine waits for its database, on a busy machine for long
async def test_a_stop_does_not_wait_for_a_database_that_is_away(
    away: World, postmaster: cluster.Cluster
) -> None:
    await away.record("r1")
    task = asyncio.ensure_future(away.workers().run())
    await until(lambda: at_work(away), within_s=60)
    postmaster.kill()
    try:
        began = time.monotonic()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        # 1.5 s for the durable engine, 1.5 s for signing off; a machine that is busy needs a little more.
        assert time.monotonic() - began < 4
    finally:
        postmaster.start()
    (away.folder / "release").touch()
    async with running(away.workers()):
        await until(lambda: all_done(away, "r1"), within_s=60)
