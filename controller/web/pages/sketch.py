"""A waveform as a drawing in the page itself: for pages that have no route for its peaks."""

from __future__ import annotations

from dataclasses import dataclass

from ...engine.reading import RecordingDetail
from ..api.params import MAX_MS
from ..problems import Problem
from ..services import Services
from ..waveforms import Waveform

#: So many bars are drawn; the drawing is WIDTH wide and LANE high for each channel.
BARS, WIDTH, LANE = 240, 960, 40


@dataclass(frozen=True, slots=True)
class Sketch:
    """For each channel the path of its bars."""

    lanes: tuple[str, ...]

    @property
    def height(self) -> int:
        return LANE * len(self.lanes)


async def sketch(parts: Services, detail: RecordingDetail) -> Sketch | None:
    """None where there is no waveform (yet), or its store is away."""
    try:
        wave = await Waveform.open(parts.store, detail)
        found = await wave.peaks(BARS, 0, MAX_MS)
    except Problem:
        return None
    sizes = [
        [max(abs(low), abs(high)) for low, high in zip(lane[::2], lane[1::2], strict=True)]
        for lane in found.samples()
    ]
    loudest = max((size for lane in sizes for size in lane), default=0) or 1
    step = WIDTH / max(1, found.points)
    return Sketch(tuple(_path(lane, n, loudest, step) for n, lane in enumerate(sizes)))


def _path(lane: list[int], channel: int, loudest: int, step: float) -> str:
    middle = LANE * channel + LANE / 2
    parts = []
    for n, size in enumerate(lane):
        half = max(0.5, size / loudest * (LANE / 2 - 2))
        parts.append(f"M{n * step + step / 2:.1f} {middle - half:.1f}v{2 * half:.1f}")
    return "".join(parts)
