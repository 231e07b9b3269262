"""From the spool to a playable recording."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from controller.engine.media_ports import FileRole, MediaState
from controller.media import samples, wav
from controller.media.integrity import digest

from .conftest import Bench
from .doubles import T0, due, voice, wav_bytes, write

FOLDER = "acme.example/2026/03/04"
ONE, TWO = voice(8000, seed=1), voice(4000, seed=2)


def check_rows(bench: Bench) -> None:
    """Every row's file is there with its hash, every file has its row, the spool is empty."""
    for row in bench.catalog.rows.values():
        assert (digest(bench.store.path(row.key)).sha256, digest(bench.store.path(row.key)).size) == (
            row.sha256,
            row.size,
        )
    assert sorted(bench.store.keys()) == sorted(row.key for row in bench.catalog.rows.values())


async def test_one_segment(bench: Bench) -> None:
    recording = bench.record(due("r1", (0, 1)), wav_bytes(ONE))
    told: list[str] = []
    assert await bench.pipeline(on_available=told.append).process(recording) is MediaState.AVAILABLE
    segment, rendition = (
        bench.catalog.rows["r1", FileRole.SEGMENT, 1],
        bench.catalog.rows["r1", FileRole.RENDITION, 0],
    )
    assert (segment.key, rendition.key) == (f"{FOLDER}/r1.1.wav", f"{FOLDER}/r1.wav")
    assert segment.sha256 == rendition.sha256
    assert (rendition.duration_ms, rendition.channels, rendition.sample_rate) == (1000, 1, 8000)
    assert bench.catalog.durations == {"r1": 1000}
    assert bench.catalog.history == [("r1", MediaState.STORED), ("r1", MediaState.AVAILABLE)]
    assert np.array_equal(samples.whole(bench.store.path(rendition.key)), ONE)
    assert bench.spooled() == []
    assert told == ["r1"]
    check_rows(bench)


async def test_several_segments_one_of_them_from_a_killed_switch(bench: Bench) -> None:
    recording = bench.record(
        due("r1", (0, 1), (2, 2.5)), wav_bytes(ONE, closed=False) + b"\1", wav_bytes(TWO)
    )
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    first, second = (bench.catalog.rows["r1", FileRole.SEGMENT, n] for n in (1, 2))
    assert (first.repaired, second.repaired, first.note) == (True, False, "the header was repaired")
    assert wav.inspect(bench.store.path(first.key)).header_ok
    sound = samples.whole(bench.store.path(f"{FOLDER}/r1.wav"))
    assert np.array_equal(sound, np.concatenate((ONE, np.zeros((8000, 1), np.int16), TWO)))
    assert bench.catalog.durations["r1"] == 2500
    check_rows(bench)


async def test_cut_pauses_are_left_out_and_holds_are_not(bench: Bench) -> None:
    recording = due("r1", (0, 1), (4, 4.5), (6, 7), (9, 9.5))
    pauses = [(1.0, 4.0), (6.5, 6.8), (7.0, 8.0)]  # left out; masked within a capture; then on hold
    spans = tuple((T0 + timedelta(seconds=a), T0 + timedelta(seconds=b)) for a, b in pauses)
    recording = replace(recording, pauses=spans, cut_pauses=True)
    for state in (recording, replace(recording, recording_id="r2", cut_pauses=False)):
        segments = tuple(
            replace(s, path=s.path.replace("r1.", f"{state.recording_id}.")) for s in state.segments
        )
        state = bench.record(replace(state, segments=segments), *map(wav_bytes, (ONE, TWO, ONE, TWO)))
        assert await bench.pipeline().process(state) is MediaState.AVAILABLE
    sound = samples.whole(bench.store.path(f"{FOLDER}/r1.wav"))
    silence = np.zeros((12_000, 1), np.int16)
    assert np.array_equal(sound, np.concatenate((ONE, TWO, silence, ONE, silence[:8000], TWO)))
    assert (bench.catalog.durations["r1"], bench.catalog.durations["r2"]) == (5500, 9500)
    check_rows(bench)


