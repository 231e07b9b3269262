"""A recording with nothing to be heard in it is kept and marked; a faint one is not."""

from __future__ import annotations

import numpy as np
import pytest

from controller.engine.media_ports import SILENT, FileRole, MediaState

from .conftest import Bench
from .doubles import due, wav_bytes


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
