"""Films for the phones' cameras, and sounds in step with them: flashes and beeps at the same moments."""

from __future__ import annotations

import subprocess
from functools import cache

import numpy as np

from controller.demo.phone import Film, Source
from controller.demo.phone.h264 import access_units
from controller.demo.phone.sound import RATE, encode, noise

#: The loop of film and sound: 2 s. The marks are not evenly spread, so that a mistake of up to 0.4 s
#: cannot be taken for another one.
LOOP_S = 2.0
MARKS = (0.0, 0.8)
MARK_S = 0.2
PICTURES_A_SECOND = 25

#: name → (Cb, Cr): colours that an encoder keeps apart, at the same brightness.
COLOURS = {"grey": (128, 128), "blue": (200, 100), "red": (90, 220), "green": (60, 60)}
DARK, BRIGHT = 70, 230


@cache
def film(colour: str = "grey", width: int = 320, height: int = 240) -> Film:
    """A picture of one colour with a pattern on it, bright at the marks. H.264 constrained baseline."""
    count = round(LOOP_S * PICTURES_A_SECOND)
    lit = {n for n in range(count) if any(m <= n / PICTURES_A_SECOND < m + MARK_S for m in MARKS)}
    pattern = np.random.default_rng(7).integers(0, 24, (height, width)).astype(np.uint8)
    raw = []
    for number in range(count):
        luma = pattern // 4 + (BRIGHT if number in lit else DARK)
        chroma = [np.full(width * height // 4, c, np.uint8).tobytes() for c in COLOURS[colour]]
        raw.append(luma.astype(np.uint8).tobytes() + b"".join(chroma))
    # Coded once from each picture on: a key frame at any moment, as a live encoder would make it.
    pictures = b"".join(raw[(k + n) % count] for k in range(count) for n in range(count))
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}"]
    command += ["-r", str(PICTURES_A_SECOND), "-i", "pipe:0", "-c:v", "libx264", "-preset", "veryfast"]
    command += ["-profile:v", "baseline", "-level", "3.1", "-crf", "26", "-pix_fmt", "yuv420p"]
    command += ["-x264-params", f"keyint={count}:min-keyint={count}:scenecut=0:slices=1:threads=1"]
    command += ["-f", "h264", "pipe:1"]
    units = access_units(subprocess.run(command, input=pictures, check=True, capture_output=True).stdout)
    assert len(units) == count * count, len(units)
    cycles = tuple(tuple(units[k * count : (k + 1) * count]) for k in range(count))
    return Film(colour, PICTURES_A_SECOND, cycles)


def beeps(frequency: int = 1000, peak: int = 12_000) -> Source:
    """A room in which it beeps at the marks."""
    count = round(LOOP_S * RATE)
    at = np.arange(count) / RATE
    on = np.zeros(count, bool)
    for mark in MARKS:
        on |= (at >= mark) & (at < mark + MARK_S)
    sound = np.where(on, peak * np.sin(2 * np.pi * frequency * at), noise(count)).astype(np.int16)
    return Source(f"beeps {frequency} Hz", encode(sound))
