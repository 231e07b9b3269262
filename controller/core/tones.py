"""What our own tones sound like: made from these numbers wherever a file of them is wanted."""

from __future__ import annotations

import array
import math

from .commands import Sound

#: Sound → (Hz, ms) one after the other; 0 Hz is silence.
TONES: dict[Sound, tuple[tuple[int, int], ...]] = {
    Sound.PAUSED: ((1000, 150), (0, 60), (700, 150)),
    Sound.RESUMED: ((700, 150), (0, 60), (1000, 150)),
    Sound.BEEP: ((1400, 200),),
}
RATE, _PEAK = 8000, 6000
#: A tone that begins and ends at once clicks.
_FADE = 40


def tone(sound: Sound) -> array.array[int]:
    """16-bit samples at `RATE`, mono; KeyError for the announcement, which is the tenant's."""
    samples = array.array("h")
    for hertz, length_ms in TONES[sound]:
        count = RATE * length_ms // 1000
        for n in range(count):
            level = _PEAK * min(1.0, n / _FADE, (count - n) / _FADE)
            samples.append(round(level * math.sin(2 * math.pi * hertz * n / RATE)))
    return samples
