"""A film with some spans of it beeped over and their pictures covered: for eyes and ears that may not have
what was said, or shown, there (a card held into the camera)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from . import ffmpeg, mp4
from .convert import Stopped, write_wav
from .edits import Span, beep_over
from .errors import JoinError
from .film import heard, pictures_a_second
from .placeholder import picture
from .resample import Samples
from .sound import Sound

_RATE = 48_000  # the encoder's delay is 21 ms there, as in any film (film.py)
_BLOCK = 1 << 18
_LIMIT_S = 3600.0


def redact_film(
    path: Path, spans: Sequence[Span], target: Path, scratch: Callable[[], Path], stopped: Stopped
) -> None:
    """Write a new MP4. ``spans`` in ms; to the sample in the sound, and every picture that is seen in a part
    of one is covered. ``scratch`` names files for work in progress; they are removed. Blocking, bounded
    memory; raises JoinError (NoFfmpeg), OSError."""
    probe = mp4.probe(path)
    if probe is None or not (probe.width or probe.sounds):
        raise JoinError("ffprobe can tell neither sound nor picture of this film")
    line: list[str] = [*ffmpeg.INPUT, ffmpeg.argument(path)]
    out: list[str] = []
    with ExitStack() as stack:
        if probe.width:
            cover = scratch()
            stack.callback(cover.unlink, missing_ok=True)
            # Both even, as H.264 wants it; from ffmpeg's own captures they always are.
            width, height = probe.width // 2 * 2, probe.height // 2 * 2
            cover.write_bytes(picture(width, height, "redacted"))
            size = f"{width}x{height}"
            line += ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", size, "-i", ffmpeg.argument(cover)]
            out += _pictures(probe, width, height, spans)
        if probe.sounds:
            sound = scratch()
            stack.callback(sound.unlink, missing_ok=True)
            channels = _beeped(path, probe, spans, sound, stopped)
            out += [
                "-map",
                f"{2 if probe.width else 1}:a:0",
                "-c:a",
                "aac",
                "-b:a",
                f"{64 * min(channels, 2)}k",
            ]
            line += ["-f", "wav", "-i", ffmpeg.argument(sound)]
        out += ["-map_metadata", "-1", "-movflags", "+faststart", "-f", "mp4", ffmpeg.argument(target)]
        limit = _LIMIT_S + 4 * probe.lasts_ms / 1000
        with ffmpeg.piped(ffmpeg.command(*line, *out), limit, writing=False, stopped=stopped) as encoder:
            while encoder.read(_BLOCK):
                continue
            encoder.finish()


def _pictures(probe: mp4.Probe, width: int, height: int, spans: Sequence[Span]) -> list[str]:
    """On an even grid: a picture that came before a span would else be seen until the next one comes."""
    rate = pictures_a_second([probe])
    places = [(max(0.0, begin / 1000 - 1 / rate), end / 1000) for begin, end in spans]
    covered = "+".join(f"between(t,{begin:.3f},{end:.3f})" for begin, end in places) or "0"
    drawn = (
        f"[0:v:0]fps={rate},scale={width}:{height}:out_range=tv,setsar=1,format=yuv420p[seen];"
        f"[seen][1:v:0]overlay=eof_action=repeat:enable='{covered}'[shown]"
    )
    return ["-filter_complex", drawn, "-map", "[shown]", *ffmpeg.h264(), "-g", str(rate * 2)]


def _beeped(path: Path, probe: mp4.Probe, spans: Sequence[Span], target: Path, stopped: Stopped) -> int:
    """Its sound as a WAV, by its time stamps; answers how many channels that has."""
    pick, channels = heard(probe, 0, probe.lasts_ms)
    raw = ["-ar", str(_RATE), "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1"]
    line = ffmpeg.command(*ffmpeg.INPUT, ffmpeg.argument(path), "-vn", *pick, *raw)
    frame = channels * 2
    limit = _LIMIT_S + probe.lasts_ms / 1000
    with ffmpeg.piped(line, limit, writing=False, stopped=stopped) as program:

        def blocks() -> Iterator[Samples]:
            for raw in iter(lambda: program.read(_BLOCK - _BLOCK % frame), b""):
                yield np.frombuffer(raw[: len(raw) - len(raw) % frame], "<i2").reshape(-1, channels)
            program.finish()

        frames = probe.lasts_ms * _RATE // 1000
        write_wav(beep_over(Sound(channels, _RATE, frames, blocks()), spans), target, stopped)
    return channels
