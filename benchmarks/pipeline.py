"""Recordings through the whole pipeline: how many a minute and core, and how still the event loop stays."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path

from controller.catalog import SqlCatalog, open_database
from controller.core.rules import Setting
from controller.engine.jobs import JobState, Limits
from controller.engine.people import Scope
from controller.engine.reading import TenantSettings
from controller.jobs.workers import Settings
from tests.catalog import cluster
from tests.jobs.world import PLACES, TENANT, Noted, World, ended_call, now, running, until
from tests.media.doubles import voice, wav_bytes, write

from .result import Aim, Result, percentile

RECORDINGS, SECONDS = 120, 3
FLOOD_A_SECOND, FLOOD_S = 60, 6
_TICK_S = 0.005


def run() -> Result:
    result = Result("pipeline", "Recordings through the whole pipeline")
    with ExitStack() as stack:
        urls = {"SQLite": "sqlite+aiosqlite:///{folder}/tapeline.db"}
        if programs := cluster.programs():
            urls["PostgreSQL"] = stack.enter_context(cluster.running(programs)) + "/{name}"
        else:
            result.notes.append("no PostgreSQL here")
        for database, url in urls.items():
            for durable in (False, True):
                result.rows.append(asyncio.run(_throughput(database, url, durable)))
    row, lags = asyncio.run(_flood())
    result.rows.append(row)
    still = percentile(lags, 0.99)
    result.aims.append(
        Aim(
            f"event loop late, p99, at {FLOOD_A_SECOND} recordings a second",
            "≤ 20 ms",
            f"{still:.1f} ms",
            still <= 20,
        )
    )
    return result


@asynccontextmanager
async def _world(url: str, name: str) -> AsyncIterator[World]:
    with tempfile.TemporaryDirectory() as temp:
        folder = Path(temp)
        (folder / "spool").mkdir()
        if "{name}" in url:
            from tests.catalog.conftest import _make

            await _make(url.partition("/{name}")[0], name)
        made = url.format(folder=folder, name=name)
        database = await open_database(made)
        settings = Settings(("fs",), PLACES, limits=Limits(1000))
        world = World(made, folder, SqlCatalog(database, now), [], settings)
        await world.catalog.set_tenant(TenantSettings(TENANT, Setting.ON, Setting.ON))
        try:
            yield world
        finally:
            await database.close()


async def _throughput(database: str, url: str, durable: bool) -> dict[str, object]:
    async with _world(url, f"bench_{'after' if durable else 'before'}") as world:
        sound = wav_bytes(voice(8000 * SECONDS))
        calls = [ended_call(f"r{n:05}", (0, SECONDS), late_s=n) for n in range(RECORDINGS)]
        for call in calls:
            write(world.spool / call.recordings[0].segments[0].path, sound)
        await world.catalog.save("fs", calls, {})
        if durable:
            workers = world.workers(poll_s=0.5)
            async with running(workers):
                await until(world.catalog.nodes)
                began, spent = time.monotonic(), time.process_time()
                await _done(world, RECORDINGS)
                took, cpu = time.monotonic() - began, time.process_time() - spent
        else:
            began, spent = time.monotonic(), time.process_time()
            await world.pipeline().drain()
            took, cpu = time.monotonic() - began, time.process_time() - spent
        assert len(list(world.store.keys())) == 2 * RECORDINGS
    return {
        "what": f"{RECORDINGS} of {SECONDS} s, {database}, {'durable' if durable else 'steps alone'}",
        "a minute": round(60 * RECORDINGS / took),
        "a minute and core": round(60 * RECORDINGS / cpu),
        "loop late p99 ms": "",
        "loop late max ms": "",
    }


async def _done(world: World, count: int) -> None:
    # Seldom: asking costs time of the same process.
    while (await world.catalog.job_counts(Scope(None))).get(JobState.DONE, 0) < count:  # noqa: ASYNC110
        await asyncio.sleep(0.4)


async def _flood() -> tuple[dict[str, object], list[float]]:
    """Short calls end faster than their recordings can be worked on: the loop must not notice."""
    async with _world("sqlite+aiosqlite:///{folder}/tapeline.db", "") as world:
        world.tasks = [Noted()]
        sound, count = wav_bytes(voice(8000)), FLOOD_A_SECOND * FLOOD_S
        calls = [ended_call(f"r{n:05}", (0, 1), late_s=n / 60) for n in range(count)]
        for call in calls:
            write(world.spool / call.recordings[0].segments[0].path, sound)
        lags: list[float] = []
        async with running(world.workers()) as workers:
            await until(world.catalog.nodes)
            await asyncio.sleep(3)  # imported and open
            gc.collect()
            gc.freeze()  # as `tapeline serve` does it before the first call
            ticking = asyncio.create_task(_tick(lags))
            began = time.monotonic()
            for n in range(0, count, 6):  # as the saver does it: in batches, ten a second
                await world.catalog.save("fs", calls[n : n + 6], {})
                workers.poke()
                await asyncio.sleep(max(0.0, began + (n + 6) / FLOOD_A_SECOND - time.monotonic()))
            came = time.monotonic() - began
            ticking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await ticking
            await _done(world, count)
            took = time.monotonic() - began
    row: dict[str, object] = {
        "what": f"flood: {count} of 1 s in {came:.0f} s, SQLite, durable, with a finishing task",
        "a minute": round(60 * count / took),
        "a minute and core": "",
        "loop late p99 ms": round(percentile(lags, 0.99), 1),
        "loop late max ms": round(max(lags), 1),
    }
    return row, lags


async def _tick(lags: list[float]) -> None:
    """How much later than asked for the loop comes back, in ms."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(_TICK_S)
        lags.append((time.perf_counter() - before - _TICK_S) * 1000)


if __name__ == "__main__":
    print(os.getloadavg(), *run().rows, sep="\n")
