"""A sound in which time can be read: noise that never repeats, so any 3 ms of it tell where they belong.

Every sample of it is a µ-law value that is not zero, and a recording of 16-bit PCM holds it unchanged
(nothing else is said on that channel). So a stretch of the file, encoded again, is found in the sound
byte for byte; that tells the packet, and the log of the stream tells when that packet left.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from controller.demo.listen import Wav, silent_spans
from controller.demo.phone import RtpStream, Source
from controller.demo.phone.sound import PACKET_SAMPLES, encode

#: Longer than any call here, so that no part comes twice.
LENGTH_S = 300
#: So many samples are looked up: 24 random bytes do not come twice in millions.
_PROBE = 24
#: Shorter silence is no pause but a packet that came late.
MASK_MIN_MS = 100
#: 200 ms: so far around the edge of a silence the sound is looked for.
_LOOK_BACK = 1600
#: µ-law codes of quiet sounds (peak about 1000), none of which decodes to zero.
_QUIETEST, _LOUDEST = 0x28, 0x7D


def numbered(seed: int, length_s: int = LENGTH_S) -> Source:
    """The sound of one call, long enough for it: what is not in it is looked for in all of it."""
    random = np.random.default_rng(seed)
    count = length_s * 8000
    codes = random.integers(_QUIETEST, _LOUDEST, count) | (random.integers(0, 2, count) << 7)
    return Source(f"numbered {seed}", codes.astype(np.uint8).tobytes())


class Located:
    """One channel of a recording, laid beside the stream that was sent into it.

    ``sound``: what the stream said, where it says something else by now.
    """

    def __init__(self, wav: Wav, rtp: RtpStream, sound: Source | None = None) -> None:
        self._loop = (sound or rtp.source).loop
        audio = [s for s in rtp.sent if s.payload_type == 0]
        if wav.rate != 8000 or not audio:
            raise ValueError("nothing to compare: another rate, or no audio was sent")
        # Packet n of the stream has the timestamp base + 160 n; those missing were not sent.
        base = audio[0].timestamp
        self._at = {((s.timestamp - base) & 0xFFFFFFFF) // PACKET_SAMPLES: s.at for s in audio}
        self._numbers = sorted(self._at)
        self.samples = self._right_channel(wav)

    def source_index(self, start: int) -> int | None:
        """Which sample of the sound the file's sample ``start`` is; None if it is something else."""
        piece = self.samples[start : start + _PROBE]
        if len(piece) < _PROBE:
            return None
        found = self._loop.find(encode(piece))
        return found if found >= 0 else None

    def left_at(self, index: int) -> float:
        """time.time() at which the packet with this sample of the sound left its phone."""
        number = index // PACKET_SAMPLES
        if number in self._at:
            return self._at[number]
        # Not sent (a digit stood in its place): when it would have been.
        near = self._numbers[min(bisect_left(self._numbers, number), len(self._numbers) - 1)]
        return self._at[near] + (number - near) * 0.02

    def left_of(self, payload: bytes) -> float | None:
        """When the packet left whose µ-law bytes were heard by somebody; None if it is another's."""
        found = self._loop.find(payload) if len(payload) >= _PROBE else -1
        return self.left_at(found) if found >= 0 else None

    def before(self, stop: int) -> int | None:
        """The sound's sample that is the last one before ``stop`` in the file.

        A switch that gets no packet in time fills in (FreeSWITCH: samples of -1). What it filled in
        counts as if it were the sound: a mask that comes after it comes no earlier for it.
        """
        for end in range(stop, max(stop - _LOOK_BACK, _PROBE), -_PROBE // 3):
            index = self.source_index(end - _PROBE)
            if index is not None:
                return index + _PROBE - 1 + (stop - end)
        return None

    def after(self, start: int) -> int | None:
        """The sound's sample that is the first one from ``start`` on in the file; as in ``before``."""
        for begin in range(start, start + _LOOK_BACK, _PROBE // 3):
            index = self.source_index(begin)
            if index is not None:
                return index - (begin - start)
        return None

    def silences(self) -> list[tuple[float | None, float | None]]:
        """Of every pause: when the first packet that is not in the file left, and the first one again.

        None where the sound beside it is something else: another's, or what the switch filled in.
        """
        found: list[tuple[float | None, float | None]] = []
        for span in silent_spans(self.samples, 8000, MASK_MIN_MS):
            last, after = self.before(span.start), self.after(span.stop)
            found.append(
                (
                    None if last is None else self.left_at(last + 1),
                    None if after is None else self.left_at(after),
                )
            )
        return found

    def first(self) -> int | None:
        """The sound's first sample that is in the file at all."""
        loud = np.flatnonzero(self.samples)
        for start in loud[:: PACKET_SAMPLES // 2][:200]:
            index = self.source_index(int(start))
            if index is not None:
                return self._grow_back(int(start), index)
        return None

    def _grow_back(self, start: int, index: int) -> int:
        while start > 0 and index > 0 and encode(self.samples[start - 1 : start])[0] == self._loop[index - 1]:
            start, index = start - 1, index - 1
        return index

    def _right_channel(self, wav: Wav) -> np.ndarray:
        """The channel in which the sound is; the other, if any, is the other party's."""
        best = max(wav.samples, key=lambda channel: int(np.count_nonzero(channel)))
        return np.ascontiguousarray(best)
