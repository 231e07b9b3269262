"""Which program of this machine makes which format: tried once each, by encoding a moment of silence."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..core.formats import BIT_RATES, WIDE_MP3_BIT_RATE, Format
from . import ffmpeg, opencore
from .errors import NoEncoder

FFMPEG, SOX, OPENCORE = "ffmpeg", "sox", "opencore"
#: What does not exist is looked for again after so long: it may have been installed.
_LOOK_AGAIN_S = 60.0
_TRY_S = 20.0
_NICE = 19
_AMR_RATE = 8000

#: The sample rates that an encoder takes; any other sound is brought to the next higher one.
RATES = {
    Format.MP3: (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000),
    Format.OPUS: (8000, 12000, 16000, 24000, 48000),
    Format.AMR: (_AMR_RATE,),
}
#: The most channels of each; FLAC has eight.
CHANNELS = {Format.AMR: 1, Format.MP3: 2, Format.OPUS: 2, Format.FLAC: 8}
_MUXERS = {Format.MP3: "mp3", Format.OPUS: "ogg", Format.FLAC: "flac", Format.AMR: "amr"}
#: Not AMR: see opencore.py.
_SOX_TYPES = {Format.MP3: "mp3", Format.FLAC: "flac"}
_OPENCORE = ("-m", "controller.media.opencore")

#: What to install for each on Debian and its like.
PACKAGES = {
    Format.MP3: "ffmpeg",
    Format.OPUS: "ffmpeg",
    Format.FLAC: "ffmpeg",
    Format.AMR: "libopencore-amrnb0 (Debian's ffmpeg has no AMR encoder; the package comes with sox, too)",
}


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that encodes. ``kind`` is ffmpeg, sox or opencore: how it is spoken to."""

    kind: str
    program: str


@dataclass(frozen=True, slots=True)
class Shape:
    """Of the sound in an encoded file, and whether channels were mixed for it."""

    channels: int
    sample_rate: int
    mixed: bool


def shape_of(format: Format, channels: int, sample_rate: int) -> Shape:
    """What the sound is as that format."""
    most = CHANNELS.get(format, channels)
    rates = RATES.get(format, (sample_rate,))
    rate = next((r for r in rates if r >= sample_rate), rates[-1])
    return Shape(min(channels, most), rate, channels > most)


class Encoders:
    """Thread-safe. Every method may block for a second the first time."""

    def __init__(self) -> None:
        self._known: dict[Format, Tool] = {}
        self._missing: dict[Format, float] = {}
        self._lock = threading.Lock()

    def tool(self, format: Format) -> Tool:
        """What makes this format. Raises NoEncoder, which says what to install."""
        with self._lock:
            known = self._known.get(format)
            if known is not None and Path(known.program).exists():
                return known
            if time.monotonic() < self._missing.get(format, 0.0):
                raise missing(format)
            for tool in _candidates(format):
                if _works(tool, format):
                    self._known[format] = tool
                    return tool
            self._missing[format] = time.monotonic() + _LOOK_AGAIN_S
            raise missing(format)

    def has(self, format: Format) -> bool:
        try:
            self.tool(format)
        except NoEncoder:
            return False
        return True


def missing(format: Format) -> NoEncoder:
    return NoEncoder(
        f"no encoder for {format.upper()} on this machine: install {PACKAGES[format]}, or tapeline[encoders]"
    )


def decoder(format: Format) -> Tool:
    """What reads this format: every ffmpeg reads all of ours. Raises NoEncoder."""
    for program in _ffmpegs():
        return Tool(FFMPEG, program)
    if format is Format.AMR and opencore.library():
        return Tool(OPENCORE, sys.executable)
    sox = ffmpeg.find("sox")
    if sox is not None and format in _SOX_TYPES:
        return Tool(SOX, sox)
    raise NoEncoder(
        f"nothing on this machine can read {format.upper()}: install ffmpeg, or tapeline[encoders]"
    )


