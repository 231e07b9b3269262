"""How still the controller's event loop stays while an hour of sound is worked on: in its own threads, as it
once was, and in the worker process beside it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import tempfile
import time
from pathlib import Path
from typing import Any, Protocol

from controller.catalog import SqlCatalog, open_database
from controller.core.formats import FormatChoice
from controller.core.options import TenantOptions
from controller.core.rules import Setting
from controller.engine.reading import TenantSettings
from controller.working import make_workers, open_stores, worker_child
from tests.jobs.world import TENANT, ended_call, now, until

from .encoding import talk
from .plant import config_of
from .result import Aim, Result, percentile

MINUTES = int(os.environ.get("STILLNESS_MINUTES", "60"))
RECORDINGS = 2
AIM_MS = 20
_TICK_S = 0.005


class Work(Protocol):
    async def run(self) -> None: ...
    def poke(self) -> None: ...


def run() -> Result:
    result = Result("stillness", f"The event loop while {RECORDINGS} × {MINUTES} min of stereo are finished")
    for process in (False, True):
        lags, took = asyncio.run(_measure(process))
        result.rows.append(
            {
                "work on recordings": "a process beside it" if process else "threads of the controller",
                "loop late, p50 ms": round(percentile(lags, 0.5), 1),
                "p99 ms": round(percentile(lags, 0.99), 1),
                "p99.9 ms": round(percentile(lags, 0.999), 1),
                "max ms": round(max(lags), 1),
                "finished after s": round(took, 1),
            }
        )
    late = percentile(lags, 0.99)
    result.aims.append(
        Aim(
            "event loop late, p99, beside the worker process",
            f"≤ {AIM_MS} ms",
            f"{late:.1f} ms",
            late <= AIM_MS,
        )
    )
    return result


async def _measure(process: bool) -> tuple[list[float], float]:
    with tempfile.TemporaryDirectory(prefix="tapeline-still-") as name:
        folder = Path(name)
        config = config_of(folder, jobs={"nice": 10})
        database = await open_database(config.database.url)
        catalog = SqlCatalog(database, now)
        options = TenantOptions(format=FormatChoice.MP3)
        await catalog.set_tenant(TenantSettings(TENANT, Setting.ON, Setting.ON, options=options))
        calls = [ended_call(f"r{n}", (0, 60 * MINUTES)) for n in range(RECORDINGS)]
        for call in calls:
            path = folder / "spool" / call.recordings[0].segments[0].path
            path.parent.mkdir(parents=True, exist_ok=True)
            talk(path, MINUTES)
        work: Work = worker_child(config) if process else make_workers(config, catalog, open_stores(config))
        working = asyncio.create_task(work.run())
        try:
            await until(catalog.nodes, within_s=120)
            await asyncio.sleep(2)  # imported and open
            gc.collect()
            gc.freeze()  # as `tapeline serve` does it before the first call
            return await _late(catalog, calls, work)
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working
            await database.close()


async def _late(catalog: SqlCatalog, calls: list[Any], work: Work) -> tuple[list[float], float]:
    lags: list[float] = []
    began = time.monotonic()
    ticking = asyncio.create_task(_tick(lags))
    await catalog.save("fs", calls, {})
    work.poke()
    for call in calls:
        await _encoded(catalog, call.recordings[0].recording_id)
    ticking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await ticking
    return lags, time.monotonic() - began


async def _encoded(catalog: SqlCatalog, recording_id: str) -> None:
    # Seldom: asking costs time of the same event loop.
    while not any(f.role == "encoded" for f in await catalog.files(recording_id)):  # noqa: ASYNC110
        await asyncio.sleep(0.5)


async def _tick(lags: list[float]) -> None:
    """How much later than asked for the loop comes back, in ms."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(_TICK_S)
        lags.append((time.perf_counter() - before - _TICK_S) * 1000)
