"""The pipeline at work by itself: what is due, retried, at once, and who is told."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from controller.engine.media_ports import DueRecording, MediaState
from controller.media import wav
from controller.media.spool import Patience

from .conftest import Bench
from .doubles import due, voice, wav_bytes
from .test_pipeline import ONE, TWO, check_rows


class Running:
    """The pipeline's task for the length of a test."""

    def __init__(self, coroutine: Coroutine[Any, Any, None]) -> None:
        self._coroutine = coroutine

    async def __aenter__(self) -> None:
        self._task = asyncio.ensure_future(self._coroutine)

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task


async def test_run_takes_up_what_is_due_and_a_poke_wakes_it(
    bench: Bench, eventually: Callable[..., Awaitable[None]]
) -> None:
    bench.record(due("r1", (0, 1)), wav_bytes(ONE))
    pipeline = bench.pipeline(poll_s=3600)
    states = bench.catalog.states
    async with Running(pipeline.run()):
        await eventually(lambda: states["r1"] is MediaState.AVAILABLE)
        bench.record(due("r2", (0, 1)), wav_bytes(TWO))
        pipeline.poke()
        await eventually(lambda: states["r2"] is MediaState.AVAILABLE)


async def test_run_polls_and_retries_and_survives_the_catalog(
    bench: Bench, eventually: Callable[..., Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, look = [True], bench.catalog.due

    async def flaky(limit: int = 100) -> list[DueRecording]:
        if broken.pop() if broken else False:
            raise RuntimeError("the database is away")
        return await look(limit)

    monkeypatch.setattr(bench.catalog, "due", flaky)
    bad = bench.record(replace(due("r0", (0, 1)), switch="gone"), wav_bytes(ONE))
    bench.record(due("r1", (0, 1)), wav_bytes(ONE))
    async with Running(bench.pipeline().run()):
        await eventually(
            lambda: bench.catalog.states["r1"] is MediaState.AVAILABLE, "one fails, the other goes on"
        )
        tries = [h for h in bench.catalog.history if h == ("r0", MediaState.FAILED)]
        await eventually(lambda: bench.catalog.history.count(("r0", MediaState.FAILED)) > len(tries) + 1)
        bench.catalog.recordings["r0"] = replace(bad, switch="fs")
        await eventually(lambda: bench.catalog.states["r0"] is MediaState.AVAILABLE)


async def test_an_unforeseen_error_is_a_failure_of_that_recording(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = bench.record(due("r1", (0, 1)), wav_bytes(ONE))
    monkeypatch.setattr(wav, "inspect", lambda path: 1 // 0)
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert "ZeroDivisionError" in bench.catalog.errors["r1"]
    assert len(bench.spooled()) == 1


async def test_waiting_for_missing_files_keeps_nobody_waiting(
    bench: Bench, eventually: Callable[..., Awaitable[None]]
) -> None:
    for number in range(10):
        bench.record(due(f"a{number}", (0, 1)), None)
    bench.record(due("z", (0, 1)), wav_bytes(ONE))
    for recording in list(bench.catalog.recordings.values()):
        bench.catalog.recordings[recording.recording_id] = replace(
            recording, segments=tuple(replace(s, closed_at=None) for s in recording.segments)
        )
    never = Patience(appear_s=1e12, look_s=0.005)
    async with Running(bench.pipeline(workers=1, patience=never).run()):
        await eventually(lambda: bench.catalog.states["z"] is MediaState.AVAILABLE)
    assert list(bench.catalog.states.values()).count(MediaState.SPOOLED) == 10


async def test_many_at_once_but_no_more_than_allowed_on_the_disk(
    bench: Bench, at_crash_point: Callable[[Callable[[str], None]], None]
) -> None:
    for number in range(150):
        bench.record(
            due(f"r{number:03}", (0, 0.1), (0.2, 0.3)), *(wav_bytes(voice(800, seed=n)) for n in (1, 2))
        )
    lock, now, most = threading.Lock(), [0], [0]

    def count(name: str) -> None:
        change = {"segment.ready": 1, "store.renamed": -1}.get(name, 0)
        if "renamed" in name and threading.current_thread() is threading.main_thread():
            return
        with lock:
            now[0] = max(0, now[0] + change)
            most[0] = max(most[0], now[0])

    at_crash_point(count)
    states = await bench.pipeline(workers=3).drain()
    assert set(states.values()) == {MediaState.AVAILABLE}
    assert len(states) == 150
    assert 1 <= most[0] <= 3
    assert len(bench.catalog.rows) == 450
    assert bench.spooled() == []
    check_rows(bench)


async def test_a_callback_that_fails_does_not_unmake_the_recording(bench: Bench) -> None:
    bench.record(due("r1", (0, 1)), wav_bytes(ONE))

    def fail(_recording_id: str) -> None:
        raise RuntimeError("a subscriber's mistake")

    assert await bench.pipeline(on_available=fail).drain() == {"r1": MediaState.AVAILABLE}


async def test_a_file_that_we_may_not_read_says_whose_rights_are_wrong(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = bench.record(due("r1", (0, 1)), wav_bytes(ONE))
    real = Path.open

    def refuse(path: Path, *arguments: Any, **more: Any) -> Any:
        if path.is_relative_to(bench.spool):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return real(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", refuse)
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert "readable for the controller" in bench.catalog.errors["r1"]


async def test_the_same_recording_twice_at_once(bench: Bench) -> None:
    recording = bench.record(due("r1", (0, 1), (2, 3)), wav_bytes(ONE), wav_bytes(TWO))
    pipeline, other = bench.pipeline(), bench.pipeline()
    states = await asyncio.gather(
        *(p.process(recording) for p in (pipeline, pipeline, other, pipeline, other))
    )
    assert MediaState.AVAILABLE in states
    assert bench.catalog.states["r1"] is MediaState.AVAILABLE
    check_rows(bench)
