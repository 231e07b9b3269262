"""Segments that a switch wrote as a mix and two sides: merged, nothing lost, nothing left lying."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controller.core.commands import Layout
from controller.core.recording import side_paths
from controller.engine.crash_points import CRASH_POINTS, SIDE_POINTS, arm
from controller.engine.media_ports import DueRecording, FileRole, MediaState
from controller.media import samples
from controller.media.integrity import digest
from controller.media.shelves import home_only
from controller.media.store import LocalStore
from controller.media.sweep import sweep

from .conftest import Bench
from .doubles import MemoryCatalog, due, voice, wav_bytes, write
from .test_crash_points import Killed, at, die, state_of
from .test_pair import mix_of, padded
from .test_pipeline import check_rows

FOLDER = "acme.example/2026/03/04"
KEY = f"{FOLDER}/r1.1.wav"
RX, TX = voice(8000, seed=1), voice(7840, seed=2)
MIX = mix_of(RX, TX)
BOTH = np.concatenate((RX, padded(TX, 8000)), axis=1)


def recorded(
    bench: Bench,
    mix: bytes | None,
    rx: bytes | None,
    tx: bytes | None,
    layout: Layout = Layout.OWN_LEFT,
) -> DueRecording:
    plain = due("r1", (0, 1))
    recording = replace(plain, segments=(replace(plain.segments[0], layout=layout),))
    bench.record(recording, mix)
    add_sides(bench, recording, rx, tx)
    return recording


def add_sides(bench: Bench, recording: DueRecording, rx: bytes | None, tx: bytes | None) -> list[Path]:
    paths = side_paths(recording.segments[0].path)
    return [write(bench.spool / p, c) for p, c in zip(paths, (rx, tx), strict=True) if c is not None]


def roles(bench: Bench) -> list[str]:
    return sorted(str(role) for _, role, _ in bench.catalog.rows)


def segment_sound(bench: Bench) -> np.ndarray:
    return samples.whole(bench.store.path(KEY))


@pytest.mark.parametrize("layout", [Layout.OWN_LEFT, Layout.OWN_RIGHT])
async def test_merged_with_its_voice_on_its_own_side(bench: Bench, layout: Layout, tmp_path: Path) -> None:
    recording = recorded(bench, *(wav_bytes(s) for s in (MIX, RX, TX)), layout=layout)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    expected = BOTH if layout is Layout.OWN_LEFT else BOTH[:, ::-1]
    assert np.array_equal(segment_sound(bench), expected)
    assert np.array_equal(samples.whole(bench.store.path(f"{FOLDER}/r1.wav")), expected)
    assert roles(bench) == ["rendition", "segment"]
    assert bench.spooled() == []
    check_rows(bench)
    row = bench.catalog.rows["r1", FileRole.SEGMENT, 1]
    assert (row.channels, row.sample_rate, row.duration_ms, row.repaired) == (2, 8000, 1000, False)
    # The evidence: from the merged file and its note each original can be had again, to the bit.
    for original, length in ((RX, 8000), (TX, 7840), (MIX, 8000)):
        again = digest(write(tmp_path / "again.wav", wav_bytes(original))).sha256
        assert f"{length} samples, sha256 {again}" in row.note
    assert row.note.count("merged") == 1


async def test_a_mix_that_is_not_their_sum_is_kept_beside(bench: Bench) -> None:
    """Asterisk 22's is, to the bit. Of one that is not, nobody knows what else it holds."""
    mix = wav_bytes(voice(9000, seed=9))
    recording = recorded(bench, mix, wav_bytes(RX), wav_bytes(TX))
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert roles(bench) == ["mix", "rendition", "segment"]
    row = bench.catalog.rows["r1", FileRole.MIX, 1]
    assert row.key == f"{FOLDER}/r1.1.mix.wav"
    assert bench.store.path(row.key).read_bytes() == mix
    assert np.array_equal(segment_sound(bench), BOTH)
    check_rows(bench)
    assert (await sweep(bench.catalog, {"fs": bench.spool}, home_only(bench.store), False, min_age_s=0)).sound


async def test_sides_that_cannot_be_merged_to_the_bit_are_kept_beside(bench: Bench) -> None:
    wide = wav_bytes(voice(16_000, seed=3), 16_000)
    recording = recorded(bench, None, wav_bytes(RX), wide)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert roles(bench) == ["rendition", "rx", "segment", "tx"]
    assert bench.store.path(f"{FOLDER}/r1.1.rx.wav").read_bytes() == wav_bytes(RX)
    assert bench.store.path(f"{FOLDER}/r1.1.tx.wav").read_bytes() == wide
    assert bench.catalog.rows["r1", FileRole.SEGMENT, 1].sample_rate == 16_000
    assert bench.spooled() == []
    check_rows(bench)


