"""Video recordings from the spool to one file that plays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from controller.core.media_kinds import Kind
from controller.engine.crash_points import CRASH_POINTS, arm
from controller.engine.media_ports import INTERRUPTED, DueRecording, FileRole, MediaState

from .conftest import Bench
from .doubles import T0, due, voice, wav_bytes
from .filming import shoot, watch
from .test_crash_points import Killed, at, die
from .test_film import assert_in_step
from .test_pipeline import check_rows

FOLDER = "acme.example/2026/03/04"
pytestmark = pytest.mark.usefixtures("ffmpeg")


def paused(recording: DueRecording, *spans: tuple[float, float | None], cut: bool = False) -> DueRecording:
    pauses = tuple(
        (T0 + timedelta(seconds=a), None if b is None else T0 + timedelta(seconds=b)) for a, b in spans
    )
    return replace(recording, pauses=pauses, cut_pauses=cut)


def two(tmp_path: Path) -> tuple[bytes, bytes]:
    return shoot(tmp_path / "1.mp4", 2, [1.0]), shoot(tmp_path / "2.mp4", 1, [0.4])


async def test_a_single_one_is_passed_through_to_the_bit(bench: Bench, tmp_path: Path) -> None:
    content = shoot(tmp_path / "1.mp4", 1, channels=2)
    single = bench.record(due("r1", (0, 1), kind=Kind.VIDEO), content)
    assert await bench.pipeline().process(single) is MediaState.AVAILABLE
    assert bench.store.path(f"{FOLDER}/r1.mp4").read_bytes() == content
    rendition = bench.catalog.rows["r1", FileRole.RENDITION, 0]
    assert (rendition.duration_ms, rendition.channels, rendition.sample_rate) == (1000, 2, 48_000)
    check_rows(bench)


async def test_a_kept_pause_is_shown_and_a_cut_one_is_not(bench: Bench, tmp_path: Path) -> None:
    plain = due("r1", (0, 2), (6, 7), kind=Kind.VIDEO)
    contents = two(tmp_path)
    bench.record(paused(plain, (2.0, 6.0)), *contents)
    segments = tuple(replace(s, path=s.path.replace("r1.", "r2.")) for s in plain.segments)
    other = replace(plain, recording_id="r2", segments=segments)
    bench.record(paused(other, (2.0, 6.0), cut=True), *contents)
    states = await bench.pipeline().drain()
    assert set(states.values()) == {MediaState.AVAILABLE}
    assert (bench.catalog.durations["r1"], bench.catalog.durations["r2"]) == (7000, 3000)
    kept, cut = (watch(bench.store.path(f"{FOLDER}/{i}.mp4")) for i in ("r1", "r2"))
    assert_in_step(kept, [1.0, 6.4])
    assert_in_step(cut, [1.0, 2.4])
    assert kept.shown(2.1, 5.9)[1] > 10
    assert kept.loudness(2.1, 5.9) == 0
    assert [bench.store.path(f"{FOLDER}/r1.{n}.mp4").read_bytes() for n in (1, 2)] == list(contents)
    assert bench.spooled() == []
    check_rows(bench)


async def test_hung_up_while_paused(bench: Bench, tmp_path: Path) -> None:
    """The pause has no end of its own: it lasts as long as the recording."""
    content = shoot(tmp_path / "1.mp4", 2, [1.0])
    recording = replace(due("r1", (0, 2), kind=Kind.VIDEO), ended_at=T0 + timedelta(seconds=5))
    bench.record(paused(recording, (2.0, None)), content)
    assert await bench.pipeline().drain() == {"r1": MediaState.AVAILABLE}
    assert bench.catalog.durations["r1"] == 5000
    assert watch(bench.store.path(f"{FOLDER}/r1.mp4")).shown(2.1, 4.9)[1] > 10
    # Cut, or over in less than a second, or without ffmpeg, it is the segment itself.
    for number, case in enumerate(("cut", "short"), 2):
        ended = T0 + timedelta(seconds=5 if case == "cut" else 2.9)
        other = replace(due(f"r{number}", (0, 2), kind=Kind.VIDEO), ended_at=ended)
        bench.record(paused(other, (2.0, None), cut=case == "cut"), content)
        assert await bench.pipeline().drain() == {f"r{number}": MediaState.AVAILABLE}
        assert bench.store.path(f"{FOLDER}/r{number}.mp4").read_bytes() == content


async def test_a_pause_at_the_end_without_ffmpeg(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = shoot(tmp_path / "1.mp4", 2)
    recording = replace(due("r1", (0, 2), kind=Kind.VIDEO), ended_at=T0 + timedelta(seconds=5))
    bench.record(paused(recording, (2.0, None)), content)
    monkeypatch.setenv("PATH", "")
    assert await bench.pipeline().drain() == {"r1": MediaState.AVAILABLE}
    assert bench.store.path(f"{FOLDER}/r1.mp4").read_bytes() == content
    assert "the pause at its end is not shown" in bench.catalog.errors["r1"]


async def test_an_mp4_of_a_killed_switch_is_kept_and_flagged(bench: Bench, tmp_path: Path) -> None:
    content = shoot(tmp_path / "1.mp4", 1, [0.5])
    cut_off = content[: content.index(b"moov") - 4]
    recording = bench.record(due("r1", (0, 1), kind=Kind.VIDEO), cut_off)
    for _ in range(2):
        assert await bench.pipeline().process(recording) is MediaState.FAILED
        assert "no index" in bench.catalog.errors["r1"]
        assert bench.store.path(f"{FOLDER}/r1.1.mp4").read_bytes() == cut_off
    assert bench.spooled() == []


async def test_the_head_alone_that_a_switch_killed_early_leaves_is_nothing(bench: Bench) -> None:
    """The 48 bytes that FreeSWITCH 1.10.12 left, killed after six seconds of a video capture."""
    head = bytes.fromhex("000000206674797069736f6d0000020069736f6d69736f32617663316d703431")
    head += bytes.fromhex("0000000866726565000000006d646174")
    assert len(head) == 48
    recording = bench.record(due("r1", (0, 6), kind=Kind.VIDEO), head)
    assert await bench.pipeline().process(recording) is MediaState.EMPTY
    assert "recorded nothing" in bench.catalog.errors["r1"]
    assert bench.spooled() == []
    written = bench.record(due("r2", (0, 6), kind=Kind.VIDEO), head + b"\0\0\0\5\x65abcd")
    assert await bench.pipeline().process(written) is MediaState.FAILED
    assert bench.store.path(f"{FOLDER}/r2.1.mp4").exists()


async def test_a_stop_does_not_wait_for_a_film_and_loses_nothing(
    bench: Bench, tmp_path: Path, eventually: Callable[..., Awaitable[None]]
) -> None:
    """Twelve hours of a pause between two segments: a million pictures to encode."""
    contents = two(tmp_path)
    recording = due("r1", (0, 2), (43_200, 43_201), kind=Kind.VIDEO)
    bench.record(paused(recording, (2.0, 43_200.0)), *contents)
    pipeline = bench.pipeline()
    running = asyncio.ensure_future(pipeline.drain())
    scratch = bench.store.root / ".scratch"
    await eventually(lambda: scratch.exists() and len(list(scratch.iterdir())) == 2, within=60)
    sound = due("r2", (0, 1))
    bench.record(sound, wav_bytes(voice(8000)))
    also = asyncio.ensure_future(pipeline.process(sound))
    await eventually(
        lambda: bench.catalog.states["r2"] is MediaState.AVAILABLE, "a film keeps nobody waiting"
    )
    pipeline.stop()
    running.cancel()
    await asyncio.gather(running, also, return_exceptions=True)
    await eventually(lambda: list(scratch.iterdir()) == [], "the film's thread has given up")
    assert bench.catalog.states["r1"] is MediaState.STORED
    assert [r.recording_id for r in await bench.catalog.due()] == ["r1"]
    assert [bench.store.path(f"{FOLDER}/r1.{n}.mp4").read_bytes() for n in (1, 2)] == list(contents)


async def test_a_half_written_index_is_no_index(bench: Bench, tmp_path: Path) -> None:
    content = shoot(tmp_path / "1.mp4", 1)[:-500]
    recording = bench.record(due("r1", (0, 1), kind=Kind.VIDEO), content)
    state = await bench.pipeline().process(recording)
    assert state is MediaState.FAILED
    assert bench.store.path(f"{FOLDER}/r1.1.mp4").read_bytes() == content


async def test_the_segments_beside_a_broken_one_are_joined(bench: Bench, tmp_path: Path) -> None:
    one, other = two(tmp_path)
    broken = one[: one.index(b"moov") - 4]
    recording = bench.record(due("r1", (0, 2), (2, 4), (5, 6), kind=Kind.VIDEO), one, broken, other)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert "segment 2: unreadable" in bench.catalog.errors["r1"]
    assert bench.store.path(f"{FOLDER}/r1.2.mp4").read_bytes() == broken
    assert_in_step(watch(bench.store.path(f"{FOLDER}/r1.mp4")), [1.0, 5.4])
    check_rows(bench)


async def test_one_written_in_fragments_is_played_as_far_as_it_goes(bench: Bench, tmp_path: Path) -> None:
    options = ["-g", "25", "-movflags", "frag_keyframe+empty_moov"]
    content = shoot(tmp_path / "1.mp4", 5, [1.0, 2.0], options=options)
    cut_off = content[: content.rindex(b"moof") - 200]
    recording = bench.record(due("r1", (0, 5), kind=Kind.VIDEO), cut_off)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    segment = bench.catalog.rows["r1", FileRole.SEGMENT, 1]
    assert segment.note == "the switch did not finish this file"
    assert bench.store.path(segment.key).read_bytes() == cut_off
    assert bench.catalog.errors["r1"] == f"{INTERRUPTED}; segment 1: the switch did not finish this file"
    # Without an index nothing says that the encoder's delay is to be skipped: all is 21 ms later.
    assert_in_step(watch(bench.store.path(f"{FOLDER}/r1.mp4")), [1.021, 2.021])


async def test_without_ffmpeg_the_segments_are_safe_and_wait(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = bench.record(due("r1", (0, 2), (5, 6), kind=Kind.VIDEO), *two(tmp_path))
    monkeypatch.setenv("PATH", "")
    assert await bench.pipeline().process(recording) is MediaState.FAILED
    assert "install it" in bench.catalog.errors["r1"]
    assert [f.duration_ms for f in await bench.catalog.files("r1")] == [2000, 1000]
    assert bench.spooled() == []
    monkeypatch.undo()
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    check_rows(bench)


@pytest.mark.parametrize("name", [p for p in CRASH_POINTS if p != "segment.repaired"])
def test_killed_and_started_again(
    bench: Bench, tmp_path: Path, at_crash_point: Callable[[Callable[[str], None]], None], name: str
) -> None:
    shoot(tmp_path / "1.mp4", 0.4, size="64x48")
    contents = [(tmp_path / "1.mp4").read_bytes()] * 2
    recording = bench.record(paused(due("r1", (0, 0.4), (1, 1.4), kind=Kind.VIDEO), (0.4, 1.0)), *contents)
    at_crash_point(at(name, 1, die))
    with pytest.raises(Killed):
        asyncio.run(bench.pipeline().process(recording))
    arm(None)
    asyncio.run(bench.pipeline().drain())
    assert bench.catalog.states["r1"] is MediaState.AVAILABLE
    assert bench.catalog.durations["r1"] == 1400
    assert bench.spooled() == []
    assert [p for p in (bench.store.root / ".scratch").iterdir()] == []
    check_rows(bench)


def test_the_same_segments_give_the_same_file(bench: Bench, tmp_path: Path) -> None:
    """A second run of the same work must not change a file that has been published with its hash."""
    recording = bench.record(due("r1", (0, 2), (5, 6), kind=Kind.VIDEO), *two(tmp_path))
    asyncio.run(bench.pipeline().process(recording))
    rows = dict(bench.catalog.rows)
    asyncio.run(bench.pipeline().process(recording))
    assert bench.catalog.rows == rows
