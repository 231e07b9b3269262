"""The whole recording in one file, from its stored segments."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from ..core.media_kinds import Kind
from ..core.timeline import Span, gaps_left_out, left_out
from ..engine.crash_points import crash_point
from ..engine.media_ports import SILENT, DueRecording, DueSegment, FileRole, StoredFile
from . import mp4, wav
from .errors import StoreError, store_error
from .ffmpeg import NoFfmpeg
from .film import Shot
from .film import make as make_film
from .integrity import Digest
from .join import Part, join
from .keys import rendition_key
from .mixing import SoundFiles, mix
from .silence import silent
from .store import LocalStore

#: A shorter pause at a video's very end is not worth encoding all of it again.
_WORTH_SHOWING = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class _Shape:
    digest: Digest
    duration_ms: int
    channels: int
    sample_rate: int
    note: str = ""
    silent: bool | None = None  # None: not looked at yet


def render(
    recording: DueRecording,
    segments: Sequence[tuple[DueSegment, StoredFile]],
    store: LocalStore,
    stopped: Callable[[], bool] = lambda: False,
    sounds: SoundFiles | None = None,
) -> StoredFile:
    """Make the rendition and put it into the store; answers its row. Blocking, idempotent.

    A film may take minutes; it gives up once ``stopped``. Our own sounds go into recordings of audio only.

    Raises MediaError (the segments stay as they are).
    """
    key = rendition_key(segments[0][1].key)
    for _, file in segments:
        if not store.exists(file.key):
            raise StoreError(f"{file.key} is missing from the store: restore it from a backup")
    cuts = _cuts(recording)
    if recording.kind is Kind.VIDEO:
        shape = _video(recording, segments, cuts, store, key, stopped)
    else:
        shape = _audio(recording, segments, cuts, store, key, sounds or SoundFiles())
    if silent(recording.kind, store.path(key), stopped) if shape.silent is None else shape.silent:
        shape = replace(shape, note="; ".join(note for note in (shape.note, SILENT) if note))
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
    captures = [(s.opened_at, s.closed_at) for s in sorted(recording.segments, key=lambda s: s.number)]
    pauses = left_out(captures, recording.pauses) if recording.cut_pauses else ()
    gaps = gaps_left_out(captures, recording.pauses) if recording.cut_gaps else ()
    return (*pauses, *gaps)


def _audio(
    recording: DueRecording, segments: Sequence[tuple[DueSegment, StoredFile]], cuts: Sequence[Span],
    store: LocalStore, key: str, sounds: SoundFiles,
) -> _Shape:  # fmt: skip
    alone = len(segments) == 1 and wav.inspect(store.path(segments[0][1].key)).canonical
    if alone and not recording.sounds:
        only = segments[0][1]
        store.link(only.key, key)
        crash_point("rendition.joined")
        return _Shape(Digest(only.sha256, only.size), only.duration_ms, only.channels, only.sample_rate)
    parts = [Part(store.path(f.key), s.opened_at, s.closed_at) for s, f in segments]
    temps = [store.scratch(), store.scratch()]
    heard: bool | None = None
    try:
        joined, made = join(parts, temps[0], cuts), temps[0]
        if recording.sounds and joined.origin is not None:
            # Whether anybody is heard in it is to be known without what we add.
            heard = not silent(Kind.AUDIO, made)
            joined = mix(joined, made, temps[1], recording.switch, recording.sounds, cuts, sounds)
            made = temps[1]
        crash_point("rendition.joined")
        digest = store.put(made, key)
    except OSError as error:
        raise store_error(f"cannot join the segments into {store.path(key)}", error) from error
    finally:
        for temp in temps:
            temp.unlink(missing_ok=True)
    silence = None if heard is None else not heard
    return _Shape(
        digest, joined.duration_ms, joined.channels, joined.sample_rate, joined.note, silence
    )  # fmt: skip


def _video(
    recording: DueRecording,
    segments: Sequence[tuple[DueSegment, StoredFile]],
    cuts: Sequence[Span],
    store: LocalStore,
    key: str,
    stopped: Callable[[], bool],
) -> _Shape:
    shots = [_shot(segment, store.path(file.key)) for segment, file in segments]
    pauses = () if recording.cut_pauses else _pauses(recording)
    # Its own bytes where they are all there is to show; a pause behind it has to be shown as well.
    only = segments[0] if len(segments) == 1 and shots[0].finished else None
    if only is not None and not _paused_at_the_end(only[0], pauses):
        return _link_video(only[1], store, key)
    temp = store.scratch()
    try:
        film = make_film(shots, temp, store.scratch, without=cuts, pauses=pauses, stopped=stopped)
        crash_point("rendition.joined")
        digest = store.put(temp, key)
    except NoFfmpeg as error:
        if only is None:
            raise
        return replace(_link_video(only[1], store, key), note=f"the pause at its end is not shown: {error}")
    except OSError as error:
        raise store_error(f"cannot join the segments into {store.path(key)}", error) from error
    finally:
        temp.unlink(missing_ok=True)
    return _Shape(digest, film.duration_ms, film.channels, film.sample_rate, film.note)


def _shot(segment: DueSegment, path: Path) -> Shot:
    return Shot(segment.number, path, segment.opened_at, segment.closed_at, finished=mp4.complete(path))


def _link_video(only: StoredFile, store: LocalStore, key: str) -> _Shape:
    store.link(only.key, key)
    crash_point("rendition.joined")
    return _Shape(Digest(only.sha256, only.size), only.duration_ms, only.channels, only.sample_rate)


def _pauses(recording: DueRecording) -> list[Span]:
    """Those that are kept on the time line; one without an end lasted to the recording's."""
    spans = [
        (began, min(ended or recording.ended_at, recording.ended_at)) for began, ended in recording.pauses
    ]
    return [(began, ended) for began, ended in spans if began < ended]


def _paused_at_the_end(segment: DueSegment, pauses: Sequence[Span]) -> bool:
    ended = segment.closed_at
    if ended is None:
        return False
    return any(last - max(first, ended) >= _WORTH_SHOWING for first, last in pauses)
