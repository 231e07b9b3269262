"""The worker process's memory while a recording is worked on, against the recording's length."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
from pathlib import Path

from controller.catalog import SqlCatalog, open_database
from controller.core.formats import Format, FormatChoice
from controller.core.options import TenantOptions
from controller.core.rules import Setting
from controller.engine.reading import TenantSettings
from controller.jobs.child import WorkerChild
from controller.media.encoders import Encoders
from controller.working import worker_child
from tests.jobs.world import TENANT, ended_call, now, until

from .encoding import talk
from .plant import children, config_of, forget_peak, peak_mb
from .result import Aim, Result

MINUTES = int(os.environ.get("MEMORY_MINUTES", "10"))
LONG_MINUTES = int(os.environ.get("MEMORY_LONG_MINUTES", "240"))
MEMORY_MB = 100
_LOOK_S = 0.05
_FORMATS = (Format.MP3, Format.AMR, Format.OPUS, Format.FLAC)


def run() -> Result:
    result = Result("encoding_memory", "The worker process: memory against the recording's length")
    encoders = Encoders()
    for format in _FORMATS:
        if not encoders.has(format):
            result.notes.append(f"no encoder for {format.upper()} on this machine")
            continue
        _compare(result, format)
    return result


def _compare(result: Result, format: Format) -> None:
    idle, short, short_child = asyncio.run(_measure(format, MINUTES))
    _, long, long_child = asyncio.run(_measure(format, LONG_MINUTES))
    result.rows.append(
        {
            "kept as": format.upper(),
            "worker, idle, MB": round(idle, 1),
            f"worker, {MINUTES} min, MB": round(short, 1),
            f"worker, {LONG_MINUTES} min, MB": round(long, 1),
            f"encoder, {MINUTES} min, MB": round(short_child, 1),
            f"encoder, {LONG_MINUTES} min, MB": round(long_child, 1),
        }
    )
    for what, before, after in (("worker", short, long), ("encoder", short_child, long_child)):
        met = after < MEMORY_MB and after < before * 1.1 + 2
        aim = f"{format.upper()}: the {what}'s memory at most, {LONG_MINUTES} min"
        result.aims.append(
            Aim(aim, f"< {MEMORY_MB} MB, flat", f"{after:.0f} MB ({after - before:+.0f})", met)
        )


async def _measure(format: Format, minutes: int) -> tuple[float, float, float]:
    """MB: the worker's before, the worker's at most, and its largest child's."""
    with tempfile.TemporaryDirectory(prefix="tapeline-memory-") as name:
        folder = Path(name)
        config = config_of(folder)
        database = await open_database(config.database.url)
        catalog = SqlCatalog(database, now)
        options = TenantOptions(format=FormatChoice(str(format)), keep_original=False)
        await catalog.set_tenant(TenantSettings(TENANT, Setting.ON, Setting.ON, options=options))
        # In two segments, so that they are joined; without the WAV at the end, so that it is read again.
        call = ended_call("r1", (0, 60 * minutes), (60 * minutes, 120 * minutes))
        for segment in call.recordings[0].segments:
            path = folder / "spool" / segment.path
            path.parent.mkdir(parents=True, exist_ok=True)
            talk(path, max(1, minutes // 2))
        child = worker_child(config)
        working = asyncio.create_task(child.run())
        try:
            await until(catalog.nodes, within_s=120)
            await asyncio.sleep(3)  # imported and open
            assert child.pid is not None
            idle = peak_mb(child.pid)
            forget_peak(child.pid)
            await catalog.save("fs", [call], {})
            child.poke()
            return idle, *await _watched(child, catalog)
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working
            await database.close()


async def _watched(child: WorkerChild, catalog: SqlCatalog) -> tuple[float, float]:
    most, largest, looks = 0.0, 0.0, 0
    while True:
        assert child.pid is not None, child.error
        most = max(most, peak_mb(child.pid))
        largest = max([largest, *(peak_mb(pid) for pid in children(child.pid))])
        looks += 1
        if looks % 20 == 0 and [f.role for f in await catalog.files("r1")] in (
            ["encoded", "peaks"],
            ["peaks", "encoded"],
        ):
            return most, largest
        await asyncio.sleep(_LOOK_S)
