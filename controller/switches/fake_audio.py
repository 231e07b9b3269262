"""What the switch in memory records: a tone a party, and exact silence where it was masked."""

from __future__ import annotations

import math
import wave
from array import array
from pathlib import Path

SAMPLE_RATE = 8000
#: A tone's period at 400 Hz, left, and at 800 Hz, right: the two parties of a stereo capture.
_PERIOD = array(
    "h",
    [
        round(8000 * math.sin(2 * math.pi * hertz * n / SAMPLE_RATE))
        for n in range(SAMPLE_RATE // 400)
        for hertz in (400, 800)
    ],
)


def write_wav(file: Path, spans: list[tuple[float, bool]]) -> None:
    """16-bit stereo at 8 kHz: for each (seconds, masked) a tone or silence."""
    period = _PERIOD.tobytes()
    with wave.open(str(file), "wb") as out:
        out.setparams((2, 2, SAMPLE_RATE, 0, "NONE", ""))
        for seconds, masked in spans:
            size = max(0, round(seconds * SAMPLE_RATE)) * 4
            while size > 0:
                piece = min(size, len(period) * 1000)
                out.writeframes(bytes(piece) if masked else (period * 1000)[:piece])
                size -= piece
