"""A recording's sound with some spans of it beeped over: for ears that may not hear what was said there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ..engine.media_ports import FileRole, StoredFile
from . import samples, wav
from .errors import store_error
from .ffmpeg import INPUT, argument, command, piped
from .keys import redacted_key
from .resample import Samples
from .shelves import Stores
from .transcribe_audio import local

_BEEP_HZ = 1000
_BEEP_LEVEL = 2000  # of 32768: heard, and no fright


def redact(
    stores: Stores,
    rendition: StoredFile,
    spans: Sequence[tuple[int, int]],
    stopped: Callable[[], bool] = lambda: False,
) -> StoredFile:
    """Put the redacted rendition into the home store; answers its row. On every channel: what one party
    says is faintly on the other's line too. Blocking, idempotent, bounded memory. Raises MediaError."""
    key = redacted_key(rendition.key)
    temp = stores.home.scratch()
    try:
        with local(stores, rendition) as path:
            if rendition.format == "wav":
                _wav(path, spans, temp)
            else:
                _film(path, spans, temp, stopped, rendition.duration_ms)
        digest = stores.home.put(temp, key)
    except OSError as error:
        raise store_error("write a redacted copy of", stores.home.path(key), error) from error
    finally:
        temp.unlink(missing_ok=True)
    return StoredFile(
        recording_id=rendition.recording_id,
        role=FileRole.REDACTED,
        number=0,
        key=key,
        format=rendition.format,
        size=digest.size,
        sha256=digest.sha256,
        duration_ms=rendition.duration_ms,
        channels=rendition.channels,
        sample_rate=rendition.sample_rate,
        note=f"{len(spans)} {'run' if len(spans) == 1 else 'runs'} of digits taken out",
    )


def _wav(path: Path, spans: Sequence[tuple[int, int]], target: Path) -> None:
    info = wav.inspect(path)
    with target.open("xb") as file:
        file.write(wav.header(info.channels, info.sample_rate, 16, info.frames))
        for block in beeped(samples.read(path, info), info.sample_rate, spans):
            file.write(block.astype("<i2").tobytes())


def beeped(blocks: Iterator[Samples], rate: int, spans: Sequence[tuple[int, int]]) -> Iterator[Samples]:
    """The same sound with a tone, and nothing else, in these spans (ms)."""
    at = 0
    for block in blocks:
        changed = block
        for begin, end in spans:
            first = max(0, begin * rate // 1000 - at)
            last = min(len(block), -(-end * rate // 1000) - at)
            if first < last:
                if changed is block:
                    changed = block.copy()
                times = np.arange(at + first, at + last) / rate
                tone = np.rint(_BEEP_LEVEL * np.sin(2 * np.pi * _BEEP_HZ * times)).astype(np.int16)
                changed[first:last] = tone[:, None]
        yield changed
        at += len(block)


def _film(
    path: Path, spans: Sequence[tuple[int, int]], target: Path, stopped: Callable[[], bool], lasts_ms: int
) -> None:
    """The pictures as they are; the sound without these spans (the filter has no beep of its own)."""
    muted = "+".join(f"between(t,{begin / 1000:.3f},{end / 1000:.3f})" for begin, end in spans) or "0"
    arguments = command(
        *INPUT, argument(path), "-map", "0:v?", "-map", "0:a", "-c:v", "copy",
        "-filter:a", f"volume=volume=0:enable='{muted}'", "-c:a", "aac", "-movflags", "+faststart",
        "-f", "mp4", argument(target),
    )  # fmt: skip
    with piped(arguments, 3600 + lasts_ms / 1000, writing=False, stopped=stopped) as encoder:
        while encoder.read(1 << 16):
            continue
        encoder.finish()
