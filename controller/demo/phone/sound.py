"""What a scripted phone says: µ-law (G.711) by tables, and endless sources of it at 8 kHz."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.int16]

RATE = 8000

#: One RTP packet of 20 ms.
PACKET_SAMPLES = 160

#: The loudest a source's noise gets. µ-law has steps of 8 near zero, so 8 to 24 are the three
#: quietest sounds there are: about -63 dB, a quiet room, and never the exact zero of a masked file.
NOISE_PEAK = 24

#: Peak of a tone: -12 dB, so that two of them mixed do not clip.
TONE_PEAK = 8000


def _decode_table() -> Samples:
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = ((((code & 0x0F) << 3) + 0x84) << ((code >> 4) & 7)) - 0x84
    table: Samples = np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)
    return table


def _encode_table() -> npt.NDArray[np.uint8]:
    linear = np.arange(-32768, 32768, dtype=np.int32)
    magnitude = np.minimum(np.abs(linear), 32635) + 0x84
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    code = np.where(linear < 0, 0x80, 0) | (exponent << 4) | mantissa
    table: npt.NDArray[np.uint8] = (~code & 0xFF).astype(np.uint8)
    return table


_DECODE = _decode_table()
_ENCODE = _encode_table()


def encode(samples: Samples) -> bytes:
    """16-bit samples to µ-law."""
    return _ENCODE[samples.astype(np.int32) + 32768].tobytes()


def decode(data: bytes) -> Samples:
    """µ-law to 16-bit samples."""
    return _DECODE[np.frombuffer(data, dtype=np.uint8)]


@dataclass(frozen=True, slots=True)
class Source:
    """An endless sound: ``loop`` is µ-law, played round and round."""

    name: str
    loop: bytes

    def packet(self, number: int) -> bytes:
        """The 160 bytes of the packet with this number, counted from 0."""
        start = number * PACKET_SAMPLES % len(self.loop)
        piece = self.loop[start : start + PACKET_SAMPLES]
        while len(piece) < PACKET_SAMPLES:
            piece += self.loop[: PACKET_SAMPLES - len(piece)]
        return piece


def tone(frequency: int, peak: int = TONE_PEAK) -> Source:
    """A sine of a whole number of Hz, so that one second of it loops without a click."""
    wave = peak * np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE)
    return Source(f"{frequency} Hz", encode(wave.astype(np.int16)))


def digital_silence() -> Source:
    """Exact zeros, as a muted phone sends. A recording of it looks like a masked one."""
    return Source("silence", encode(np.zeros(RATE, dtype=np.int16)))


def noise(count: int, seed: int = 1) -> Samples:
    """Room noise of which no sample is zero."""
    random = np.random.default_rng(seed)
    steps = random.integers(1, NOISE_PEAK // 8 + 1, count) * 8
    samples: Samples = (steps * random.choice((-1, 1), count)).astype(np.int16)
    return samples


def room(seed: int = 1) -> Source:
    """A silent person in a quiet room: faint noise."""
    return Source("room", encode(noise(4 * RATE, seed)))


def clip(samples: Samples, name: str = "clip", seed: int = 1) -> Source:
    """A recording played for ever, over faint noise so that its pauses are not exact zeros."""
    quiet = noise(len(samples), seed).astype(np.int32)
    mixed = samples.astype(np.int32) + quiet
    mixed = np.where(np.abs(mixed) < 8, quiet, mixed)
    return Source(name, encode(np.clip(mixed, -32768, 32767).astype(np.int16)))
