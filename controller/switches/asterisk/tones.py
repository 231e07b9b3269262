"""The tones that parties hear, as small WAVs in the spool: the one folder that Asterisk can read too.

Asterisk's own PlayTones is no use here: a channel whose other half whispers generates silence, and two
generators on one pair of half-legs silence each other (seen on Asterisk 22).
"""

from __future__ import annotations

import array
import io
import math
import wave
from pathlib import Path

from ...core.commands import Sound

FOLDER = ".tapeline"
#: Sound → (Hz, ms) one after the other; 0 Hz is silence.
TONES: dict[Sound, tuple[tuple[int, int], ...]] = {
    Sound.PAUSED: ((1000, 150), (0, 60), (700, 150)),
    Sound.RESUMED: ((700, 150), (0, 60), (1000, 150)),
    Sound.BEEP: ((1400, 200),),
}
_RATE, _PEAK = 8000, 6000
#: A tone that begins and ends at once clicks.
_FADE = 40


def write_tones(spool: Path) -> None:
    """Put the files where they are missing or others. Raises OSError."""
    folder = spool / FOLDER
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    for sound, pieces in TONES.items():
        path, content = folder / f"{sound}.wav", _wav(pieces)
        if path.exists() and path.read_bytes() == content:
            continue
        # Asterisk may be playing the old one: it keeps that, and the next gets the new one whole.
        fresh = folder / f"{sound}.new"
        fresh.write_bytes(content)
        fresh.chmod(0o644)
        fresh.replace(path)


def _wav(pieces: tuple[tuple[int, int], ...]) -> bytes:
    samples = array.array("h")
    for hertz, length_ms in pieces:
        count = _RATE * length_ms // 1000
        for n in range(count):
            level = _PEAK * min(1.0, n / _FADE, (count - n) / _FADE)
            samples.append(round(level * math.sin(2 * math.pi * hertz * n / _RATE)))
    held = io.BytesIO()
    with wave.open(held, "wb") as file:
        file.setparams((1, 2, _RATE, len(samples), "NONE", ""))
        file.writeframes(samples.tobytes())
    return held.getvalue()
