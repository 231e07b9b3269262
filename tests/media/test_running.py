"""The pipeline on many at once: how many, what fails, and who is told (see tests/jobs for who works when)."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from controller.engine.media_ports import MediaState
from controller.media import wav

from .conftest import Bench
from .doubles import due, voice, wav_bytes
from .test_pipeline import ONE, TWO, check_rows


async def test_an_unforeseen_error_is_a_failure_of_that_recording(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = bench.record(due("r1", (0, 1)), wav_bytes(ONE))
    monkeypatch.setattr(wav, "inspect", lambda path: 1 // 0)
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert "ZeroDivisionError" in bench.catalog.errors["r1"]
    assert len(bench.spooled()) == 1


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
