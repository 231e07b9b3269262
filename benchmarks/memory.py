"""The worker process's memory while a recording is worked on, against the recording's length."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from controller.catalog import SqlCatalog, open_database
from controller.core.formats import Format, FormatChoice
from controller.core.options import TenantOptions
from controller.core.rules import Setting
from controller.engine.jobs import JobState
from controller.engine.people import Scope
from controller.engine.reading import TenantSettings
from controller.jobs.child import WorkerChild
from controller.media.encoders import Encoders
from controller.working import worker_child
from tests.jobs.world import TENANT, ended_call, now, until

from .encoding import talk
from .plant import children, config_of, forget_peak, peak_mb, resident_mb
from .result import Aim, Result

MINUTES = int(os.environ.get("MEMORY_MINUTES", "10"))
LONG_MINUTES = int(os.environ.get("MEMORY_LONG_MINUTES", "240"))
MEMORY_MB = 100
_LOOK_S = 0.05
#: An encoder is there for so many looks, at least. Who only says what it can is caught in passing, or not.
_LASTING = 5
_FORMATS = (Format.MP3, Format.AMR, Format.OPUS, Format.FLAC)


@dataclass
class _Peaks:
    """MB: the worker's before and at most, and what of that no file backs; its largest encoder's; it and all
    of its children together."""

    idle: float
    worker: float = 0.0
    own: float = 0.0
    child: float = 0.0
    together: float = 0.0


def run() -> Result:
    result = Result("encoding_memory", "The worker process: memory against the recording's length")
    encoders, most = Encoders(), 0.0
    with tempfile.TemporaryDirectory(prefix="tapeline-memory-") as name:
        folder = Path(name)
        for channels, sides in ((1, "mono"), (2, "stereo")):
            sounds = {minutes: folder / f"{sides}-{minutes}.wav" for minutes in (MINUTES, LONG_MINUTES)}
            for minutes, sound in sounds.items():
                talk(sound, minutes // 2, channels)
            for format in _FORMATS:
                if encoders.has(format):
                    most = max(most, _compare(result, format, sides, sounds))
    result.aims.append(Aim("the worker at most", f"< {MEMORY_MB} MB", f"{most:.0f} MB", most < MEMORY_MB))
    result.notes += [f"no encoder for {f.upper()} on this machine" for f in _FORMATS if not encoders.has(f)]
    return result


def _compare(result: Result, format: Format, sides: str, sounds: dict[int, Path]) -> float:
    """The worker's most."""
    short, long = (asyncio.run(_measure(format, minutes, sounds[minutes])) for minutes in sounds)
    result.rows.append(
        {
            "kept as": f"{format.upper()}, {sides}",
            "worker, idle, MB": round(short.idle, 1),
            f"worker, {MINUTES} min, MB": round(short.worker, 1),
            f"worker, {LONG_MINUTES} min, MB": round(long.worker, 1),
            "of that no file's, MB": round(long.own, 1),
            f"encoder, {MINUTES} min, MB": round(short.child, 1),
            f"encoder, {LONG_MINUTES} min, MB": round(long.child, 1),
            f"together, {LONG_MINUTES} min, MB": round(long.together, 1),
        }
    )
    for what, before, after in (
        ("worker", short.worker, long.worker),
        ("encoder", short.child, long.child),
    ):
        result.aims.append(
            Aim(
                f"{format.upper()}, {sides}: the {what}'s memory, {LONG_MINUTES} min against {MINUTES}",
                "flat (to 10 % and 2 MB)",
                f"{before:.0f} → {after:.0f} MB",
                after < before * 1.1 + 2,
            )
        )
    return max(short.worker, long.worker)


async def _measure(format: Format, minutes: int, sound: Path) -> _Peaks:
    with tempfile.TemporaryDirectory(prefix="tapeline-memory-") as name:
        folder = Path(name)
        config = config_of(folder)
        database = await open_database(config.database.url)
        catalog = SqlCatalog(database, now)
        options = TenantOptions(format=FormatChoice(str(format)), keep_original=False)
        await catalog.set_tenant(TenantSettings(TENANT, Setting.ON, Setting.ON, options=options))
        # In two segments, so that they are joined; without the WAV at the end, so that it is read again.
        call = ended_call("r1", (0, 30 * minutes), (30 * minutes, 60 * minutes))
        for segment in call.recordings[0].segments:
            path = folder / "spool" / segment.path
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(sound, path)
        child = worker_child(config)
        working = asyncio.create_task(child.run())
        try:
            await until(catalog.nodes, within_s=120)
            await asyncio.sleep(3)  # imported and open
            assert child.pid is not None
            peaks = _Peaks(peak_mb(child.pid))
            forget_peak(child.pid)
            await catalog.save("fs", [call], {})
            child.poke()
            await _watch(child, catalog, peaks)
            return peaks
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working
            await database.close()


async def _watch(child: WorkerChild, catalog: SqlCatalog, peaks: _Peaks) -> None:
    """Until the recording is done."""
    looks, seen = 0, Counter[int]()
    while True:
        assert child.pid is not None, child.error
        others = children(child.pid)
        seen.update(others)
        peaks.worker = max(peaks.worker, peak_mb(child.pid))
        peaks.own = max(peaks.own, resident_mb(child.pid, "RssAnon"))
        peaks.child = max([peaks.child, *(peak_mb(pid) for pid in others if seen[pid] >= _LASTING)])
        peaks.together = max(peaks.together, sum(map(resident_mb, [child.pid, *others])))
        looks += 1
        if looks % 20 == 0 and (await catalog.job_counts(Scope(None))).get(JobState.DONE):
            return
        await asyncio.sleep(_LOOK_S)