@pytest.mark.parametrize(("cut", "lasts"), [(True, 3000), (False, 7000)])
async def test_cut_gaps_are_left_out_with_the_pauses_or_without(bench: Bench, cut: bool, lasts: int) -> None:
    recording = due("r1", (0, 1), (4, 4.5), (6, 7), (9, 9.5))
    pauses = tuple((T0 + timedelta(seconds=a), T0 + timedelta(seconds=b)) for a, b in ((1, 4), (7, 8)))
    recording = replace(recording, pauses=pauses, cut_pauses=cut, cut_gaps=True)
    state = bench.record(recording, *map(wav_bytes, (ONE, TWO, ONE, TWO)))
    assert await bench.pipeline().process(state) is MediaState.AVAILABLE
    sound = samples.whole(bench.store.path(f"{FOLDER}/r1.wav"))
    silence = np.zeros((0 if cut else 8000, 1), np.int16)
    pieces = (ONE, silence, silence, silence, TWO, ONE, silence, TWO)
    assert np.array_equal(sound, np.concatenate(pieces))
    assert bench.catalog.durations["r1"] == lasts
    check_rows(bench)


async def test_processing_twice_changes_nothing(bench: Bench) -> None:
    recording = bench.record(due("r1", (0, 1), (2, 2.5)), wav_bytes(ONE), wav_bytes(TWO))
    await bench.pipeline().process(recording)
    rows = dict(bench.catalog.rows)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert bench.catalog.rows == rows
    check_rows(bench)


@pytest.mark.parametrize("content", [None, b"", wav_bytes(voice(0))], ids=["no file", "0 bytes", "44 bytes"])
async def test_nothing_captured(bench: Bench, content: bytes | None) -> None:
    recording = bench.record(due("r1", (0, 1)), content)
    assert await bench.pipeline().process(recording) is MediaState.EMPTY
    assert "segment 1" in bench.catalog.errors["r1"]
    assert bench.catalog.rows == {}
    assert bench.spooled() == []


async def test_a_recording_without_segments_is_empty(bench: Bench) -> None:
    assert await bench.pipeline().process(bench.record(due("r1"))) is MediaState.EMPTY


async def test_an_empty_segment_beside_a_full_one(bench: Bench) -> None:
    recording = bench.record(due("r1", (0, 1), (1, 2)), None, wav_bytes(TWO))
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert bench.catalog.errors["r1"] == "segment 1: the switch wrote no file"
    assert np.array_equal(samples.whole(bench.store.path(f"{FOLDER}/r1.wav")), TWO)


async def test_an_unreadable_file_is_kept_and_flagged_and_the_rest_is_playable(bench: Bench) -> None:
    junk = os.urandom(5000)
    recording = bench.record(due("r1", (0, 1), (1, 2)), wav_bytes(ONE), junk)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert "segment 2: unreadable" in bench.catalog.errors["r1"]
    assert bench.store.path(f"{FOLDER}/r1.2.wav").read_bytes() == junk
    assert np.array_equal(samples.whole(bench.store.path(f"{FOLDER}/r1.wav")), ONE)
    check_rows(bench)


async def test_nothing_but_an_unreadable_file(bench: Bench) -> None:
    junk = os.urandom(5000)
    recording = bench.record(due("r1", (0, 1)), junk)
    for _ in range(2):
        assert await bench.pipeline().process(recording) is MediaState.FAILED
        assert f"kept in the store as {FOLDER}/r1.1.wav" in bench.catalog.errors["r1"]
        assert bench.store.path(f"{FOLDER}/r1.1.wav").read_bytes() == junk


async def test_an_unmounted_spool_is_no_empty_recording(bench: Bench) -> None:
    recording = bench.record(due("r1", (0, 1)), None)
    bench.spool.rmdir()
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert "mount it" in bench.catalog.errors["r1"]
    write(bench.spool / recording.segments[0].path, wav_bytes(ONE))
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE


