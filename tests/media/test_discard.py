"""Recordings on demand that nobody started: their sound is destroyed, whatever happens on the way."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from controller.core.media_kinds import Kind
from controller.core.recording import side_paths
from controller.engine.crash_points import CRASH_POINTS, DISCARD_POINTS, arm
from controller.engine.media_ports import DueRecording, MayDiscard, MediaState
from controller.media.shelves import home_only
from controller.media.sweep import sweep

from .conftest import Bench
from .doubles import due, voice, wav_bytes, write
from .test_crash_points import Killed, at, die

FOLDER = "acme.example/2026/03/04"
OLD = time.time() - 7200
ONE, TWO = wav_bytes(voice(8000, seed=1)), wav_bytes(voice(4000, seed=2), closed=False)


def on_demand(*spans: tuple[float, float], kind: Kind = Kind.AUDIO) -> DueRecording:
    return replace(due("r1", *spans, kind=kind), discard=True)


def stored(bench: Bench) -> list[str]:
    return sorted(bench.store.keys())


def nothing_is_left(bench: Bench) -> None:
    """No file in the spool or the store, work in progress included, and no row of one."""
    assert bench.spooled() == []
    assert [p for p in bench.store.root.rglob("*") if p.is_file()] == []
    assert bench.catalog.rows == {}
    assert bench.catalog.states["r1"] is MediaState.DISCARDED
    assert ("r1", MediaState.AVAILABLE) not in bench.catalog.history


async def test_every_segment_goes_and_the_row_stays(bench: Bench) -> None:
    told: list[str] = []
    recording = bench.record(on_demand((0, 1), (2, 2.5), (3, 4)), ONE, TWO, None)
    for side in side_paths(recording.segments[0].path):
        write(bench.spool / side, ONE)
    assert await bench.pipeline(on_available=told.append).process(recording) is MediaState.DISCARDED
    nothing_is_left(bench)
    assert told == []
    assert await bench.catalog.due() == []
    assert await bench.pipeline().process(recording) is MediaState.DISCARDED


async def test_other_recordings_beside_it_stay(bench: Bench) -> None:
    bench.record(on_demand((0, 1)), ONE)
    bench.record(due("r10", (0, 1)), ONE)
    assert await bench.pipeline().drain() == {"r1": MediaState.DISCARDED, "r10": MediaState.AVAILABLE}
    assert stored(bench) == [f"{FOLDER}/r10.1.wav", f"{FOLDER}/r10.wav"]


async def test_a_video_and_one_that_is_unreadable(bench: Bench) -> None:
    bench.record(on_demand((0, 1), (1, 2), kind=Kind.VIDEO), os.urandom(999), b"")
    assert await bench.pipeline().drain() == {"r1": MediaState.DISCARDED}
    nothing_is_left(bench)


async def test_what_an_earlier_step_had_stored_goes_with_its_rows(bench: Bench) -> None:
    recording = bench.record(due("r1", (0, 1), (2, 2.5)), ONE, TWO)
    # Collected and joined, but never published; the row turns out to be provisional.
    arm(at("rendition.cataloged", 1, die))
    with pytest.raises(Killed):
        await bench.pipeline().process(recording)
    arm(None)
    assert len(stored(bench)) == len(bench.catalog.rows) == 3
    bench.catalog.recordings["r1"] = replace(recording, discard=True)
    assert await bench.pipeline().drain() == {"r1": MediaState.DISCARDED}
    nothing_is_left(bench)


async def test_what_an_earlier_step_had_stored_without_a_row_goes_too(bench: Bench) -> None:
    recording = bench.record(due("r1", (0, 1)), ONE)
    arm(at("segment.stored", 1, die))
    with pytest.raises(Killed):
        await bench.pipeline().process(recording)
    arm(None)
    assert stored(bench) == [f"{FOLDER}/r1.1.wav"]
    assert bench.catalog.rows == {}
    bench.catalog.recordings["r1"] = replace(recording, discard=True)
    assert await bench.pipeline().drain() == {"r1": MediaState.DISCARDED}
    nothing_is_left(bench)


@pytest.mark.parametrize("name", DISCARD_POINTS)
@pytest.mark.parametrize("earlier", ["segment.cataloged", "rendition.stored", "never stored"])
def test_killed_and_started_again(
    bench: Bench, at_crash_point: Callable[[Callable[[str], None]], None], name: str, earlier: str
) -> None:
    recording = bench.record(due("r1", (0, 1), (2, 2.5)), ONE, TWO)
    if earlier in CRASH_POINTS:
        at_crash_point(at(earlier, 1, die))
        with pytest.raises(Killed):
            asyncio.run(bench.pipeline().process(recording))
    bench.catalog.recordings["r1"] = recording = replace(recording, discard=True)
    spooled = bool(bench.spooled())
    for occurrence in (1, 1, 2):
        at_crash_point(at(name, occurrence, die))
        try:
            asyncio.run(bench.pipeline().process(recording))
        except Killed:
            pass
        else:
            assert occurrence == 2 or not spooled or name == "discard.removed"
    arm(None)
    asyncio.run(bench.pipeline().drain())
    nothing_is_left(bench)


def test_every_point_is_passed(bench: Bench, at_crash_point: Callable[[Callable[[str], None]], None]) -> None:
    passed: set[str] = set()
    at_crash_point(passed.add)
    asyncio.run(bench.pipeline().process(bench.record(on_demand((0, 1)), ONE)))
    assert passed == set(DISCARD_POINTS)


async def test_started_while_it_was_waited_for_it_is_kept(
    bench: Bench, eventually: Callable[..., Awaitable[None]]
) -> None:
    """The row is read again right before: what the work began with was old."""
    stale = bench.record(on_demand((0, 1), (2, 2.5)), ONE, TWO)
    bench.catalog.recordings["r1"] = replace(stale, discard=False)
    assert await bench.pipeline().process(stale) is MediaState.AVAILABLE
    assert len(stored(bench)) == 3


async def test_what_can_be_played_already_is_not_destroyed_by_a_stale_order(bench: Bench) -> None:
    recording = bench.record(due("r1", (0, 1)), ONE)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    before = stored(bench)
    bench.catalog.recordings["r1"] = stale = replace(recording, discard=True)
    assert await bench.pipeline().process(stale) is MediaState.AVAILABLE
    assert stored(bench) == before


async def test_a_spool_that_is_away_is_not_taken_for_an_empty_one(bench: Bench, tmp_path: Path) -> None:
    recording = bench.record(on_demand((0, 1)), ONE)
    bench.spool.rename(tmp_path / "away")
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert "mount it" in bench.catalog.errors["r1"]
    (tmp_path / "away").rename(bench.spool)
    assert await bench.pipeline().process(recording) is MediaState.DISCARDED
    nothing_is_left(bench)


async def test_a_hostile_name_keeps_the_others_from_nothing(bench: Bench, tmp_path: Path) -> None:
    """A link in a segment's place is neither followed nor taken for destroyed; the rest goes."""
    victim = write(tmp_path / "victim.wav", ONE)
    recording = bench.record(on_demand((0, 1), (2, 2.5)), None, TWO)
    link = bench.spool / recording.segments[0].path
    link.symlink_to(victim)
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert "no regular file" in bench.catalog.errors["r1"]
    assert victim.read_bytes() == ONE
    assert not (bench.spool / recording.segments[1].path).exists()
    link.unlink()
    assert await bench.pipeline().process(recording) is MediaState.DISCARDED


