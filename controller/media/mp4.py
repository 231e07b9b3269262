"""MP4 files of video captures: passed through as they are, measured and joined by ffmpeg if it is there."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Sequence
from pathlib import Path

from .errors import JoinError

_TIMEOUT_S = 600


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


def duration_ms(path: Path) -> int | None:
    """How long it plays; None if that cannot be told (no ffprobe, no index). Blocking."""
    ffprobe = shutil.which("ffprobe")
    if ffprobe is None:
        return None
    command = [ffprobe, "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0", _input(path)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
        return max(0, round(float(done.stdout.strip()) * 1000))
    except (subprocess.SubprocessError, OSError, ValueError):
        return None


def join(parts: Sequence[tuple[Path, int]], target: Path) -> None:
    """One file of several, without encoding again; the next part begins ``lasts_ms`` after its
    predecessor, so that the last picture stands through a gap. Raises JoinError. Blocking."""
    ffmpeg = shutil.which("ffmpeg")
    if ffmpeg is None:
        raise JoinError(
            f"{len(parts)} video segments need ffmpeg to become one file; install it. "
            "The segments are in the store, each by itself."
        )
    script = target.with_suffix(".concat.tapeline-tmp")
    lines = ["ffconcat version 1.0"]
    for path, lasts_ms in parts:
        quoted = str(path.resolve()).replace("'", "'\\''")
        lines += [f"file 'file:{quoted}'", f"duration {lasts_ms / 1000:.3f}"]
    command = [ffmpeg, "-nostdin", "-v", "error", "-y", "-f", "concat", "-safe", "0"]
    command += ["-protocol_whitelist", "file", "-i", _input(script), "-c", "copy", "-map_metadata", "-1"]
    command += ["-fflags", "+bitexact", "-movflags", "+faststart", "-f", "mp4", _input(target)]
    try:
        script.write_text("\n".join(lines) + "\n")
        subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=True)
    except subprocess.CalledProcessError as error:
        raise JoinError(f"ffmpeg could not join the video segments: {error.stderr.strip()[-400:]}") from error
    except (subprocess.TimeoutExpired, OSError) as error:
        raise JoinError(f"ffmpeg could not join the video segments: {error}") from error
    finally:
        script.unlink(missing_ok=True)


def _input(path: Path) -> str:
    """A file argument that ffmpeg can take neither for an option nor for another protocol."""
    return f"file:{path.resolve()}"
