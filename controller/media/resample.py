"""Another sample rate, by a polyphase windowed-sinc filter, block by block with bounded memory."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from .errors import JoinError

Samples = NDArray[np.int16]

_ZERO_CROSSINGS = 32  # half the filter's length, in samples of the lower rate
_KAISER_BETA = 9.0  # side lobes below -90 dB, under the noise of 16 bits
_PASS = 0.95  # where the filter begins to fall, as a part of the lower Nyquist frequency
_OUTPUT = 8192
_MAX_PHASES = 48_000


def resampled_frames(frames: int, rate_in: int, rate_out: int) -> int:
    """How many frames `resample` makes: those whose time lies within the input."""
    return -(-frames * rate_out // rate_in)


def resample(blocks: Iterator[Samples], frames: int | None, rate_in: int, rate_out: int) -> Iterator[Samples]:
    """``blocks`` of (n, channels) samples, ``frames`` in all (None: nobody knows), at another rate.

    Frame m of the result is the sound at m / rate_out seconds of the input: no delay is added.
    Raises JoinError for two rates that have next to nothing in common.
    """
    common = math.gcd(rate_in, rate_out)
    up, down = rate_out // common, rate_in // common
    if up > _MAX_PHASES:
        raise JoinError(f"cannot bring {rate_in} Hz and {rate_out} Hz together")
    taps = _filter(up, down)
    half = taps.shape[1] // 2
    total = None if frames is None else resampled_frames(frames, rate_in, rate_out)
    held: NDArray[np.float32] | None = None
    first = 1 - half  # the input frame that held[0] is
    done = 0
    for block in _padded(blocks, half):
        fresh = block.astype(np.float32)
        held = fresh if held is None else np.concatenate((held, fresh))
        # A result at input time t needs the frames floor(t) - half + 1 … floor(t) + half.
        reach = first + len(held) - half
        ready = -(-reach * up // down) if reach > 0 else 0
        ready = ready if total is None else min(total, ready)
        windows = sliding_window_view(held, 2 * half, axis=0) if ready > done else None
        while windows is not None and done < ready:
            wanted = np.arange(done, min(ready, done + _OUTPUT), dtype=np.int64) * down
            start = wanted // up - half + 1 - first
            sound = np.einsum("nct,nt->nc", windows[start], taps[wanted % up])
            yield np.clip(np.rint(sound), -32768, 32767).astype(np.int16)
            done += len(wanted)
        keep = done * down // up - half + 1
        if keep > first:
            held = held[keep - first :].copy()
            first = keep


def _padded(blocks: Iterator[Samples], half: int) -> Iterator[Samples]:
    """Silence before the first and behind the last frame, as much as the filter looks."""
    channels = 0
    for block in blocks:
        if not channels:
            channels = block.shape[1]
            yield np.zeros((half - 1, channels), np.int16)
        yield block
    if channels:
        yield np.zeros((half, channels), np.int16)


def _filter(up: int, down: int) -> NDArray[np.float32]:
    """One row of taps for each phase. Every row adds up to 1, so that silence and level stay true."""
    cutoff = _PASS * min(1.0, up / down)
    half = math.ceil(_ZERO_CROSSINGS / cutoff)
    offsets = np.arange(1 - half, half + 1)[None, :] - (np.arange(up) / up)[:, None]
    window = np.i0(_KAISER_BETA * np.sqrt(np.clip(1 - (offsets / half) ** 2, 0, 1)))
    taps = np.sinc(cutoff * offsets) * window
    level: NDArray[np.float32] = (taps / taps.sum(axis=1, keepdims=True)).astype(np.float32)
    return level
