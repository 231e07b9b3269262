"""A recording with some spans of it beeped over: for ears that may not hear what was said there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from ..core.formats import Format
from ..engine.media_ports import HOME, FileRole, StoredFile
from .convert import encode, opened
from .edits import beep_over
from .encoders import Encoders
from .errors import EncodingError, store_error
from .keys import redacted_key
from .redact_film import redact_film
from .shelves import Stores
from .transcribe_audio import local

#: A codec works in frames, and adds some at either end each time.
_LENGTH_TOLERANCE_MS = 500
_ENCODED = set(Format) - {Format.WAV}


def redact(
    stores: Stores,
    encoders: Encoders,
    rendition: StoredFile,
    spans: Sequence[tuple[int, int]],
    note: str,
    stopped: Callable[[], bool] = lambda: False,
) -> StoredFile:
    """Put the redacted rendition into the home store; answers its row. On every channel: what one party
    says is faintly on the other's line too. In the format that it has, or as WAV where nothing on this
    machine makes that one. Blocking, idempotent, bounded memory. Raises MediaError."""
    format = rendition.format
    if format in _ENCODED and not encoders.has(Format(format)):
        format = Format.WAV
    key = redacted_key(rendition.key, format)
    temp = stores.home.scratch()
    row = replace(
        rendition, role=FileRole.REDACTED, number=0, key=key, format=str(format), repaired=False, note=note,
        store=HOME, sealing="",
    )  # fmt: skip
    try:
        if format in set(Format):
            row = _sound(stores, encoders, rendition, row, spans, temp, stopped)
        else:
            with local(stores, rendition) as path:
                redact_film(path, spans, temp, stores.home.scratch, stopped)
        digest = stores.home.put(temp, key)
    except OSError as error:
        raise store_error(f"cannot write a redacted copy of {stores.home.path(key)}", error) from error
    finally:
        temp.unlink(missing_ok=True)
    return replace(row, size=digest.size, sha256=digest.sha256)


def _sound(
    stores: Stores, encoders: Encoders, rendition: StoredFile, row: StoredFile,
    spans: Sequence[tuple[int, int]], target: Path, stopped: Callable[[], bool],
) -> StoredFile:  # fmt: skip
    with opened(stores, rendition, stopped) as sound:
        made = encode(beep_over(sound, spans), Format(row.format), target, encoders, stopped)
    if abs(made.duration_ms - rendition.duration_ms) > _LENGTH_TOLERANCE_MS:
        raise EncodingError(
            f"{rendition.key} holds {made.duration_ms} ms, its row says {rendition.duration_ms}: not redacted"
        )
    return replace(
        row, duration_ms=made.duration_ms, channels=made.channels, sample_rate=made.sample_rate
    )  # fmt: skip
