"""One MP4 from the segments of a video recording, sound and picture in step, pauses shown as such.

Seen on FreeSWITCH 1.10: a paused .mp4 capture goes on showing the picture, so a pause ends one
segment and opens the next, and each begins with parameters of its own. Copied one behind the other
they neither fit nor stay in step. Nothing is written before the first key frame, neither picture nor
sound, which was a second in calls measured; so a file that is shorter than its capture lacks its
start. Hence the sound is laid out to the sample by `join`, the pictures are counted out on a grid to
that sound, and the whole is encoded once. What no segment holds is a dark picture and silence. The
segments themselves stay as they are.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from ..core.timeline import Span, lasting
from . import ffmpeg, mp4, wav
from .errors import JoinError
from .join import MAX_GAP, Joined, Part, join
from .placeholder import picture

_SOUND_RATE = 48_000  # the encoder's delay is 1024 samples: 21 ms even where a player does not skip it
_MAX_SIDE = 1920
_LIMIT_S = 300.0  # for any one ffmpeg, besides what the length of its work adds


@dataclass(frozen=True, slots=True)
class Shot:
    """One segment's file, with the wall times at which its capture began and ended."""

    number: int
    path: Path
    opened_at: datetime | None
    closed_at: datetime | None
    finished: bool = True


@dataclass(frozen=True, slots=True)
class _Take:
    """A shot that can be read: ``lead_ms`` of nothing, then its file, together ``lasts_ms``."""

    shot: Shot
    probe: mp4.Probe
    lead_ms: int

    @property
    def lasts_ms(self) -> int:
        return self.lead_ms + self.probe.lasts_ms


@dataclass(frozen=True, slots=True)
class Film:
    duration_ms: int
    channels: int
    sample_rate: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class _Canvas:
    """``rate`` pictures a second of ``width`` × ``height`` pixels."""

    width: int
    height: int
    rate: int

    @property
    def size(self) -> int:
        return self.width * self.height * 3 // 2

    def at(self, seconds: float) -> int:
        """The picture that is nearest to this moment."""
        return round(seconds * self.rate)


