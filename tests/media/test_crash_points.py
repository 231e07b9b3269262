"""Killed at any point and started again: the same rows, the same files, nothing lost, nothing twice."""

from __future__ import annotations

import asyncio
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.engine.crash_points import CRASH_POINTS, arm
from controller.engine.media_ports import DueRecording, MediaState
from controller.media.pipeline import MediaPipeline
from controller.media.shelves import home_only
from controller.media.store import LocalStore
from controller.media.sweep import sweep

from .conftest import BRIEF, Bench
from .doubles import MemoryCatalog, due, voice, wav_bytes

CASES = ("one", "several")


class Killed(BaseException):
    """Like a kill it is caught by nobody."""


def prepare(bench: Bench, case: str) -> DueRecording:
    if case == "one":  # its rendition is a link to its segment
        return bench.record(due("r1", (0, 1)), wav_bytes(voice(8000), closed=False))
    return bench.record(
        due("r1", (0, 1), (2, 2.5), (3, 4)),
        wav_bytes(voice(8000)),
        wav_bytes(voice(4000, 2), closed=False) + b"\1",
        None,
    )


def state_of(bench: Bench) -> tuple[object, ...]:
    """All that is left: rows, states, and every file with its bytes (but no work in progress)."""
    files = {key: bench.store.path(key).read_bytes() for key in list(bench.store.keys())}
    catalog = bench.catalog
    return catalog.rows, catalog.states, catalog.durations, catalog.errors, files, bench.spooled()


def at(name: str, occurrence: int, act: Callable[[], None]) -> Callable[[str], None]:
    seen = [0]

    def hook(reached: str) -> None:
        if reached == name:
            seen[0] += 1
            if seen[0] == occurrence:
                act()

    return hook


def die() -> None:
    raise Killed


@pytest.fixture
def undisturbed(tmp_path: Path) -> Callable[[str], tuple[object, ...]]:
    def run(case: str) -> tuple[object, ...]:
        root = tmp_path / "undisturbed"
        (root / "spool").mkdir(parents=True)
        bench = Bench(root / "spool", LocalStore(root / "store"), MemoryCatalog())
        assert asyncio.run(bench.pipeline().process(prepare(bench, case))) is MediaState.AVAILABLE
        return state_of(bench)

    return run


def test_every_crash_point_is_passed(
    bench: Bench, at_crash_point: Callable[[Callable[[str], None]], None]
) -> None:
    passed: set[str] = set()
    at_crash_point(passed.add)
    asyncio.run(bench.pipeline().process(prepare(bench, "several")))
    assert passed == set(CRASH_POINTS)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("occurrence", [1, 2])
@pytest.mark.parametrize("name", CRASH_POINTS)
def test_killed_and_started_again(
    bench: Bench,
    at_crash_point: Callable[[Callable[[str], None]], None],
    undisturbed: Callable[[str], tuple[object, ...]],
    name: str,
    occurrence: int,
    case: str,
) -> None:
    expected = undisturbed(case)
    recording = prepare(bench, case)
    at_crash_point(at(name, occurrence, die))
    try:
        asyncio.run(bench.pipeline().process(recording))
    except Killed:
        pass
    else:
        assert occurrence == 2  # a point that is passed once only
    arm(None)
    asyncio.run(bench.pipeline().drain())
    assert state_of(bench) == expected


@pytest.mark.parametrize("name", CRASH_POINTS)
def test_killed_twice_at_the_same_point(
    bench: Bench,
    at_crash_point: Callable[[Callable[[str], None]], None],
    undisturbed: Callable[[str], tuple[object, ...]],
    name: str,
) -> None:
    expected = undisturbed("several")
    recording = prepare(bench, "several")
    for _ in range(2):
        at_crash_point(at(name, 1, die))
        try:
            asyncio.run(bench.pipeline().process(recording))
        except Killed:
            pass
    arm(None)
    asyncio.run(bench.pipeline().drain())
    assert state_of(bench) == expected


def process_saved(root: Path, crash_at: str) -> None:
    """In a process of its own, which really dies: no ``finally`` runs."""
    catalog: MemoryCatalog = pickle.loads((root / "catalog").read_bytes())
    arm(at(crash_at, 1, lambda: os._exit(9)))
    pipeline = MediaPipeline(
        catalog, {"fs": root / "spool"}, LocalStore(root / "store"), lambda: datetime.now(UTC), patience=BRIEF
    )
    asyncio.run(pipeline.drain())


@pytest.mark.parametrize("name", ["store.copied", "rendition.joined"])
def test_a_process_that_really_dies(
    tmp_path: Path, undisturbed: Callable[[str], tuple[object, ...]], name: str
) -> None:
    """Where it leaves work in progress; at every point it dies in tests/jobs/test_killed_tasks.py."""
    expected = undisturbed("several")
    (tmp_path / "spool").mkdir()
    bench = Bench(
        tmp_path / "spool", LocalStore(tmp_path / "store"), MemoryCatalog(saved=tmp_path / "catalog")
    )
    prepare(bench, "several")
    code = f"from tests.media.test_crash_points import *; process_saved(Path({str(tmp_path)!r}), {name!r})"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 9, done.stderr
    bench.catalog = pickle.loads((tmp_path / "catalog").read_bytes())
    asyncio.run(bench.pipeline().drain())
    assert state_of(bench) == expected
    # What the dead process left half done lies apart, and the sweep takes it away.
    for path in (bench.store.root / ".scratch").iterdir():
        os.utime(path, (1, 1))
    report = asyncio.run(sweep(bench.catalog, {"fs": bench.spool}, home_only(bench.store), False))
    assert report.sound
    assert list((bench.store.root / ".scratch").iterdir()) == []
