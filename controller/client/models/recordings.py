"""The API's answers: recordings. Drawn by ``python -m tests.client.draw_models``: do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from .base import Model
from .common import RecordingRow


class PauseRow(Model):
    """`from_ms`/`to_ms` on the recording's own time line; `to_ms` None: to the end. `left_out_ms`: how
    much of it the recording does not have, because pauses are cut there. One that is wholly left out
    begins and ends at the same place."""

    pause_id: str
    asked_at: datetime
    asked_by: str
    means: str
    masked_at: datetime | None
    ended_at: datetime | None
    ended_by: str
    ended_means: str | None
    unmasked_at: datetime | None
    from_ms: int
    to_ms: int | None
    left_out_ms: int | None = None


class SegmentRow(Model):
    """`layout` is a core.commands.Layout value; `channels` says who is on its left and who on its right,
    None for one channel. `from_ms`/`to_ms` on the recording's own time line."""

    capture_id: str
    number: int
    leg_id: str
    state: str
    opened_at: datetime | None
    closed_at: datetime | None
    cause: str
    layout: str | None = None
    channels: tuple[str, str] | None = None
    from_ms: int | None = None
    to_ms: int | None = None


class FileView(Model):
    """A stored file. `url` fetches it; `sha256` is hex, of its bytes."""

    role: str
    number: int
    format: str
    size: int
    sha256: str
    duration_ms: int
    channels: int
    sample_rate: int
    repaired: bool
    note: str
    url: str


Hidden = Literal["", "digits", "not_yet"]


class RecordingView(Model):
    """One recording with everything about it."""

    recording: RecordingRow
    rule: str
    pauses: list[PauseRow]
    segments: list[SegmentRow]
    files: list[FileView]
    channels: tuple[str, str] | None
    playable: bool
    hidden: Hidden


class NoteRow(Model):
    note_id: str
    at: datetime
    by: str
    text: str
    position_ms: int | None = None


class Hold(Model):
    """A legal hold. It covers the recordings that it names, and, as a standing matter, those of a person
    (a user's extension or a number) and of a span of time, new ones too; a hold with neither person nor
    span covers only what it names."""

    hold_id: str
    tenant: str
    name: str
    person: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class Annotations(Model):
    """What people have put on one recording, and which holds cover it."""

    tags: list[str] | None = None
    notes: list[NoteRow] | None = None
    holds: list[Hold] | None = None


class SpokenWord(Model):
    """Times on the recording's own time line."""

    text: str
    from_ms: int
    to_ms: int
    sure: float
    hidden: bool


class SpokenUtterance(Model):
    channel: int
    speaker: str
    from_ms: int
    to_ms: int
    text: str
    words: list[SpokenWord]


class SpokenTranscript(Model):
    """What was said in a recording."""

    recording_id: str
    language: str
    engine: str
    redacted: bool
    made_at: str
    utterances: list[SpokenUtterance]


class BulkView(Model):
    chosen: int
    done: int
    refused: dict[str, str]
    preview: bool