@pytest.mark.parametrize("missing", [None, b"", wav_bytes(voice(0))], ids=["no file", "0 bytes", "44 bytes"])
async def test_only_the_legs_own_voice(bench: Bench, missing: bytes | None) -> None:
    recording = recorded(bench, wav_bytes(RX), wav_bytes(RX), missing, Layout.OWN_RIGHT)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    sound = segment_sound(bench)
    assert np.array_equal(sound[:, 1], RX[:, 0])
    assert not sound[:, 0].any()
    assert roles(bench) == ["rendition", "segment"]
    assert bench.spooled() == []


async def test_killed_switch_three_headers_without_lengths(bench: Bench) -> None:
    recording = recorded(bench, *(wav_bytes(s, closed=False) for s in (MIX, RX, TX)))
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert np.array_equal(segment_sound(bench), BOTH)
    assert bench.catalog.rows["r1", FileRole.SEGMENT, 1].repaired
    assert roles(bench) == ["rendition", "segment"]
    assert bench.spooled() == []


async def test_junk_in_one_sides_place_is_kept_and_the_rest_is_playable(bench: Bench) -> None:
    junk = os.urandom(3000)
    recording = recorded(bench, wav_bytes(MIX), wav_bytes(RX), junk)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert roles(bench) == ["mix", "rendition", "segment", "tx"]  # the mix has what the side has not
    assert bench.store.path(f"{FOLDER}/r1.1.tx.wav").read_bytes() == junk
    assert bench.catalog.rows["r1", FileRole.TX, 1].note.startswith("unreadable")
    check_rows(bench)


async def test_junk_in_both_sides_places_leaves_the_mix(bench: Bench) -> None:
    recording = recorded(bench, wav_bytes(MIX), os.urandom(99), os.urandom(99))
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert np.array_equal(segment_sound(bench), MIX)
    assert roles(bench) == ["rendition", "rx", "segment", "tx"]
    check_rows(bench)


async def test_nothing_but_junk(bench: Bench) -> None:
    recording = recorded(bench, None, os.urandom(99), None)
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert bench.spooled() == []
    check_rows(bench)


async def test_two_channels_in_the_main_file_are_the_segment(bench: Bench) -> None:
    recording = recorded(bench, wav_bytes(BOTH), None, None)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert np.array_equal(segment_sound(bench), BOTH)
    assert roles(bench) == ["rendition", "segment"]


async def test_sides_that_nobody_asked_for_do_not_change_a_mono_segment(bench: Bench) -> None:
    recording = recorded(bench, *(wav_bytes(s) for s in (MIX, RX, TX)), layout=Layout.MONO)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert np.array_equal(segment_sound(bench), MIX)
    assert roles(bench) == ["rendition", "rx", "segment", "tx"]
    assert bench.spooled() == []


async def test_three_empty_files_are_nothing(bench: Bench) -> None:
    empty = wav_bytes(voice(0))
    recording = recorded(bench, empty, empty, empty)
    assert await bench.pipeline().process(recording) is MediaState.EMPTY
    assert bench.spooled() == []
    assert bench.catalog.rows == {}


async def reopened(bench: Bench, recording: DueRecording, paths: list[Path]) -> None:
    for path in paths:
        os.utime(path, (time.time() - 7200,) * 2)
    report = await sweep(
        bench.catalog, {"fs": bench.spool}, home_only(bench.store), False, pipeline=bench.pipeline()
    )
    assert report.foreign == report.adopted == []
    assert len(report.late) == len(paths)
    assert report.processed == {"r1": "available"}
    assert bench.spooled() == []


async def test_sides_that_come_after_their_mix_was_taken(bench: Bench) -> None:
    recording = recorded(bench, wav_bytes(MIX), None, None)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert np.array_equal(segment_sound(bench), MIX)
    await reopened(bench, recording, add_sides(bench, recording, wav_bytes(RX), wav_bytes(TX)))
    assert np.array_equal(segment_sound(bench), BOTH)
    assert roles(bench) == ["rendition", "segment"]
    check_rows(bench)


async def test_sides_that_come_later_and_are_not_in_the_mix(bench: Bench) -> None:
    other = voice(8000, seed=7)
    recording = recorded(bench, wav_bytes(other), None, None)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    await reopened(bench, recording, add_sides(bench, recording, wav_bytes(RX), wav_bytes(TX)))
    assert np.array_equal(segment_sound(bench), BOTH)
    assert np.array_equal(samples.whole(bench.store.path(f"{FOLDER}/r1.1.mix.wav")), other)
    check_rows(bench)


