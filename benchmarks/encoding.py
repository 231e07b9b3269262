"""Encoding after the call: CPU against the bare encoder on the same file."""

from __future__ import annotations

import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np

from controller.core.formats import Format
from controller.demo.speech import speech
from controller.media.encoders import OPENCORE, SOX, Encoders, Tool, encode_line

from .result import Aim, Result

RATE = 8000
MINUTES = int(os.environ.get("ENCODING_MINUTES", "10"))
ROUNDS = 3
AIM = 1.15
_FORMATS = (Format.MP3, Format.AMR, Format.OPUS, Format.FLAC)

#: One encoding by the product's own code, in a process of its own so that all of its CPU can be told.
_OURS = """
import resource, sys
from pathlib import Path
from controller.core.formats import Format
from controller.engine.media_ports import FileRole, StoredFile
from controller.media.convert import encode, opened
from controller.media.encoders import Encoders, Tool
from controller.media.shelves import home_only
from controller.media.store import LocalStore
folder, name, format, target, kind, program = sys.argv[1:]
encoders = Encoders()
encoders._known[Format(format)] = Tool(kind, program)
stores, size = home_only(LocalStore(Path(folder))), (Path(folder) / name).stat().st_size
row = StoredFile("r", FileRole.RENDITION, 0, name, "wav", size, "0" * 64, 0, 2, 8000)
encoders.tool(Format(format))
before = [sum(resource.getrusage(w)[:2]) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
with opened(stores, row) as sound:
    encode(sound, Format(format), Path(target), encoders)
after = [sum(resource.getrusage(w)[:2]) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
print(sum(after) - sum(before))
"""

#: The library alone: the same sound, mixed before, from memory into memory.
_LIBRARY = """
import io, resource, sys, wave
import numpy as np
from controller.media import opencore
with wave.open(sys.argv[1]) as file:
    both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
mixed = io.BytesIO(np.rint(both.mean(axis=1)).astype("<i2").tobytes())
before = sum(resource.getrusage(resource.RUSAGE_SELF)[:2])
opencore.encode(mixed, io.BytesIO())
print(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]) - before)
"""


def run() -> Result:
    result = Result("encoding", "Encoding after the call: CPU")
    encoders = Encoders()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        talk(folder / "short.wav", MINUTES)
        for format in _formats(result, encoders):
            _one(result, format, encoders.tool(format), folder)
        sox = shutil.which("sox")
        if sox is None:
            result.notes.append("no sox on this machine")
        else:
            _one(result, Format.FLAC, Tool(SOX, sox), folder)
    return result


def _formats(result: Result, encoders: Encoders) -> list[Format]:
    result.notes += [f"no encoder for {f.upper()} on this machine" for f in _FORMATS if not encoders.has(f)]
    return [f for f in _FORMATS if encoders.has(f)]


def _one(result: Result, format: Format, tool: Tool, folder: Path) -> None:
    sound, name = folder / "short.wav", f"{format.upper()} by {tool.kind}"
    if tool.kind != OPENCORE:
        line = encode_line(tool, format, 2, RATE, folder / "bare")
        _compared(result, name, format, tool, sound, lambda: _bare(line, sound))
        return
    _compared(result, f"{name}, against the library", format, tool, sound, lambda: _library(sound))
    sox = _sox_line(folder / "bare")
    if sox is None:
        result.notes.append("AMR: no sox with AMR here to compare with")
    else:
        _compared(result, f"{name}, against sox with DTX", format, tool, sound, lambda: _bare(sox, sound))


def _compared(
    result: Result, name: str, format: Format, tool: Tool, sound: Path, by_itself: Callable[[], float]
) -> None:
    ratios, ours, bare = [], [], []
    for _ in range(ROUNDS):
        ours.append(_ours(sound.parent, sound.name, format, tool))
        bare.append(by_itself())
        ratios.append(ours[-1] / bare[-1])
    ratio = statistics.median(ratios)
    result.rows.append(
        {
            "format": name,
            f"CPU s, {MINUTES} min stereo (median)": round(statistics.median(ours), 2),
            "bare encoder, CPU s (median)": round(statistics.median(bare), 2),
            "ratio (median)": round(ratio, 2),
            "times real time and core": round(MINUTES * 60 / statistics.median(ours)),
        }
    )
    result.aims.append(
        Aim(
            f"{name}: CPU against the bare encoder",
            f"≤ {AIM}",
            f"{ratio:.2f}",
            ratio <= AIM,
        )
    )


def _sox_line(target: Path) -> list[str] | None:
    """Sox with the library, the bit rate and the mix of ours; it leaves out frames where nobody speaks, which
    costs it less."""
    sox = shutil.which("sox")
    known = sox and subprocess.run([sox, "--help-format", "amr-nb"], capture_output=True, text=True).stdout
    if not sox or "Cannot find" in str(known):
        return None
    raw = ["-t", "raw", "-e", "signed-integer", "-b", "16", "-L", "-r", str(RATE), "-c", "2", "-"]
    return [
        sox,
        "-D",
        "-V1",
        *raw,
        "-t",
        "amr-nb",
        "-C",
        "7",
        "-r",
        str(RATE),
        str(target),
        "remix",
        "-",
    ]


def _ours(folder: Path, name: str, format: Format, tool: Tool) -> float:
    """CPU seconds of the encoding."""
    target = folder / "ours"
    target.unlink(missing_ok=True)
    line = [sys.executable, "-c", _OURS, str(folder), name, str(format), str(target)]
    line += [tool.kind, tool.program]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _library(sound: Path) -> float:
    """CPU seconds of the AMR library alone."""
    line = [sys.executable, "-c", _LIBRARY, str(sound)]
    return float(subprocess.run(line, capture_output=True, text=True, check=True).stdout)


def _bare(line: list[str], source: Path) -> float:
    """The same encoder with the same settings, its input from the file: CPU seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with source.open("rb") as file:
        file.seek(44)
        subprocess.run(line, stdin=file, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def talk(path: Path, minutes: int, channels: int = 2) -> None:
    """Two parties' speech in turns, a side each or both in one, over the noise of a room."""
    noise = np.random.default_rng(1)
    said = speech.load("agent"), speech.load("customer")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(RATE)
        for minute in range(minutes):
            sides = noise.normal(0, 17, (60 * RATE, channels))
            for speaker in range(2):
                at = speaker * 30 * RATE
                clip = np.resize(np.roll(said[speaker], minute * 1000), 28 * RATE)
                sides[at : at + len(clip), speaker % channels] += clip
            file.writeframes(np.clip(sides, -32768, 32767).astype("<i2").tobytes())
