"""The ears: what is to be heard in a recording, found in its samples. numpy only.

Used by the demo and the end-to-end tests, so it trusts no switch, no catalog and none of our other
code: it has its own reader of WAV files, which also takes one that was cut off by a crash.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]
_Flags = npt.NDArray[np.bool_]

#: A tone is measured over so long. 20 ms has its zeros at multiples of 50 Hz, so two tones that are a
#: multiple of 50 Hz apart do not disturb each other at all, and any others by less than 5 % from
#: 150 Hz on. An edge is not blurred by it: see ``spans``.
TONE_WINDOW_MS = 20

#: A tone weaker than this peak (-36 dB) is none. The phones' tones have 8000, their noise 24.
TONE_FLOOR = 500

#: A shorter tone is none: it is the edge of another sound. Half a packet, which no phone can send.
TONE_MIN_MS = 10

#: A shorter hole in a tone is none: µ-law noise at the threshold. A lost packet is 20 ms.
TONE_JOIN_MS = 5

#: Exact zeros of at least this length count as a mask. Three lost packets (60 ms) are less; nobody
#: pauses and resumes within 100 ms.
MASK_MIN_MS = 100

#: Energy is looked at in pieces of one packet.
SPEECH_WINDOW_MS = 20

#: A piece louder than this (RMS, -44 dB) is speech. The clips speak at 1300 to 2200 and the room's
#: noise is at 17, so this is four times (12 dB) and more away from both.
SPEECH_RMS = 200

#: So much of it makes speech: a short word, and more than a click of one or two packets.
SPEECH_MIN_MS = 60

#: Silence within speech that does not end it: the gaps between words and digits.
SPEECH_JOIN_MS = 300

#: A clip counts as found from this correlation on. µ-law and a second voice in the mix leave 0.6 and
#: more; other speech gives less than 0.2.
MATCH_MIN = 0.5


class NotAWav(ValueError):
    """The file is no WAV that we can read; the text says why."""


@dataclass(frozen=True, slots=True)
class Span:
    """The samples ``start`` (inclusive) to ``stop`` (exclusive) at ``rate``."""

    start: int
    stop: int
    rate: int

    @property
    def from_ms(self) -> int:
        return round(self.start * 1000 / self.rate)

    @property
    def to_ms(self) -> int:
        return round(self.stop * 1000 / self.rate)

    @property
    def duration_ms(self) -> int:
        return round((self.stop - self.start) * 1000 / self.rate)


@dataclass(frozen=True, slots=True)
class Wav:
    """``samples`` has the shape (channels, frames)."""

    samples: Samples
    rate: int

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def duration_ms(self) -> int:
        return int(self.samples.shape[1]) * 1000 // self.rate

    def mono(self) -> Samples:
        """The channels' mean: nothing is clipped, and only what is silent in all of them is zero or
        cancels out exactly. Look for masks with ``silent_spans(wav.samples, ...)`` instead."""
        mean: Samples = self.samples.mean(axis=0).astype(np.int16)
        return mean


def read_wav(path: Path | str) -> Wav:
    """8- or 16-bit PCM, any rate and number of channels. Raises NotAWav, OSError.

    A header that says 0 or more bytes than there are is forgiven: a switch writes the sizes when
    it closes the file, and may have died before.
    """
    data = Path(path).read_bytes()
    if len(data) < 12 or data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise NotAWav(f"{path}: no RIFF/WAVE header")
    layout, at = None, 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        at += 8
        if name == b"fmt ":
            layout = struct.unpack_from("<HHIIHH", data, at)
        elif name == b"data":
            if layout is None:
                break
            there = len(data) - at
            return _pcm(path, layout, data[at : at + (size if 0 < size <= there else there)])
        at += size + (size & 1)
    raise NotAWav(f"{path}: no audio data")


def _pcm(path: Path | str, layout: tuple[int, ...], data: bytes) -> Wav:
    kind, channels, rate, _, _, bits = layout
    if kind not in (1, 0xFFFE) or bits not in (8, 16) or channels < 1 or rate < 1:
        raise NotAWav(f"{path}: format {kind} with {bits} bits is not read here")
    data = data[: len(data) - len(data) % (channels * bits // 8)]
    if bits == 8:
        flat = ((np.frombuffer(data, dtype=np.uint8).astype(np.int16) - 128) * 256).astype(np.int16)
    else:
        flat = np.frombuffer(data, dtype="<i2").astype(np.int16)
    return Wav(np.ascontiguousarray(flat.reshape(-1, channels).T), rate)


def spans(samples: npt.NDArray[Any], rate: int, freq: float) -> list[Span]:
    """Where a tone is to be heard, in one channel; the edges are good to about 1 ms.

    The signal is shifted down by ``freq`` and averaged over TONE_WINDOW_MS. At an edge of the tone
    that average is a straight line between 0 and the tone's level, and it passes one half exactly
    where the edge is under the middle of the window, whatever the window's length.
    """
    count = len(samples)
    window = max(2, round(rate * TONE_WINDOW_MS / 1000))
    if count == 0:
        return []
    shifted = samples.astype(np.float64) * np.exp(-2j * np.pi * freq / rate * np.arange(count))
    padded = np.concatenate(([0], np.zeros(window), shifted, np.zeros(window)))
    total = np.cumsum(padded)
    # level[i]: the tone's peak in the window whose middle is just before sample i.
    first = window - window // 2
    level = 2 * np.abs(total[first + window : first + window + count + 1] - total[first : first + count + 1])
    level /= window
    loud = level[level > TONE_FLOOR]
    if loud.size == 0:
        return []
    # The usual level while it sounds. The median is taken in the upper half, clear of the edges.
    usual = float(np.median(loud[loud >= np.median(loud)]))
    found = _runs(level[:-1] + level[1:] > usual, rate)
    joined = _joined(found, round(rate * TONE_JOIN_MS / 1000))
    return [s for s in joined if s.stop - s.start >= rate * TONE_MIN_MS / 1000]


def silent_spans(samples: npt.NDArray[Any], rate: int, min_ms: float = 0) -> list[Span]:
    """Runs of exact zeros, to the sample. Of several channels (channels, frames), where all are zero."""
    silent = samples == 0 if samples.ndim == 1 else (samples == 0).all(axis=0)
    return [s for s in _runs(silent, rate) if s.stop - s.start >= rate * min_ms / 1000]


def find_masks(path: Path | str, min_ms: float = MASK_MIN_MS) -> list[tuple[int, int]]:
    """(from_ms, to_ms) of every stretch that was masked.

    A stretch in which the switch itself wrote zeros looks the same: before the first packet, and
    while nobody sends (a hold without music).
    """
    wav = read_wav(path)
    return [(s.from_ms, s.to_ms) for s in silent_spans(wav.samples, wav.rate, min_ms)]


def presence(path: Path | str, freqs: Iterable[float], channel: int | None = None) -> dict[float, list[Span]]:
    """Where each tone is to be heard in a file: in one channel, or (None) in the mix of all."""
    wav = read_wav(path)
    samples = wav.mono() if channel is None else wav.samples[channel]
    return {freq: spans(samples, wav.rate, freq) for freq in freqs}


def speech_spans(samples: npt.NDArray[Any], rate: int) -> list[Span]:
    """Where somebody speaks (or anything else is as loud), in one channel; good to 20 ms."""
    window = max(1, round(rate * SPEECH_WINDOW_MS / 1000))
    loud = np.repeat(_rms(samples, window) > SPEECH_RMS, window)[: len(samples)]
    return _joined(_runs(loud, rate), round(rate * SPEECH_JOIN_MS / 1000))


def contains_speech(
    samples: npt.NDArray[Any], rate: int, from_ms: float = 0, to_ms: float | None = None
) -> bool:
    """Whether anything as loud as a word is in this stretch of one channel."""
    stop = len(samples) if to_ms is None else round(to_ms * rate / 1000)
    window = max(1, round(rate * SPEECH_WINDOW_MS / 1000))
    loud = int((_rms(samples[round(from_ms * rate / 1000) : stop], window) > SPEECH_RMS).sum())
    return loud * SPEECH_WINDOW_MS >= SPEECH_MIN_MS


def locate(samples: npt.NDArray[Any], piece: npt.NDArray[Any]) -> tuple[int, float]:
    """Where a known piece of sound lies in a channel of the same rate, to the sample.

    Returns (first sample, correlation 0..1); from MATCH_MIN on it is really there.
    """
    count, length = len(samples), len(piece)
    if length == 0 or count < length:
        return 0, 0.0
    size = 1 << (count + length - 1).bit_length()
    sound, wanted = samples.astype(np.float64), piece.astype(np.float64)
    products = np.fft.irfft(np.fft.rfft(sound, size) * np.conj(np.fft.rfft(wanted, size)), size)
    energy = np.concatenate(([0.0], np.cumsum(sound**2)))
    around = energy[length:] - energy[: count - length + 1]
    # A floor of noise: in exact zeros the ratio would be rounding errors over rounding errors.
    around = np.sqrt(np.maximum(around, length)) * np.sqrt(max(float((wanted**2).sum()), 1.0))
    scores = products[: count - length + 1] / around
    best = int(np.argmax(scores))
    return best, float(scores[best])


def _rms(samples: npt.NDArray[Any], window: int) -> npt.NDArray[np.float64]:
    """The RMS of each piece; what is left at the end counts as a piece of its own."""
    missing = -len(samples) % window
    pieces = np.concatenate((samples.astype(np.float64), np.zeros(missing))).reshape(-1, window)
    rms: npt.NDArray[np.float64] = np.sqrt((pieces**2).mean(axis=1))
    return rms


def _runs(flags: _Flags, rate: int) -> list[Span]:
    """The stretches in which a flag is set."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [Span(int(a), int(b), rate) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _joined(found: list[Span], gap: int) -> list[Span]:
    """The same with holes of at most so many samples closed."""
    out: list[Span] = []
    for span in found:
        if out and span.start - out[-1].stop <= gap:
            out[-1] = Span(out[-1].start, span.stop, span.rate)
        else:
            out.append(span)
    return out
