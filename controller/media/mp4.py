"""MP4 files of video captures: whether they are whole, and what ffprobe finds in them."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from . import ffmpeg
from .errors import JoinError


def complete(path: Path) -> bool:
    """Whether the writer has closed the file: its boxes fill it exactly and the index is there.

    FreeSWITCH writes the index (``moov``) at the end; a switch killed in the call leaves none.
    ISO/IEC 14496-12, 4.2. Raises OSError.
    """
    size = path.stat().st_size
    index = False
    with path.open("rb") as file:
        position = 0
        for _ in range(1000):
            if position == size:
                return index
            file.seek(position)
            lead = file.read(16)
            if len(lead) < 8:
                return False
            length, name = struct.unpack(">I4s", lead[:8])
            if length == 1 and len(lead) == 16:
                length = struct.unpack(">Q", lead[8:])[0]
            elif length == 0:
                length = size - position
            if length < 8 or position + length > size:
                return False
            index = index or name == b"moov"
            position += length
    return False


def hollow(path: Path) -> bool:
    """Whether nothing was written behind the head: FreeSWITCH makes that at the first picture and
    keeps the next seconds to itself, so a switch killed early leaves 48 bytes. Raises OSError."""
    size = path.stat().st_size
    if size > 1024:
        return False
    content = path.read_bytes()
    position = 0
    while position + 8 <= size:
        length, name = struct.unpack(">I4s", content[position : position + 8])
        if name == b"mdat":
            return position + 8 == size
        if name not in (b"ftyp", b"free", b"wide", b"skip") or length < 8:
            return False
        position += length
    return position >= size


@dataclass(frozen=True, slots=True)
class Probe:
    """What is in a file. ``lasts_ms`` is the longest track's length; ``width`` and ``height`` are 0
    without a picture, ``sample_rate`` and ``channels`` without sound. ``sounds``: how many tracks of
    it. ``picture_ms``: when the first picture is shown."""

    lasts_ms: int
    width: int = 0
    height: int = 0
    rate: float = 0.0
    picture_ms: int = 0
    sample_rate: int = 0
    channels: int = 0
    sounds: int = 0


def probe(path: Path) -> Probe | None:
    """What it is; None if that cannot be told (no ffprobe, no index). Blocking."""
    ffprobe = ffmpeg.find("ffprobe")
    if ffprobe is None:
        return None
    entries = "format=duration,start_time:stream=codec_type,width,height,avg_frame_rate,start_time"
    entries += ",sample_rate,channels"
    line = [ffprobe, "-v", "error", "-of", "json", "-show_entries", entries, *ffmpeg.INPUT]
    try:
        found: dict[str, Any] = json.loads(ffmpeg.run([*line, ffmpeg.argument(path)], 60))
        begins = float(found["format"].get("start_time") or 0)
        lasts_ms = round(float(found["format"]["duration"]) * 1000)
        streams: list[dict[str, Any]] = found.get("streams") or []
    except (JoinError, ValueError, KeyError, TypeError):
        return None
    picture = next((s for s in streams if s.get("codec_type") == "video"), {})
    sounds = [s for s in streams if s.get("codec_type") == "audio"]
    sound = sounds[0] if sounds else {}
    return Probe(
        lasts_ms=max(0, lasts_ms),
        width=int(picture.get("width") or 0),
        height=int(picture.get("height") or 0),
        rate=_rate(str(picture.get("avg_frame_rate") or "0")),
        picture_ms=max(0, round((float(picture.get("start_time") or begins) - begins) * 1000)),
        sample_rate=int(sound.get("sample_rate") or 0),
        channels=int(sound.get("channels") or 0),
        sounds=len(sounds),
    )


def salvageable(path: Path) -> bool:
    """Whether a file that its writer did not finish can be read all the same, as far as it goes: it
    was written in fragments, or only something behind its index is missing. Blocking."""
    ffprobe = ffmpeg.find("ffprobe")
    if ffprobe is None:
        return False
    line = [ffprobe, "-v", "error", "-of", "csv=p=0", "-count_packets", "-show_entries"]
    try:
        counted = ffmpeg.run([*line, "stream=nb_read_packets", *ffmpeg.INPUT, ffmpeg.argument(path)], 600)
    except JoinError:
        return False
    return any(count.strip(",").isdigit() and int(count.strip(",")) > 0 for count in counted.split())


def _rate(text: str) -> float:
    """``25/1``, or ``0/0`` where there is none."""
    try:
        return float(Fraction(text))
    except (ValueError, ZeroDivisionError):
        return 0.0
