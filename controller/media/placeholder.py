"""Pictures for what there is not to be seen: a dark one, and dark ones that say "paused" or "redacted".

Drawn here, since ffmpeg's own text filter needs a library and a font that not every build has.
"""

from __future__ import annotations

import numpy as np

#: Each letter in seven rows of five points.
_LETTERS = {
    "p": ("11110", "10001", "10001", "11110", "10000", "10000", "10000"),
    "a": ("01110", "10001", "10001", "11111", "10001", "10001", "10001"),
    "u": ("10001", "10001", "10001", "10001", "10001", "10001", "01110"),
    "s": ("01111", "10000", "10000", "01110", "00001", "00001", "11110"),
    "r": ("11110", "10001", "10001", "11110", "10100", "10010", "10001"),
    "c": ("01110", "10001", "10000", "10000", "10000", "10001", "01110"),
    "t": ("11111", "00100", "00100", "00100", "00100", "00100", "00100"),
    "e": ("11111", "10000", "10000", "11110", "10000", "10000", "11111"),
    "d": ("11110", "10001", "10001", "10001", "10001", "10001", "11110"),
}
_DARK, _LIGHT, _GREY = 24, 190, 128  # luma within 16…235, chroma without colour (ITU-R BT.601)
_PART = 0.4  # of the picture's width that the word takes


def picture(width: int, height: int, word: str = "") -> bytes:
    """One frame in yuv420p; ``width`` and ``height`` in pixels, both even. Made of the letters
    above."""
    luma = np.full((height, width), _DARK, np.uint8)
    if word:
        rows = ["0".join(_LETTERS[letter][row] for letter in word) for row in range(7)]
        points = np.array([[point == "1" for point in row] for row in rows])
        size = max(1, min(int(width * _PART) // points.shape[1], height // (3 * points.shape[0])))
        drawn = points.repeat(size, axis=0).repeat(size, axis=1)[:height, :width]
        top, left = (height - drawn.shape[0]) // 2, (width - drawn.shape[1]) // 2
        luma[top : top + drawn.shape[0], left : left + drawn.shape[1]][drawn] = _LIGHT
    return luma.tobytes() + bytes([_GREY]) * (width * height // 2)
