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
    line = _bare_line(tool, format, folder)
    if line is None:
        result.notes.append(f"{format.upper()}: no sox with {format.upper()} here to compare with")
        return
    ratios, ours, bare = [], [], []
    for _ in range(ROUNDS):
        ours.append(_ours(folder, "short.wav", format, tool))
        bare.append(_bare(line, folder / "short.wav"))
        ratios.append(ours[-1] / bare[-1])
    ratio, name = statistics.median(ratios), f"{format.upper()} by {tool.kind}"
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
            f"{format.upper()} by {tool.kind}: CPU against the bare encoder",
            f"≤ {AIM}",
            f"{ratio:.2f}",
            ratio <= AIM,
        )
    )


def _bare_line(tool: Tool, format: Format, folder: Path) -> list[str] | None:
    """The same encoder without us. AMR's is called by a program of our own, so sox stands against that, with
    the same library, bit rate and mix (it leaves out frames where nobody speaks, which costs it less)."""
    if tool.kind != OPENCORE:
        return encode_line(tool, format, 2, RATE, folder / "bare")
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
        str(folder / "bare"),
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
