"""Encoding after the call: CPU against the bare encoder on the same file, memory against the length."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import wave
from pathlib import Path

import numpy as np

from controller.core.formats import Format
from controller.demo.speech import speech
from controller.media.encoders import Encoders, encode_line

from .result import Aim, Result

RATE = 8000
MINUTES, LONG_MINUTES = 10, 240
ROUNDS = 3
AIM, MEMORY_MB = 1.15, 100
_FORMATS = (Format.MP3, Format.AMR, Format.OPUS, Format.FLAC)

#: One encoding by the product's own code, in a process of its own so that all of its CPU can be told.
_OURS = """
import re, resource, sys, threading
from pathlib import Path
from controller.core.formats import Format
from controller.engine.media_ports import FileRole, StoredFile
from controller.media.convert import encode, opened
from controller.media.encoders import Encoders
from controller.media.shelves import home_only
from controller.media.store import LocalStore
folder, name, format, target, watching = sys.argv[1:]
encoders = Encoders()
stores, size = home_only(LocalStore(Path(folder))), (Path(folder) / name).stat().st_size
row = StoredFile("r", FileRole.RENDITION, 0, name, "wav", size, "0" * 64, 0, 2, 8000)
encoders.tool(Format(format))
before = [sum(resource.getrusage(w)[:2]) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
peaks, done = [0, 0], threading.Event()

def hwm(pid):
    # Not ru_maxrss: a child begins with its parent's.
    try:
        found = re.search(r"VmHWM:\\s+(\\d+)", Path(f"/proc/{pid}/status").read_text())
        return int(found[1]) if found else 0
    except OSError:
        return 0

def watch():
    while not done.wait(0.05):
        for task in Path("/proc/self/task").iterdir():
            for child in (task / "children").read_text().split():
                if "python -c" not in Path(f"/proc/{child}/cmdline").read_text().replace("\\0", " "):
                    peaks[1] = max(peaks[1], hwm(child))

if watching == "1":
    threading.Thread(target=watch, daemon=True).start()
with opened(stores, row) as sound:
    encode(sound, Format(format), Path(target), encoders)
done.set()
peaks[0] = hwm("self")
after = [sum(resource.getrusage(w)[:2]) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(sum(after) - sum(before), *peaks)
"""


def run() -> Result:
    """CPU. Decides nothing about memory, which is looked at apart since looking takes CPU."""
    result = Result("encoding", "Encoding after the call: CPU")
    encoders = Encoders()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        talk(folder / "short.wav", MINUTES)
        for format in _formats(result, encoders):
            _one(result, encoders, format, folder)
    return result


def run_memory() -> Result:
    result = Result("encoding_memory", "Encoding after the call: memory")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        talk(folder / "short.wav", MINUTES)
        talk(folder / "long.wav", LONG_MINUTES)
        for format in _formats(result, Encoders()):
            _memory(result, format, folder)
    return result


def _formats(result: Result, encoders: Encoders) -> list[Format]:
    result.notes += [f"no encoder for {f.upper()} on this machine" for f in _FORMATS if not encoders.has(f)]
    return [f for f in _FORMATS if encoders.has(f)]


def _one(result: Result, encoders: Encoders, format: Format, folder: Path) -> None:
    tool = encoders.tool(format)
    ratios, ours, bare = [], [], []
    for _ in range(ROUNDS):
        ours.append(_ours(folder, "short.wav", format)[0])
        bare.append(_bare(encode_line(tool, format, 2, RATE, folder / "bare"), folder / "short.wav"))
        ratios.append(ours[-1] / bare[-1])
    ratio = statistics.median(ratios)
    result.rows.append(
        {
            "format": f"{format.upper()} by {tool.kind}",
            f"CPU s, {MINUTES} min stereo (median)": round(statistics.median(ours), 2),
            "bare encoder, CPU s (median)": round(statistics.median(bare), 2),
            "ratio (median)": round(ratio, 2),
            "times real time and core": round(MINUTES * 60 / statistics.median(ours)),
        }
    )
    result.aims.append(
        Aim(f"{format.upper()}: CPU against the bare encoder", f"≤ {AIM}", f"{ratio:.2f}", ratio <= AIM)
    )


def _memory(result: Result, format: Format, folder: Path) -> None:
    short = max(_ours(folder, "short.wav", format, watch=True)[1:])
    long = max(_ours(folder, "long.wav", format, watch=True)[1:])
    result.rows.append(
        {
            "format, largest process": format.upper(),
            f"{MINUTES} min, MB": round(short, 1),
            f"{LONG_MINUTES // 60} h, MB": round(long, 1),
        }
    )
    met = long < MEMORY_MB and long < short * 1.1 + 2
    result.aims.append(
        Aim(
            f"{format.upper()}: peak memory, {LONG_MINUTES // 60} h",
            f"< {MEMORY_MB} MB, flat",
            f"{long:.0f} MB",
            met,
        )
    )


def _ours(folder: Path, name: str, format: Format, *, watch: bool = False) -> tuple[float, float, float]:
    """(CPU seconds of the encoding, peak MB of the process, of its largest child)."""
    target = folder / "ours"
    target.unlink(missing_ok=True)
    line = [sys.executable, "-c", _OURS, str(folder), name, str(format), str(target), str(int(watch))]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    seconds, own, child = map(float, done.stdout.split())
    return seconds, own / 1024, child / 1024


def _bare(line: list[str], source: Path) -> float:
    """The same encoder with the same settings, its input from the file: CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with source.open("rb") as file:
        file.seek(44)
        subprocess.run(line, stdin=file, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def talk(path: Path, minutes: int) -> None:
    """Two parties' speech in turns, a side each, over the noise of a room."""
    noise = np.random.default_rng(1)
    said = speech.load("agent"), speech.load("customer")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for minute in range(minutes):
            sides = noise.normal(0, 17, (60 * RATE, 2))
            for side in range(2):
                at = side * 30 * RATE
                clip = np.resize(np.roll(said[side], minute * 1000), 28 * RATE)
                sides[at : at + len(clip), side] += clip
            file.writeframes(np.clip(sides, -32768, 32767).astype("<i2").tobytes())
