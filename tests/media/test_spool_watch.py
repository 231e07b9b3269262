"""What the running controller adopts by itself, and what it leaves alone."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from pathlib import Path

from controller.core.media_kinds import Kind
from controller.core.recording import segment_path
from controller.media.spool_watch import SpoolWatch

from .conftest import Bench
from .doubles import T0, voice, wav_bytes, write


def orphan(bench: Bench, recording_id: str, age_s: float) -> Path:
    path = bench.spool / segment_path("acme.example", recording_id, 1, Kind.AUDIO, T0)
    write(path, wav_bytes(voice(800)))
    at = time.time() - age_s
    os.utime(path, (at, at))
    return path


async def test_what_nobody_has_and_nobody_writes_is_adopted_and_due(bench: Bench) -> None:
    for name, age in (("lost", 700), ("young", 500), ("held", 700)):
        orphan(bench, name, age)
    pokes: list[str] = []
    watch = SpoolWatch(
        bench.catalog, lambda: {"fs": bench.spool}, lambda: {"held"}, lambda: pokes.append("due")
    )
    report = await watch.round()
    assert (report.adopted, pokes) == (["lost"], ["due"])
    assert set(bench.catalog.recordings) == {"lost"}
    assert (await watch.round()).adopted == []
    assert pokes == ["due"]
    assert await bench.pipeline().drain() == {"lost": "available"}


async def test_a_switch_that_is_away_may_be_writing(bench: Bench) -> None:
    orphan(bench, "lost", 7000)
    watch = SpoolWatch(bench.catalog, dict, set, lambda: None)
    assert (await watch.round()).adopted == []


async def test_it_goes_on_after_an_error(bench: Bench) -> None:
    orphan(bench, "lost", 700)
    asked: list[int] = []

    def held() -> set[str]:
        asked.append(1)
        if len(asked) == 1:
            raise OSError("the database is away")
        return set()

    due = asyncio.Event()
    watch = SpoolWatch(bench.catalog, lambda: {"fs": bench.spool}, held, due.set, every_s=0.01)
    running = asyncio.create_task(watch.run())
    async with asyncio.timeout(5):
        await due.wait()
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    assert set(bench.catalog.recordings) == {"lost"}
