"""Films for the phones' cameras, and sounds in step with them: flashes and beeps at the same moments.
And what a recording of them shows and lets hear, found by decoding it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

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
def film(colour: str = "grey", width: int = 320, height: int = 240, *, snow: bool = False) -> Film:
    """A picture of one colour with a pattern on it, bright at the marks. H.264 constrained baseline.

    ``snow``: another pattern in each picture, of which a recording becomes large.
    """
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg IS NOT INSTALLED: no camera has a film, nothing about video calls is tested here")
    count = round(LOOP_S * PICTURES_A_SECOND)
    lit = {n for n in range(count) if any(m <= n / PICTURES_A_SECOND < m + MARK_S for m in MARKS)}
    random = np.random.default_rng(7)
    raw = []
    pattern = random.integers(0, 24, (height, width))
    for number in range(count):
        if snow:
            pattern = random.integers(0, 120, (height, width))
        luma = pattern // 4 + (BRIGHT if number in lit else DARK)
        chroma = [np.full(width * height // 4, c, np.uint8).tobytes() for c in COLOURS[colour]]
        raw.append(luma.astype(np.uint8).tobytes() + b"".join(chroma))
    # Coded once from each picture on: a key frame at any moment, as a live encoder would make it.
    pictures = b"".join(raw[(k + n) % count] for k in range(count) for n in range(count))
    command = ["ffmpeg", "-v", "error", "-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{width}x{height}"]
    command += ["-r", str(PICTURES_A_SECOND), "-i", "pipe:0", "-c:v", "libx264", "-preset", "ultrafast"]
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


_LOOKS = 50  # pictures a second that are looked at
_WIDE, _HIGH = 64, 36
_CAMERAS = {"left": slice(8, 24), "right": slice(40, 56)}
_MIDDLE = slice(14, 22)


@dataclass(frozen=True)
class Shown:
    """An MP4 as a player shows it. ``luma``, ``cb``, ``cr`` by camera ("left", "right"): the middle of that
    camera's half, at each fiftieth of a second. ``sound``: 8 kHz, one channel."""

    path: Path
    streams: tuple[dict[str, Any], ...]
    duration: float
    luma: dict[str, npt.NDArray[Any]]
    cb: dict[str, npt.NDArray[Any]]
    cr: dict[str, npt.NDArray[Any]]
    sound: npt.NDArray[np.int16]

    @property
    def codecs(self) -> list[str]:
        return sorted(s["codec_name"] for s in self.streams)

    def flashes(self, camera: str = "left") -> list[float]:
        """Where each begins; one whose beginning or end a capture lacks is left out."""
        return _onsets(self.luma[camera] > (DARK + BRIGHT) / 2, _LOOKS, MARK_S - 0.08)

    def beeps(self, frequency: int = 1000) -> list[float]:
        return _onsets(self.level(frequency) > 2000, RATE, MARK_S - 0.02)

    def level(self, frequency: int) -> npt.NDArray[Any]:
        """How loud a tone is, at each sample, over 20 ms around it."""
        at = np.arange(len(self.sound))
        shifted = self.sound * np.exp(-2j * np.pi * frequency * at / RATE)
        window = np.ones(160) / 160
        return 2 * np.abs(np.convolve(shifted, window, mode="same"))

    def seconds_of(self, colour: str, camera: str = "left") -> float:
        """For how long this film is shown."""
        cb, cr = COLOURS[colour]
        near = (np.abs(self.cb[camera] - cb) < 22) & (np.abs(self.cr[camera] - cr) < 22)
        return float(near.sum()) / _LOOKS

    def apart(self, camera: str = "left", frequency: int = 1000) -> list[float]:
        """How much later than its beep each flash is seen, in seconds."""
        flashes, found = self.flashes(camera), []
        for beep in self.beeps(frequency):
            nearest = min(flashes, key=lambda f: abs(f - beep), default=None)
            # Marks are 0.8 s apart: one that is not there has another for its nearest.
            if nearest is not None and abs(nearest - beep) < 0.4:
                found.append(nearest - beep)
        return found


def shown(path: Path) -> Shown:
    probe = ["ffprobe", "-v", "error", "-of", "json", "-show_entries"]
    probe += ["format=duration:stream=codec_name,codec_type,width,height,profile", str(path)]
    found = json.loads(subprocess.run(probe, check=True, capture_output=True).stdout)
    look = ["ffmpeg", "-v", "error", "-i", str(path)]
    # start_time=0: where pictures or sound begin late, that shows.
    small = [*look, "-an", "-vf", f"fps={_LOOKS}:start_time=0,scale={_WIDE}:{_HIGH},format=yuv444p"]
    raw = np.frombuffer(_out([*small, "-f", "rawvideo", "-"]), np.uint8).reshape(-1, 3, _HIGH, _WIDE)
    even = ["-vn", "-af", f"aresample={RATE}:async=1:first_pts=0", "-ac", "1", "-f", "s16le", "-"]
    sound = np.frombuffer(_out([*look, *even]), "<i2")

    def plane(number: int) -> dict[str, npt.NDArray[Any]]:
        return {c: raw[:, number, _MIDDLE, x].mean(axis=(1, 2)) for c, x in _CAMERAS.items()}

    streams = tuple(found["streams"])
    return Shown(path, streams, float(found["format"]["duration"]), plane(0), plane(1), plane(2), sound)


def _out(command: list[str]) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def _onsets(loud: npt.NDArray[Any], rate: int, lasting_s: float) -> list[float]:
    """Where something begins, in seconds, that then lasts at least so long. A hole of 40 ms is none: a
    packet that came late leaves one."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])).astype(np.int8)))
    runs: list[tuple[int, int]] = []
    for start, stop in zip(edges[::2], edges[1::2], strict=True):
        if runs and start - runs[-1][1] <= 0.04 * rate:
            runs[-1] = (runs[-1][0], stop)
        else:
            runs.append((start, stop))
    return [start / rate for start, stop in runs if stop - start >= lasting_s * rate]
