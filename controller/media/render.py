"""The whole recording in one file, from its stored segments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from ..core.media_kinds import Kind
from ..core.timeline import Span, left_out
from ..engine.ports import DueRecording, DueSegment, FileRole, StoredFile
from . import mp4, wav
from .crash_points import crash_point
from .errors import StoreError, store_error
from .integrity import Digest
from .join import Part, join
from .keys import rendition_key
from .store import LocalStore


@dataclass(frozen=True, slots=True)
class _Shape:
    digest: Digest
    duration_ms: int
    channels: int
    sample_rate: int
    note: str = ""


def render(
    recording: DueRecording, segments: Sequence[tuple[DueSegment, StoredFile]], store: LocalStore
) -> StoredFile:
    """Make the rendition and put it into the store; answers its row. Blocking, idempotent.

    Raises MediaError (the segments stay as they are).
    """
    key = rendition_key(segments[0][1].key)
    for _, file in segments:
        if not store.exists(file.key):
            raise StoreError(f"{file.key} is missing from the store: restore it from a backup")
    cuts = _cuts(recording)
    if recording.kind is Kind.VIDEO:
        shape = _video(segments, store, key)
    else:
        shape = _audio(segments, cuts, store, key)
    crash_point("rendition.stored")
    return StoredFile(
        recording_id=recording.recording_id,
        role=FileRole.RENDITION,
        number=0,
        key=key,
        format=segments[0][1].format,
        size=shape.digest.size,
        sha256=shape.digest.sha256,
        duration_ms=shape.duration_ms,
        channels=shape.channels,
        sample_rate=shape.sample_rate,
        note=shape.note,
    )


def _cuts(recording: DueRecording) -> tuple[Span, ...]:
    """From the captures' times, those without a file too, as the catalog does it for what is shown."""
    if not recording.cut_pauses:
        return ()
    captures = sorted(recording.segments, key=lambda s: s.number)
    return left_out([(s.opened_at, s.closed_at) for s in captures], recording.pauses)


def _audio(
    segments: Sequence[tuple[DueSegment, StoredFile]], cuts: Sequence[Span], store: LocalStore, key: str
) -> _Shape:
    if len(segments) == 1 and wav.inspect(store.path(segments[0][1].key)).canonical:
        only = segments[0][1]
        store.link(only.key, key)
        crash_point("rendition.joined")
        return _Shape(Digest(only.sha256, only.size), only.duration_ms, only.channels, only.sample_rate)
    parts = [Part(store.path(f.key), s.opened_at, s.closed_at) for s, f in segments]
    temp = store.scratch()
    try:
        joined = join(parts, temp, cuts)
        crash_point("rendition.joined")
        digest = store.put(temp, key)
    except OSError as error:
        raise store_error("join the segments into", store.path(key), error) from error
    finally:
        temp.unlink(missing_ok=True)
    return _Shape(digest, joined.duration_ms, joined.channels, joined.sample_rate, joined.note)


def _video(segments: Sequence[tuple[DueSegment, StoredFile]], store: LocalStore, key: str) -> _Shape:
    if len(segments) == 1:
        only = segments[0][1]
        store.link(only.key, key)
        crash_point("rendition.joined")
        return _Shape(Digest(only.sha256, only.size), only.duration_ms, 0, 0)
    lasts = [file.duration_ms for _, file in segments]
    for index in range(len(segments) - 1):
        began, following = segments[index][0].opened_at, segments[index + 1][0].opened_at
        if began is not None and following is not None:
            # The next one begins at its true time, never before this one has ended.
            lasts[index] = max(lasts[index], (following - began) // timedelta(milliseconds=1))
    temp = store.scratch()
    try:
        mp4.join([(store.path(f.key), ms) for (_, f), ms in zip(segments, lasts, strict=True)], temp)
        crash_point("rendition.joined")
        digest = store.put(temp, key)
    finally:
        temp.unlink(missing_ok=True)
    return _Shape(digest, sum(lasts), 0, 0)
