"""What a minute of recorded talk takes on disk in each format: the demo's conversation through our encoders.

python -m benchmarks.disk_rates        # prints the table that controller/core/disk.py holds
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from controller.core.disk import RATES
from controller.core.formats import Format
from controller.demo.speech import speech
from controller.media.convert import encode
from controller.media.encoders import Encoders
from controller.media.errors import MediaError
from controller.media.peaks import file_of, measure
from controller.media.resample import Samples
from controller.media.sound import Sound

MINUTES = 10
RATE = 8000
#: What FreeSWITCH's mod_av makes by default of a call with two cameras, near enough: 640×480 at 15 a second.
_PICTURE = "testsrc2=s=640x480:r=15"


def conversation(channels: int) -> Samples:
    """Ten minutes: the demo's two tracks, round and round; mono is their mix."""
    tracks = [np.asarray(speech.load(who), np.int32) for who in (speech.AGENT, speech.CUSTOMER)]
    whole = np.stack([np.resize(track, MINUTES * 60 * RATE) for track in tracks], axis=1)
    if channels == 1:
        whole = whole.sum(axis=1, keepdims=True)
    return np.clip(whole, -32768, 32767).astype(np.int16)


def sound(samples: Samples) -> Sound:
    def blocks() -> Iterator[Samples]:
        for start in range(0, len(samples), RATE):
            yield samples[start : start + RATE]

    return Sound(samples.shape[1], RATE, len(samples), blocks())


def measured(folder: Path) -> dict[tuple[str, int], int]:
    """Bytes a minute by format and channels; a format that this machine cannot write is left out."""
    encoders, found = Encoders(), {}
    for channels in (1, 2):
        samples = conversation(channels)
        for format in Format:
            target = folder / f"{format}{channels}"
            try:
                encode(sound(samples), format, target, encoders)
            except MediaError as error:
                print(f"{format}: {error}")
                continue
            found[str(format), channels] = round(target.stat().st_size / MINUTES)
        whole = sound(samples)
        found["peaks", channels] = round(sum(map(len, file_of(measure(whole), whole, "00" * 32))) / MINUTES)
    film = folder / "film.mp4"
    line = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i", f"{_PICTURE}:d=60"]
    line += ["-i", str(folder / "wav1"), "-t", "60", "-c:v", "libx264", "-b:v", "512k", "-pix_fmt", "yuv420p"]
    subprocess.run([*line, "-c:a", "aac", "-b:a", "64k", "-f", "mp4", str(film)], check=True)
    found["mp4", 1] = film.stat().st_size
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = measured(Path(folder))
    for (format, channels), size in sorted(found.items()):
        noted = RATES.get((format, channels))
        print(f"{format:6} × {channels} {size:9,} bytes a minute; noted {noted}")


if __name__ == "__main__":
    main()