async def test_a_spool_that_may_not_be_written_in_says_so_and_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = bench.record(on_demand((0, 1)), ONE)
    real = Path.unlink

    def refuse(path: Path, missing_ok: bool = False) -> None:
        if path.is_relative_to(bench.spool):
            raise PermissionError(13, "Permission denied", str(path))
        real(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert "it must not stay" in bench.catalog.errors["r1"]
    monkeypatch.undo()
    assert await bench.pipeline().process(recording) is MediaState.DISCARDED
    nothing_is_left(bench)


async def test_a_file_that_comes_while_it_is_waited_for(
    bench: Bench, eventually: Callable[..., Awaitable[None]]
) -> None:
    recording = bench.record(on_demand((0, 1)), None)
    looked = asyncio.Event()
    wait = bench.catalog.may_discard

    async def late(recording_id: str) -> MayDiscard:
        write(bench.spool / recording.segments[0].path, ONE)
        looked.set()
        return await wait(recording_id)

    bench.catalog.may_discard = late
    assert await bench.pipeline().process(recording) is MediaState.DISCARDED
    assert looked.is_set()
    nothing_is_left(bench)


@pytest.mark.parametrize("name", ["r1.1.wav", "r1.1.rx.wav", "r1.2.wav", "r1.2.tx.wav", "r1.1.mp4"])
async def test_the_sweep_has_what_came_later_destroyed(bench: Bench, name: str) -> None:
    """A segment's own file, one of its sides, and a capture of it that has no row at all."""
    recording = bench.record(on_demand((0, 1)), ONE)
    if name.endswith("mp4"):
        recording = bench.record(on_demand((0, 1), kind=Kind.VIDEO), None)
        (bench.spool / FOLDER / "r1.1.wav").unlink()
    await bench.pipeline().process(recording)
    path = write(bench.spool / FOLDER / name, ONE)
    report = await sweep(
        bench.catalog, {"fs": bench.spool}, home_only(bench.store), False, pipeline=bench.pipeline()
    )
    assert report.processed == {}  # it may still be written to
    os.utime(path, (OLD, OLD))
    report = await sweep(
        bench.catalog, {"fs": bench.spool}, home_only(bench.store), False, pipeline=bench.pipeline()
    )
    assert report.processed == {"r1": "discarded"}
    nothing_is_left(bench)
    assert list(bench.catalog.recordings) == ["r1"]