async def test_the_other_side_comes_after_one_was_merged(bench: Bench) -> None:
    recording = recorded(bench, wav_bytes(MIX), wav_bytes(RX), None)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    before = segment_sound(bench)
    assert roles(bench) == ["mix", "rendition", "segment"]
    await reopened(bench, recording, add_sides(bench, recording, None, wav_bytes(TX)))
    assert np.array_equal(segment_sound(bench), before)
    assert roles(bench) == ["mix", "rendition", "segment", "tx"]
    check_rows(bench)


async def test_a_mix_that_comes_after_its_sides_were_merged(bench: Bench) -> None:
    recording = recorded(bench, None, wav_bytes(RX), wav_bytes(TX))
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    late = write(bench.spool / recording.segments[0].path, wav_bytes(MIX))
    await reopened(bench, recording, [late])
    assert np.array_equal(segment_sound(bench), BOTH)
    assert bench.store.path(f"{FOLDER}/r1.1.mix.wav").read_bytes() == wav_bytes(MIX)
    check_rows(bench)


@pytest.mark.parametrize("left", ["mix", "rx", "tx"])
async def test_one_original_left_in_the_spool_and_the_rows_lost(bench: Bench, left: str) -> None:
    """Killed while it removed them, and the catalog came back from an older backup: nothing that is
    left in the spool may take the place of the merged file, which has more."""
    recording = recorded(bench, *(wav_bytes(s) for s in (MIX, RX, TX)))
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    bench.catalog.rows = {}
    bench.catalog.add(recording)
    content = wav_bytes({"mix": MIX, "rx": RX, "tx": TX}[left])
    main = recording.segments[0].path
    paths = dict(zip(("mix", "rx", "tx"), (main, *side_paths(main)), strict=True))
    write(bench.spool / paths[left], content)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert np.array_equal(segment_sound(bench), BOTH)
    assert roles(bench) == sorted(["rendition", "segment", left])
    assert bench.spooled() == []
    check_rows(bench)


async def test_orphans_of_one_segment_are_adopted_as_one(bench: Bench) -> None:
    for name, sound in (("lost.1.wav", MIX), ("lost.1.rx.wav", RX), ("lost.1.tx.wav", TX)):
        path = write(bench.spool / FOLDER / name, wav_bytes(sound))
        os.utime(path, (time.time() - 7200,) * 2)
    report = await sweep(
        bench.catalog, {"fs": bench.spool}, home_only(bench.store), False, pipeline=bench.pipeline()
    )
    assert (report.adopted, report.processed, report.foreign) == (["lost"], {"lost": "available"}, [])
    (segment,) = bench.catalog.recordings["lost"].segments
    assert (segment.path, bench.spooled()) == (f"{FOLDER}/lost.1.wav", [])
    check_rows(bench)


@pytest.mark.parametrize("layout", [Layout.OWN_LEFT, Layout.OWN_RIGHT])
async def test_a_mono_segment_and_a_merged_one_are_one_recording(bench: Bench, layout: Layout) -> None:
    plain = due("r1", (0, 1), (1, 2))
    recording = replace(plain, segments=(plain.segments[0], replace(plain.segments[1], layout=layout)))
    first = voice(8000, seed=4)
    bench.record(recording, wav_bytes(first), wav_bytes(MIX))
    for path, sound in zip(side_paths(recording.segments[1].path), (RX, TX), strict=True):
        write(bench.spool / path, wav_bytes(sound))
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    sound = samples.whole(bench.store.path(f"{FOLDER}/r1.wav"))
    second = BOTH if layout is Layout.OWN_LEFT else BOTH[:, ::-1]
    assert np.array_equal(sound, np.concatenate((np.repeat(first, 2, axis=1), second)))


@pytest.mark.parametrize("mix", ["sum", "other"])
@pytest.mark.parametrize("occurrence", [1, 2, 3])
@pytest.mark.parametrize("name", [p for p in (*CRASH_POINTS, *SIDE_POINTS) if p != "segment.repaired"])
def test_killed_and_started_again(
    bench: Bench,
    tmp_path: Path,
    at_crash_point: Callable[[Callable[[str], None]], None],
    name: str,
    occurrence: int,
    mix: str,
) -> None:
    files = [wav_bytes(MIX if mix == "sum" else voice(9000, seed=9)), wav_bytes(RX), wav_bytes(TX)]
    (tmp_path / "undisturbed/spool").mkdir(parents=True)
    other = Bench(tmp_path / "undisturbed/spool", LocalStore(tmp_path / "undisturbed/store"), MemoryCatalog())
    asyncio.run(other.pipeline().process(recorded(other, *files)))
    recording = recorded(bench, *files)
    at_crash_point(at(name, occurrence, die))
    try:
        asyncio.run(bench.pipeline().process(recording))
    except Killed:
        pass
    else:
        assert occurrence > 1
    arm(None)
    asyncio.run(bench.pipeline().drain())
    assert state_of(bench) == state_of(other)
    check_rows(bench)
