"""Whether anything is to be heard in a recording."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from ..core.media_kinds import Kind
from . import ffmpeg, mp4, samples, wav
from .errors import JoinError
from .meter import SILENCE_PEAK
from .resample import Samples

_BLOCK = 1 << 18
_LIMIT_S = 300.0


def silent(kind: Kind, path: Path, stopped: Callable[[], bool] = lambda: False) -> bool:
    """Whether no sample is loud enough to be heard. The first sound ends the look. Blocking.

    Of a film that cannot be looked at (no ffmpeg) nothing is said: False.
    """
    if kind is Kind.AUDIO:
        return not _heard(samples.read(path, wav.inspect(path)))
    probe = mp4.probe(path)
    if probe is None:
        return False
    try:
        return not any(_track_heard(path, n, probe.lasts_ms, stopped) for n in range(probe.sounds))
    except JoinError:
        return False


def _heard(blocks: Iterable[Samples]) -> bool:
    return any(b.size and max(int(b.max()), -int(b.min())) > SILENCE_PEAK for b in blocks)


def _track_heard(path: Path, number: int, lasts_ms: int, stopped: Callable[[], bool]) -> bool:
    """One track's sound, as it is; each of its channels counts."""
    line = ffmpeg.command(
        *ffmpeg.INPUT, ffmpeg.argument(path), "-vn", "-map", f"0:a:{number}", "-f", "s16le", "pipe:1"
    )
    with ffmpeg.piped(line, _LIMIT_S + lasts_ms / 1000, writing=False, stopped=stopped) as decoder:

        def blocks() -> Iterator[Samples]:
            while raw := decoder.read(_BLOCK):
                yield np.frombuffer(raw[: len(raw) // 2 * 2], "<i2")
            decoder.finish()

        return _heard(blocks())