async def test_a_switch_that_was_taken_out_of_the_configuration(bench: Bench) -> None:
    recording = bench.record(replace(due("r1", (0, 1)), switch="gone"), wav_bytes(ONE))
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert "'gone'" in bench.catalog.errors["r1"]
    assert len(bench.spooled()) == 1


async def test_a_hostile_path_in_a_row_fails_that_recording_alone(bench: Bench, tmp_path: Path) -> None:
    outside = write(tmp_path / "acme/2026/03/04/r1.1.wav", wav_bytes(ONE))
    bad = due("r1", (0, 1))
    bad = replace(bad, segments=(replace(bad.segments[0], path="../acme/2026/03/04/r1.1.wav"),))
    bench.catalog.add(bad)
    bench.record(due("r2", (0, 1)), wav_bytes(ONE))
    states = await bench.pipeline().drain()
    assert states == {"r1": MediaState.FAILED, "r2": MediaState.AVAILABLE}
    assert outside.exists()


async def test_a_full_disk_loses_nothing_and_is_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = bench.record(due("r1", (0, 1), (2, 3)), wav_bytes(ONE), wav_bytes(TWO))
    before = {path: (bench.spool / path).read_bytes() for path in bench.spooled()}

    def full(_fd: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def elsewhere(*_paths: object) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "write", full)
    monkeypatch.setattr(os, "link", elsewhere)  # the spool is on another disk: see also test_cache.py
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert "free some space" in bench.catalog.errors["r1"]
    monkeypatch.undo()
    assert {path: (bench.spool / path).read_bytes() for path in bench.spooled()} == before
    assert list(bench.store.keys()) == []
    assert list((bench.store.root / ".scratch").iterdir()) == []
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    check_rows(bench)


async def test_a_store_that_lost_a_file_says_so(bench: Bench) -> None:
    recording = bench.record(due("r1", (0, 1)), wav_bytes(ONE))
    await bench.pipeline().process(recording)
    bench.store.delete(f"{FOLDER}/r1.1.wav")
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert bench.catalog.history[-1] == ("r1", MediaState.AVAILABLE)  # no step back


async def test_rows_come_back_from_the_store(bench: Bench) -> None:
    """The catalog was restored from a backup that is older than the recording's collection."""
    recording = bench.record(due("r1", (0, 1), (2, 3)), wav_bytes(ONE), wav_bytes(TWO))
    await bench.pipeline().process(recording)
    rows, bench.catalog.rows = bench.catalog.rows, {}
    bench.catalog.add(recording)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert bench.catalog.rows == rows


async def test_a_switch_that_writes_on_is_collected_again(
    bench: Bench, at_crash_point: Callable[[Callable[[str], None]], None]
) -> None:
    recording = bench.record(due("r1", (0, 1)), wav_bytes(ONE, closed=False))
    path = bench.spool / recording.segments[0].path

    def write_on(name: str) -> None:
        if name == "segment.stored":
            at_crash_point(lambda _: None)
            with path.open("ab") as file:
                file.write(TWO.astype("<i2").tobytes())

    at_crash_point(write_on)
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert path.exists()
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert np.array_equal(samples.whole(bench.store.path(f"{FOLDER}/r1.wav")), np.concatenate((ONE, TWO)))
    check_rows(bench)


async def test_a_shorter_file_never_replaces_a_stored_one(bench: Bench) -> None:
    recording = bench.record(due("r1", (0, 1)), wav_bytes(ONE))
    await bench.pipeline().process(recording)
    write(bench.spool / recording.segments[0].path, wav_bytes(TWO))
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert np.array_equal(samples.whole(bench.store.path(f"{FOLDER}/r1.1.wav")), ONE)
    assert len(bench.spooled()) == 1
