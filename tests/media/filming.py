"""Video made and looked at for tests: flashes and beeps at known times, found again by decoding."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_LOOKS = 100  # pictures a second that are looked at: 10 ms
_RATE = 8000
FLASH_S = 0.2


def shoot(
    path: Path,
    seconds: float,
    marks: Sequence[float] = (),
    *,
    size: str = "320x240",
    rate: float = 25,
    sound_rate: int = 48_000,
    channels: int = 1,
    sound: bool = True,
    grey: int = 90,
    options: Sequence[str] = (),
) -> bytes:
    """A grey picture that is white, and a sound of nothing that beeps, for FLASH_S from each mark on."""
    when = "+".join(f"between(t,{m},{m + FLASH_S})" for m in marks) or "0"
    width, height = size.split("x")
    picture = f"color=c=0x{grey:02x}{grey:02x}{grey:02x}:s={size}:r={rate}:d={seconds}"
    picture += f",drawbox=0:0:{width}:{height}:color=white:t=fill:enable='{when}'"
    command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", picture]
    if sound:
        wave = "|".join([f"0.5*sin(2*PI*1000*t)*({when})"] * channels)
        command += ["-f", "lavfi", "-i", f"aevalsrc='{wave}':s={sound_rate}:d={seconds}"]
        command += ["-c:a", "aac", "-b:a", "48k"]
    command += ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", *options, str(path)]
    subprocess.run(command, check=True)
    return path.read_bytes()


@dataclass(frozen=True)
class Watched:
    """Everything that a player would show and let hear, decoded with its time stamps.

    Of each hundredth of a second: ``luma``, the mean brightness, ``centre``, that of the picture's
    middle, ``deviation``, how much there is to see. ``sound``: 8 kHz, one channel.
    """

    width: int
    height: int
    codecs: tuple[str, ...]
    duration: float
    luma: np.ndarray
    centre: np.ndarray
    deviation: np.ndarray
    sound: np.ndarray

    def flashes(self) -> list[float]:
        return _onsets(self.centre > 200, _LOOKS)

    def beeps(self) -> list[float]:
        return _onsets(np.abs(self.sound.astype(int)) > 3000, _RATE)

    def shown(self, began: float, ended: float) -> tuple[float, float]:
        """The mean brightness from and to these seconds, and how much there is to see in the picture."""
        part = slice(round(began * _LOOKS), round(ended * _LOOKS))
        return float(self.luma[part].mean()), float(self.deviation[part].mean())

    def loudness(self, began: float, ended: float) -> int:
        return int(np.abs(self.sound[round(began * _RATE) : round(ended * _RATE)].astype(int)).max(initial=0))


def watch(path: Path) -> Watched:
    probe = ["ffprobe", "-v", "error", "-of", "json", "-show_entries"]
    probe += ["format=duration:stream=codec_name,width,height", str(path)]
    found = json.loads(subprocess.run(probe, check=True, capture_output=True).stdout)
    video = next(s for s in found["streams"] if "width" in s)
    look = ["ffmpeg", "-v", "error", "-i", str(path)]
    # start_time=0: where pictures or sound begin late, that shows.
    grey = [*look, "-an", "-vf", f"fps={_LOOKS}:start_time=0,scale=64:48,format=gray"]
    pictures = np.frombuffer(_out([*grey, "-f", "rawvideo", "-"]), np.uint8).reshape(-1, 48, 64)
    even = ["-vn", "-af", f"aresample={_RATE}:async=1:first_pts=0", "-ac", "1", "-f", "s16le", "-"]
    sound = np.frombuffer(_out([*look, *even]), "<i2")
    return Watched(
        video["width"],
        video["height"],
        tuple(s["codec_name"] for s in found["streams"]),
        float(found["format"]["duration"]),
        pictures.mean(axis=(1, 2)),
        pictures[:, 20:28, 28:36].mean(axis=(1, 2)),
        pictures.std(axis=(1, 2)),
        sound,
    )


def _out(command: list[str]) -> bytes:
    return subprocess.run(command, check=True, capture_output=True).stdout


def _onsets(loud: np.ndarray, rate: int) -> list[float]:
    """Where something begins, in seconds, after at least a tenth of a second of nothing."""
    found = np.flatnonzero(loud)
    return [n / rate for k, n in enumerate(found) if k == 0 or n - found[k - 1] > rate // 10]
