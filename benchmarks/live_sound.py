"""The files of many calls that are being recorded, as FreeSWITCH writes them; a process of its own.

``python -m benchmarks.live_sound FOLDER CALLS`` writes until it is ended: stereo of 8 kHz, 8,192 bytes of
each at a time, one after the other.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from controller.media import wav

RATE, BLOCK = 8000, 8192


def path_of(n: int) -> str:
    return f"t{n % 4}.example/2026/11/22/r{n}.1.wav"


def main() -> None:
    folder, calls = Path(sys.argv[1]), int(sys.argv[2])
    tone = np.random.default_rng(1).integers(-8000, 8000, (BLOCK // 4, 2)).astype("<i2").tobytes()
    files = []
    for n in range(calls):
        path = folder / path_of(n)
        path.parent.mkdir(parents=True, exist_ok=True)
        files.append(path.open("ab", buffering=0))
        files[-1].write(wav.header(2, RATE, 16, 0))
    between, due = BLOCK / 4 / RATE / calls, time.monotonic()
    while True:
        for file in files:
            file.write(tone)
            due += between
            time.sleep(max(0.0, due - time.monotonic()))


if __name__ == "__main__":
    main()