def encode_line(tool: Tool, format: Format, channels: int, sample_rate: int, target: Path) -> list[str]:
    """The command that encodes raw samples from its input into ``target``; opencore takes them in the shape
    that the file will have."""
    shape = shape_of(format, channels, sample_rate)
    if tool.kind == OPENCORE:
        return [*ffmpeg.gently(_NICE), tool.program, *_OPENCORE, "encode", str(target.resolve())]
    if tool.kind == SOX:
        # -D: no dither, so that the same sound makes the same bytes. remix - is the mean of all channels.
        mix = ["remix", "-"] if shape.mixed else []
        out = ["-t", _SOX_TYPES[format], "-r", str(shape.sample_rate), str(target.resolve())]
        raw = ["-t", "raw", "-e", "signed-integer", "-b", "16", "-L", "-r", str(sample_rate)]
        return [*ffmpeg.gently(_NICE), tool.program, "-D", "-V1", *raw, "-c", str(channels), "-", *out, *mix]
    raw = ["-f", "s16le", "-ar", str(sample_rate), "-ac", str(channels), "-i", "pipe:0"]
    out = ["-ar", str(shape.sample_rate), *_mixing(channels, shape), *_settings(format, shape)]
    tidy = ["-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact"]
    end = ["-f", _MUXERS[format], ffmpeg.argument(target)]
    return [*ffmpeg.gently(_NICE), tool.program, *ffmpeg.QUIET, *raw, "-threads", "1", *out, *tidy, *end]


def decode_line(tool: Tool, format: Format, channels: int, sample_rate: int) -> list[str]:
    """The command that reads the format from its input and writes raw samples to its output."""
    if tool.kind == OPENCORE:
        return [*ffmpeg.gently(_NICE), tool.program, *_OPENCORE, "decode"]
    if tool.kind == SOX:
        source = ["-t", _SOX_TYPES[format], "-"]
        raw = ["-t", "raw", "-e", "signed-integer", "-b", "16", "-L"]
        shape = ["-r", str(sample_rate), "-c", str(channels)]
        return [*ffmpeg.gently(_NICE), tool.program, "-D", "-V1", *source, *raw, *shape, "-"]
    source = ["-threads", "1", "-protocol_whitelist", "pipe", "-f", _MUXERS[format], "-i", "pipe:0"]
    raw = ["-vn", "-f", "s16le", "-ar", str(sample_rate), "-ac", str(channels), "pipe:1"]
    return [*ffmpeg.gently(_NICE), tool.program, *ffmpeg.QUIET, *source, *raw]


def _mixing(channels: int, shape: Shape) -> list[str]:
    """All channels at the same level, and none too loud for the sum."""
    if not shape.mixed:
        return ["-ac", str(shape.channels)]
    part = "+".join(f"{1 / channels:.6f}*c{n}" for n in range(channels))
    sides = "|".join(f"c{n}={part}" for n in range(shape.channels))
    return ["-af", f"pan={shape.channels}c|{sides}", "-ac", str(shape.channels)]


def _settings(format: Format, shape: Shape) -> list[str]:
    if format is Format.MP3:
        wide = shape.sample_rate > 24_000
        rate = (WIDE_MP3_BIT_RATE if wide else BIT_RATES[format]) * shape.channels
        # Not joint: what one party says must not be heard on the other's side.
        return ["-c:a", "libmp3lame", "-b:a", str(rate), "-joint_stereo", "0"]
    if format is Format.OPUS:
        return ["-c:a", "libopus", "-b:a", str(BIT_RATES[format] * shape.channels), "-application", "voip"]
    if format is Format.AMR:
        return ["-c:a", "libopencore_amrnb", "-b:a", str(BIT_RATES[format])]
    return ["-c:a", "flac"]


def _candidates(format: Format) -> Iterator[Tool]:
    machine, *extra = [*_ffmpegs(), ""]
    if machine:
        yield Tool(FFMPEG, machine)
    if format is Format.AMR and opencore.library():
        yield Tool(OPENCORE, sys.executable)
    sox = ffmpeg.find("sox")
    if sox is not None and format in _SOX_TYPES:
        yield Tool(SOX, sox)
    yield from (Tool(FFMPEG, program) for program in extra if program)


def _ffmpegs() -> Iterator[str]:
    """The machine's, then that of the extra `encoders`, if it is installed."""
    found = ffmpeg.find("ffmpeg")
    if found is not None:
        yield found
    try:
        bundled = str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return  # not installed, or without a binary for this machine
    if bundled != found:
        yield bundled


def _works(tool: Tool, format: Format) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "try"
        line = encode_line(tool, format, 1, 8000, target)
        try:
            done = subprocess.run(line, input=bytes(8000), capture_output=True, timeout=_TRY_S)
        except (OSError, subprocess.TimeoutExpired):
            return False
        return done.returncode == 0 and target.exists() and target.stat().st_size > 0