def make(
    shots: Sequence[Shot],
    target: Path,
    scratch: Callable[[], Path],
    *,
    without: Sequence[Span] = (),
    pauses: Sequence[Span] = (),
    stopped: Callable[[], bool] = lambda: False,
) -> Film:
    """Write a new file, complete and on the disk when this returns. Blocking.

    ``without`` are spans of wall time that are left out; ``pauses`` are shown as such where no
    segment runs, also behind the last one. ``scratch`` names files for work in progress; they are
    removed. It gives up once ``stopped``. Memory stays bounded. Raises JoinError (NoFfmpeg if it is
    not installed) and OSError.
    """
    coding = ffmpeg.h264()
    probes = [mp4.probe(shot.path) for shot in shots]
    seen = [
        _Take(shot, probe, _lead_ms(shot, probe)) for shot, probe in zip(shots, probes, strict=True) if probe
    ]
    if not seen:
        raise JoinError("ffmpeg can read none of the video segments; they are kept as they are")
    notes = [_cannot(shot, "be read by ffmpeg") for shot, p in zip(shots, probes, strict=True) if p is None]
    with ExitStack() as stack:
        sound = scratch()
        stack.callback(sound.unlink, missing_ok=True)
        joined = _lay_out(seen, sound, scratch, without, notes)
        silent = _shown(joined, pauses, without)
        ends = [joined.frames / joined.sample_rate, *(end for _, end in silent)]
        canvas = _canvas([take.probe for take in seen])
        total = math.ceil(round(max(ends) * canvas.rate, 3))
        if total == 0:
            raise JoinError("the video segments hold nothing")
        line = _encode(coding, canvas, sound, total, joined.channels, target)
        limit = _LIMIT_S + 4 * total / canvas.rate
        with ffmpeg.piped(line, limit, writing=True, stopped=stopped) as sink:
            _draw(seen, joined, canvas, total, silent, sink, notes)
            sink.finish()
    _settle(target)
    if joined.note:
        notes.append(joined.note)
    return Film(total * 1000 // canvas.rate, joined.channels, _SOUND_RATE, "; ".join(notes))


def _lay_out(
    seen: Sequence[_Take],
    target: Path,
    scratch: Callable[[], Path],
    without: Sequence[Span],
    notes: list[str],
) -> Joined:
    """The sound of all, each segment's exactly as long as the segment."""
    with ExitStack() as stack:
        parts: list[Part] = []
        for take in seen:
            path = scratch()
            stack.callback(path.unlink, missing_ok=True)
            try:
                if take.probe.sounds == 0:
                    _silence(path, take.lasts_ms)
                else:
                    ffmpeg.run(_decode_sound(take, path), _LIMIT_S + take.lasts_ms / 1000)
            except JoinError as error:
                notes.append(_cannot(take.shot, f"be heard: {error}"))
                path.unlink(missing_ok=True)
                _silence(path, take.lasts_ms)
            parts.append(Part(path, take.shot.opened_at, take.shot.closed_at))
        return join(parts, target, without)


def _lead_ms(shot: Shot, probe: mp4.Probe) -> int:
    if shot.opened_at is None or shot.closed_at is None or not shot.finished:
        return 0  # of one that was not finished the end is missing, too
    return max(0, (shot.closed_at - shot.opened_at) // timedelta(milliseconds=1) - probe.lasts_ms)


def _cannot(shot: Shot, what: str) -> str:
    return f"segment {shot.number} cannot {what}; it is kept as it is"


def _silence(path: Path, lasts_ms: int) -> None:
    """A file of nothing, which takes no room where the disk can leave holes."""
    frames = lasts_ms * 8
    with path.open("xb") as file:
        file.write(wav.header(1, 8000, 16, frames))
        file.truncate(44 + frames * 2)


def _decode_sound(take: _Take, target: Path) -> list[str]:
    pick, _ = heard(take.probe, take.lead_ms, take.lasts_ms)
    out = ["-c:a", "pcm_s16le", "-bitexact", "-rf64", "auto", "-f", "wav"]
    source = [*ffmpeg.INPUT, ffmpeg.argument(take.shot.path)]
    return ffmpeg.command(*source, "-vn", *pick, *out, ffmpeg.argument(target))


def heard(probe: mp4.Probe, lead_ms: int, lasts_ms: int) -> tuple[list[str], int]:
    """ffmpeg's arguments for the sound of its first input, which has some: ``lead_ms`` of silence, then what
    the file holds, ``lasts_ms`` in all. And how many channels that has."""
    lasts = f"{lasts_ms / 1000:.3f}"
    # By its time stamps: silence before the first and where some are missing, and up to the end.
    even = f"aresample=async=1:first_pts=0,adelay={lead_ms}:all=1,apad=whole_dur={lasts}"
    if probe.sounds > 1 and probe.channels == 1:  # the two sides as tracks of their own
        both = f"[0:a:0][0:a:1]join=inputs=2:channel_layout=stereo,{even}[a]"
        return ["-filter_complex", both, "-map", "[a]", "-t", lasts], 2
    return ["-map", "0:a:0", "-af", even, "-t", lasts], max(1, probe.channels)


def _shown(joined: Joined, pauses: Sequence[Span], without: Sequence[Span]) -> list[tuple[float, float]]:
    """The pauses on the film's own time line, in seconds."""
    if joined.origin is None:
        return []
    latest = joined.frames / joined.sample_rate + MAX_GAP.total_seconds()
    found = []
    for span in pauses:
        began, ended = (lasting(joined.origin, at, without) / timedelta(seconds=1) for at in span)
        if max(began, 0.0) < ended <= latest:  # a clock that was wrong must not fill the disk
            found.append((max(began, 0.0), ended))
    return found


def _canvas(probes: Sequence[mp4.Probe]) -> _Canvas:
    """As large as the largest picture; the others are fitted into it."""
    width, height = max(((p.width, p.height) for p in probes), key=lambda s: s[0] * s[1])
    scale = min(1.0, _MAX_SIDE / max(width, height, 1))
    if width == 0 or height == 0:
        width, height = 640, 480
    even = [max(16, int(side * scale) // 2 * 2) for side in (width, height)]
    return _Canvas(even[0], even[1], pictures_a_second(probes))


def pictures_a_second(probes: Sequence[mp4.Probe]) -> int:
    """Of the grid on which what these show is shown again."""
    return 30 if max(p.rate for p in probes) > 25.5 else 25


def _encode(
    coding: Sequence[str], canvas: _Canvas, sound: Path, total: int, channels: int, target: Path
) -> list[str]:
    pictures = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", f"{canvas.width}x{canvas.height}"]
    lasts = f"{total / canvas.rate:.6f}"
    return ffmpeg.command(
        *pictures, "-r", str(canvas.rate), "-i", "pipe:0",
        "-f", "wav", "-i", ffmpeg.argument(sound),
        "-map", "0:v:0", "-map", "1:a:0", "-map_metadata", "-1", "-fflags", "+bitexact",
        *coding, "-g", str(canvas.rate * 2),
        "-af", f"apad=whole_dur={lasts}", "-t", lasts,
        "-c:a", "aac", "-ar", str(_SOUND_RATE), "-b:a", f"{64 * min(channels, 2)}k",
        "-movflags", "+faststart", "-f", "mp4", ffmpeg.argument(target),
    )  # fmt: skip


def _draw(
    seen: Sequence[_Take],
    joined: Joined,
    canvas: _Canvas,
    total: int,
    silent: Sequence[tuple[float, float]],
    sink: ffmpeg.Piped,
    notes: list[str],
) -> None:
    dark = picture(canvas.width, canvas.height)
    paused = picture(canvas.width, canvas.height, "paused")
    done = 0

    def fill(until: int) -> None:
        for number in range(done, until):
            now = (number + 0.5) / canvas.rate
            sink.write(paused if any(a <= now < b for a, b in silent) else dark)

    for take, place in zip(seen, joined.placed, strict=True):
        began = place.start / joined.sample_rate
        until = canvas.at((place.start + place.frames) / joined.sample_rate)
        fill(canvas.at(began))
        done = max(done, canvas.at(began))
        if take.probe.width and until > done:
            if not _copy(take, canvas, began, until - done, dark, sink):
                notes.append(_cannot(take.shot, "be seen"))
            done = until
    fill(total)


def _copy(take: _Take, canvas: _Canvas, began: float, count: int, dark: bytes, sink: ffmpeg.Piped) -> bool:
    """``count`` pictures of a segment; dark before its first, the last one for as long as it lasts.

    False if there was none at all.
    """
    # From the grid to where its file truly begins.
    shift = began - canvas.at(began) / canvas.rate + take.lead_ms / 1000
    first = canvas.at(take.probe.picture_ms / 1000 + shift)
    frame = f"{canvas.width}:{canvas.height}"
    look = (
        f"setpts=PTS+({shift:.6f})/TB,fps={canvas.rate}:start_time=0,"
        f"scale={frame}:force_original_aspect_ratio=decrease:force_divisible_by=2:out_range=tv,"
        f"pad={frame}:(ow-iw)/2:(oh-ih)/2,setsar=1,format=yuv420p"
    )
    source = [*ffmpeg.INPUT, ffmpeg.argument(take.shot.path), "-an", "-map", "0:v:0"]
    line = ffmpeg.command("-threads", "2", *source, "-vf", look, "-f", "rawvideo", "pipe:1")
    latest = dark
    with ffmpeg.piped(line, _LIMIT_S + 4 * count / canvas.rate, writing=False) as pictures:
        for number in range(count):
            block = pictures.read(canvas.size)
            if len(block) == canvas.size and number >= first:
                latest = block
            sink.write(latest)
    return latest is not dark


def _settle(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
