"""Waveforms: what is loud where, at every zoom, of every kind of file; made once, and again if need be."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from controller.engine.media_ports import FileRole, MediaState, StoredFile
from controller.engine.peaks_format import (
    FACTOR,
    SMALLEST,
    BadPeaks,
    Peaks,
    cut,
    grouped,
    sample_of,
    unpack,
    unpack_talk,
)
from controller.media import wav
from controller.media.errors import MediaError
from controller.media.peaks import file_of, measure
from controller.media.peaks_task import PeaksTask
from controller.media.shelves import LocalShelf, Stores, home_only
from controller.media.sound import Sound
from controller.media.store import LocalStore

from .conftest import Bench
from .doubles import chunk as riff_chunk
from .doubles import due, fmt, riff, tone, wav_bytes
from .doubles import voice as noise

STEP = 20
SOURCE = "ab" * 32


def tones(seconds: float, *at: tuple[int, float, float], rate: int = 8000, channels: int = 2) -> np.ndarray:
    """Silence with a tone of level 10,000 on a channel from one second to another."""
    made = np.zeros((int(seconds * rate), channels), np.int16)
    for channel, begin, end in at:
        first, last = int(begin * rate), int(end * rate)
        made[first:last, channel] = tone(last - first, rate)[:, 0]
    return made


def drawn(samples: np.ndarray, rate: int = 8000, block: int = 1000) -> bytes:
    blocks = (samples[n : n + block] for n in range(0, len(samples), block))
    sound = Sound(samples.shape[1], rate, len(samples), blocks)
    return b"".join(file_of(measure(sound), sound, SOURCE))


def look(file: bytes, points: int, begin: int = 0, end: int = 10**9) -> Peaks:
    head = unpack(file)
    part = cut(head, points, begin, end)
    return grouped(head, part, file[part.offset : part.offset + part.length])


def loud(peaks: Peaks, channel: int) -> list[tuple[float, float]]:
    """Where the drawing is not flat, in ms."""
    numbers = np.array(peaks.samples()[channel]).reshape(-1, 2)
    span = (peaks.to_ms - peaks.from_ms) / peaks.points
    mask = np.concatenate(([0], np.abs(numbers).max(axis=1) > 1000, [0])).astype(int)
    edges = np.diff(mask)
    begins, ends = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [(peaks.from_ms + b * span, peaks.from_ms + e * span) for b, e in zip(begins, ends, strict=True)]


def spoken(file: bytes) -> list[list[tuple[int, int]]]:
    """In ms."""
    head = unpack(file)
    return [[(b * STEP, e * STEP) for b, e in spans] for spans in unpack_talk(head, file)]


# ── what is drawn ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("rate", [8000, 11_025, 16_000, 44_100, 48_000])
def test_a_tone_is_where_it_was_on_the_channel_where_it_was(rate: int) -> None:
    file = drawn(tones(10, (0, 2, 3.5), (1, 6, 6.8), rate=rate), rate)
    peaks = look(file, 10_000)
    assert peaks.points == 500
    ((begin, end),) = loud(peaks, 0)
    assert begin == pytest.approx(2000, abs=STEP)
    assert end == pytest.approx(3500, abs=STEP)
    ((begin, end),) = loud(peaks, 1)
    assert begin == pytest.approx(6000, abs=STEP)
    assert end == pytest.approx(6800, abs=STEP)
    left = peaks.samples()[0]
    assert max(left) == pytest.approx(10_000, rel=0.03)
    assert min(left) == pytest.approx(-10_000, rel=0.03)
    ((said,), (answered,)) = spoken(file)
    assert said == (pytest.approx(2000, abs=STEP), pytest.approx(3500, abs=STEP))
    assert answered == (pytest.approx(6000, abs=STEP), pytest.approx(6800, abs=STEP))


def test_every_zoom_shows_the_same() -> None:
    points = 300
    made = tones(1200, (0, 100, 130), (0, 700, 700.5), (1, 1150, 1199))
    file = drawn(made)
    head = unpack(file)
    assert [level.steps for level in head.levels] == [FACTOR**n for n in range(len(head.levels))]
    assert head.levels[-1].buckets <= SMALLEST
    assert head.duration_ms == 1_200_000
    whole = look(file, points)
    assert whole.points == points
    for channel, spans in enumerate(([(100, 130), (700, 700.5)], [(1150, 1199)])):
        found = loud(whole, channel)
        assert len(found) == len(spans)
        for (begin, end), (from_s, to_s) in zip(found, spans, strict=True):
            assert begin == pytest.approx(from_s * 1000, abs=1.5 * 1_200_000 / points)
            assert end == pytest.approx(to_s * 1000, abs=1.5 * 1_200_000 / points)
    near = look(file, points, 699_000, 702_000)
    assert (near.from_ms, near.to_ms, near.points) == (699_000, 702_000, 150)
    ((begin, end),) = loud(near, 0)
    assert (begin, end) == (700_000, 700_500)
    assert loud(near, 1) == []


def test_no_sample_is_lost_between_two_levels() -> None:
    """One sample of full scale in twenty minutes of silence is seen from any distance."""
    made = np.zeros((1200 * 8000, 1), np.int16)
    made[7_654_321] = 32_767
    made[1_234_567] = -32_768
    file = drawn(made)
    for points in (1, 7, 100, 999, 5000):
        samples = look(file, points).samples()[0]
        assert max(samples) == 32_124
        assert min(samples) == -32_124
        at = samples.index(32_124) // 2 / look(file, points).points
        assert at == pytest.approx(7_654_321 / len(made), abs=1.5 / points)


def test_the_codes_are_those_of_g711() -> None:
    values = [sample_of(code) for code in range(-127, 128)]
    assert values == sorted(values)
    assert (sample_of(0), sample_of(127), sample_of(-127), sample_of(1)) == (0, 32_124, -32_124, 8)
    ramp = np.arange(-32_768, 32_768, dtype=np.int64).astype(np.int16)
    steps = np.repeat(ramp, 160)[:, None]
    samples = look(drawn(steps), 10_000, 0, 10_000).samples()[0]
    for n in range(0, 500, 37):
        assert samples[2 * n] == pytest.approx(int(ramp[n]), rel=0.035)


def test_parts_cover_the_whole_without_gap_or_repetition() -> None:
    """Two halves that are asked for one by one are the whole."""
    rng = np.random.default_rng(3)
    file = drawn(rng.integers(-30_000, 30_000, (8000 * 64, 2), dtype=np.int16))
    whole = look(file, 100_000)
    first, second = look(file, 100_000, 0, 32_000), look(file, 100_000, 32_000, 64_000)
    assert first.codes + second.codes == whole.codes
    assert look(file, 10, 5, 5).points <= 1
    assert look(file, 10, 10**12, 10**13).points == 0


@pytest.mark.parametrize("frames", [0, 1, 7, 159, 160, 161, 8001])
def test_short_recordings(frames: int) -> None:
    file = drawn(np.full((frames, 1), 12_345, np.int16))
    peaks = look(file, 2000)
    assert peaks.points == -(-frames // 160)
    assert all(n == pytest.approx(12_345, rel=0.03) for n in peaks.samples()[0])
    assert unpack(file).frames == frames


def test_what_is_no_peaks_file_is_refused() -> None:
    good = drawn(tones(30, (0, 1, 2)))
    for bad in (b"", b"RIFF" + good[4:], good[:40], good[:4] + b"\2" + good[5:], os.urandom(200)):
        with pytest.raises(BadPeaks):
            unpack(bad)
    head = unpack(good)
    with pytest.raises(BadPeaks):
        unpack_talk(head, good[: head.begin - 3])
    part = cut(head, 10, 0, 10**9)
    with pytest.raises(BadPeaks):
        grouped(head, part, good[part.offset : part.offset + part.length - 1])


def test_four_hours_need_little_memory_and_a_whole_call_a_short_read() -> None:
    """In a process of its own; the sound comes in blocks as from a store."""
    code = (
        "import resource, numpy as np\n"
        "from controller.media.peaks import *; from controller.media.sound import Sound\n"
        "from controller.engine.peaks_format import *\n"
        "block = np.random.default_rng(1).integers(-9000, 9000, (60 * 8000, 2), dtype=np.int16)\n"
        "usage = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024\n"
        "before = usage()\n"
        "sound = Sound(2, 8000, 240 * len(block), (block for _ in range(240)))\n"
        "file = b''.join(file_of(measure(sound), sound, '00' * 32))\n"
        "head = unpack(file[:FIRST_READ]); part = cut(head, 2000, 0, 10**9)\n"
        "print(usage() - before, len(file), head.duration_ms, part.offset + part.length)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    grown, size, duration, reach = map(int, done.stdout.split())
    assert duration == 4 * 3600 * 1000
    assert grown < 30
    assert size < 5_000_000
    assert reach < 200_000


# ── the task ───────────────────────────────────────────────────────────────────────────────────


def content_of(stores: Stores, row: StoredFile) -> bytes:
    return b"".join(stores.read(row))


async def recorded(bench: Bench, samples: np.ndarray, name: str = "r1", rate: int = 8000) -> StoredFile:
    seconds = len(samples) / rate
    bench.record(due(name, (0, seconds)), wav_bytes(samples, rate))
    assert (await bench.pipeline().drain())[name] is MediaState.AVAILABLE
    return bench.catalog.rows[name, FileRole.RENDITION, 0]


def peaks_row(bench: Bench, name: str = "r1") -> StoredFile:
    return bench.catalog.rows[name, FileRole.PEAKS, 0]


async def test_the_task_draws_once(bench: Bench) -> None:
    whole = await recorded(bench, tones(8, (0, 1, 2), (1, 4, 6)))
    task, told = PeaksTask(bench.catalog, home_only(bench.store)), []
    assert task.name == "peaks"
    assert await task.run("r1", told.append) == ""
    row = peaks_row(bench)
    assert row.key == whole.key.replace(".wav", ".peaks")
    content = bench.store.path(row.key).read_bytes()
    assert (row.size, row.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (row.duration_ms, row.channels, row.sample_rate, row.format) == (8000, 2, 8000, "peaks")
    assert unpack(content).source == whole.sha256
    assert spoken(content) == [[(1000, 2000)], [(4000, 6000)]]
    assert told
    assert told == sorted(told)
    assert told[-1] == 1.0
    before = bench.store.path(row.key).stat().st_mtime_ns
    told.clear()
    assert await task.run("r1", told.append) == ""
    assert told == []
    assert bench.store.path(row.key).stat().st_mtime_ns == before


async def test_it_is_drawn_again_when_the_recording_changed_or_the_drawing_is_damaged(bench: Bench) -> None:
    await recorded(bench, tones(8, (0, 1, 2)))
    task = PeaksTask(bench.catalog, home_only(bench.store))
    await task.run("r1", lambda done: None)
    first = peaks_row(bench)
    other = wav_bytes(tones(8, (1, 5, 6)))
    rendition = bench.catalog.rows["r1", FileRole.RENDITION, 0]
    bench.store.path(rendition.key).unlink()
    bench.store.path(rendition.key).write_bytes(other)
    await bench.catalog.add_file(
        replace(rendition, size=len(other), sha256=hashlib.sha256(other).hexdigest())
    )
    await task.run("r1", lambda done: None)
    second = peaks_row(bench)
    assert second.sha256 != first.sha256
    assert spoken(bench.store.path(second.key).read_bytes()) == [[], [(5000, 6000)]]
    content = bench.store.path(second.key).read_bytes()
    for damaged in (content[:-1] + bytes([content[-1] ^ 1]), content[:50], b""):
        bench.store.path(second.key).write_bytes(damaged)
        await task.run("r1", lambda done: None)
        assert bench.store.path(second.key).read_bytes() == content
    bench.store.path(second.key).unlink()
    await task.run("r1", lambda done: None)
    assert bench.store.path(second.key).read_bytes() == content


async def test_a_recording_that_is_gone_leaves_no_waveform(
    bench: Bench, at_crash_point: Callable[[Callable[[str], None]], None]
) -> None:
    await recorded(bench, tones(2, (0, 1, 2)))
    task = PeaksTask(bench.catalog, home_only(bench.store))
    at_crash_point(lambda name: bench.catalog.rows.clear() if name == "peaks.stored" else None)
    with pytest.raises(MediaError, match="changed"):
        await task.run("r1", lambda done: None)
    assert not [key for key in list(bench.store.keys()) if key.endswith(".peaks")]
    assert await task.run("r1", lambda done: None) == "no waveform: the recording is not in one file"


async def test_killed_before_the_row_it_comes_out_the_same(
    bench: Bench, at_crash_point: Callable[[Callable[[str], None]], None]
) -> None:
    class Killed(BaseException):
        pass

    def die(name: str) -> None:
        if name == "peaks.stored":
            raise Killed

    await recorded(bench, tones(4, (0, 1, 2)))
    task = PeaksTask(bench.catalog, home_only(bench.store))
    at_crash_point(die)
    with pytest.raises(Killed):
        await task.run("r1", lambda done: None)
    assert ("r1", FileRole.PEAKS, 0) not in bench.catalog.rows
    at_crash_point(lambda name: None)
    await task.run("r1", lambda done: None)
    row = peaks_row(bench)
    assert hashlib.sha256(bench.store.path(row.key).read_bytes()).hexdigest() == row.sha256


async def test_the_sound_may_lie_in_another_store(bench: Bench, tmp_path: Path) -> None:
    whole = await recorded(bench, tones(8, (1, 2, 3)))
    content = bench.store.path(whole.key).read_bytes()
    away = LocalStore(tmp_path / "away")
    stores = Stores(bench.store, {"away": LocalShelf("away", away)}, [])
    away.put_blocks(iter([content]), whole.key)
    bench.store.delete(whole.key)
    bench.catalog.rows["r1", FileRole.RENDITION, 0] = replace(whole, store="away")
    await PeaksTask(bench.catalog, stores).run("r1", lambda done: None)
    assert spoken(content_of(stores, peaks_row(bench))) == [[], [(2000, 3000)]]


async def of_file(bench: Bench, content: bytes, suffix: str, channels: int, ms: int = 0) -> str:
    """What the task says of a rendition with these bytes."""
    bench.catalog.add(due("r9", (0, 1)), MediaState.AVAILABLE)
    bench.store.put_blocks(iter([content]), f"acme.example/r9.{suffix}")
    sha = hashlib.sha256(content).hexdigest()
    await bench.catalog.add_file(
        StoredFile(
            "r9", FileRole.RENDITION, 0, f"acme.example/r9.{suffix}", suffix, len(content), sha, ms,
            channels, 8000,
        )
    )  # fmt: skip
    return await PeaksTask(bench.catalog, home_only(bench.store)).run("r9", lambda done: None)


async def test_mono_rf64_and_a_law(bench: Bench) -> None:
    samples = tones(4, (0, 1, 2), channels=1)
    data = samples.astype("<i2").tobytes()
    long = b"RF64\xff\xff\xff\xffWAVEds64" + (28).to_bytes(4, "little")
    long += (36 + 36 + len(data)).to_bytes(8, "little") + len(data).to_bytes(8, "little")
    long += len(samples).to_bytes(8, "little") + bytes(4)
    long += fmt(1) + b"data\xff\xff\xff\xff" + data
    for content in (wav_bytes(samples), long):
        assert await of_file(bench, content, "wav", 1) == ""
        assert spoken(bench.store.path(peaks_row(bench, "r9").key).read_bytes()) == [[(1000, 2000)]]
    law = np.where(np.abs(samples[:, 0]) > 0, 0x2A, 0xD5).astype(np.uint8).tobytes()
    assert await of_file(bench, riff(fmt(1, bits=8, tag=6), riff_chunk(b"data", law)), "wav", 1) == ""
    content = bench.store.path(peaks_row(bench, "r9").key).read_bytes()
    ((begin, _),) = loud(look(content, 10_000), 0)
    assert begin == 1000


async def test_what_cannot_be_drawn_is_said(bench: Bench) -> None:
    assert "is no WAV file" in await of_file(bench, b"nonsense" * 100, "wav", 1)
    assert "nothing here reads that" in await of_file(bench, b"nonsense" * 100, "xyz", 1)
    assert await of_file(bench, b"film", "mp4", 0) == "no waveform: the recording has no sound"


async def test_a_film_and_encoded_files_are_drawn_too(bench: Bench, ffmpeg: str, tmp_path: Path) -> None:
    source = tmp_path / "in.wav"
    source.write_bytes(wav_bytes(tones(6, (0, 1, 2), (1, 4, 5), rate=48_000), 48_000))
    picture = ["-f", "lavfi", "-i", "testsrc=s=64x64:r=10:d=6", "-map", "1:v", "-map", "0:a", "-c:v", "mpeg4"]
    for suffix, arguments in (
        ("mp4", [*picture, "-c:a", "aac", "-b:a", "128k"]),
        ("mp3", ["-c:a", "libmp3lame"]),
        ("opus", ["-c:a", "libopus"]),
        ("flac", ["-c:a", "flac"]),
    ):
        made = tmp_path / f"out.{suffix}"
        command = [ffmpeg, "-v", "error", "-y", "-i", str(source), *arguments, str(made)]
        await asyncio.to_thread(subprocess.run, command, check=True)
        assert await of_file(bench, made.read_bytes(), suffix, 2, 6000) == ""
        left, right = spoken(bench.store.path(peaks_row(bench, "r9").key).read_bytes())
        # An encoder smears over a frame or two of its own.
        assert left == [(pytest.approx(1000, abs=60), pytest.approx(2000, abs=100))], suffix
        assert right == [(pytest.approx(4000, abs=60), pytest.approx(5000, abs=100))], suffix
    broken = (tmp_path / "out.mp3").read_bytes()[:10] + os.urandom(50)
    with pytest.raises(MediaError):
        await of_file(bench, broken, "mp4", 2)
    assert not list((bench.store.root / ".scratch").glob("*"))


async def test_noise_is_read_as_it_lies_in_the_file(bench: Bench) -> None:
    """Blocks of any size from the store make the same waveform, to the byte."""
    samples = noise(8000 * 3, 2)
    await recorded(bench, samples)
    await PeaksTask(bench.catalog, home_only(bench.store)).run("r1", lambda done: None)
    whole = bench.catalog.rows["r1", FileRole.RENDITION, 0]
    sound = Sound(2, 8000, len(samples), iter([samples]))
    assert bench.store.path(peaks_row(bench).key).read_bytes() == b"".join(
        file_of(measure(sound), sound, whole.sha256)
    )
    assert wav.inspect(bench.store.path(whole.key)).frames == len(samples)
