"""A recording with nothing to be heard in it is kept and marked; a faint one is not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from controller.core.media_kinds import Kind
from controller.engine.media_ports import SILENT, FileRole, MediaState

from .conftest import Bench
from .doubles import due, wav_bytes
from .filming import shoot


def constant(level: int, frames: int = 8000) -> np.ndarray:
    samples = np.full((frames, 1), level, np.int16)
    samples[::2] *= -1
    return samples


@pytest.mark.parametrize(
    ("level", "last", "marked"),
    [(0, 0, True), (8, 8, True), (40, 40, True), (41, 41, False), (0, 500, False)],
)
@pytest.mark.parametrize("several", [False, True])
async def test_silence_is_marked(bench: Bench, level: int, last: int, marked: bool, several: bool) -> None:
    samples = constant(level, 200_000)
    samples[-1] = last
    spans, contents = [(0, 25)], [wav_bytes(samples)]
    if several:
        spans, contents = [(0, 1), (2, 27)], [wav_bytes(constant(0)), wav_bytes(samples)]
    recording = bench.record(due("r1", *spans), *contents)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    rendition = next(f for f in await bench.catalog.files("r1") if f.role is FileRole.RENDITION)
    assert (SILENT in rendition.note) is marked
    assert (SILENT in bench.catalog.errors["r1"]) is marked


@pytest.mark.usefixtures("ffmpeg")
@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize(
    ("sound", "beeps", "marked"), [(True, False, True), (True, True, False), (False, False, True)]
)
async def test_a_silent_film_is_marked_too(
    bench: Bench, tmp_path: Path, sound: bool, beeps: bool, marked: bool, several: bool
) -> None:
    """Of one without a sound track as well: there is nothing to be heard."""
    last = shoot(tmp_path / "1.mp4", 2, [1.5] if beeps else [], sound=sound, channels=2)
    spans, contents = [(0, 2)], [last]
    if several:
        spans, contents = [(0, 1), (2, 4)], [shoot(tmp_path / "2.mp4", 1, sound=sound), last]
    recording = bench.record(due("r1", *spans, kind=Kind.VIDEO), *contents)
    assert await bench.pipeline().process(recording) is MediaState.AVAILABLE
    assert (SILENT in bench.catalog.rows["r1", FileRole.RENDITION, 0].note) is marked
    assert (SILENT in bench.catalog.errors["r1"]) is marked
