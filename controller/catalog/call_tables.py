"""The tables of the CDR, calls and their parts, which the engine writes; `media` adds the files."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, text
from sqlmodel import Field

from .columns import Text
from .rows import Row, json_, long_, name_, part_of, table_of, text_, time_

# ── calls ─────────────────────────────────────────────────────────────────────────────────────


class CallTable(Row, table=True):
    """``talk_ms`` from the first answer to the end; ``aliases`` are for recovery, links go by
    `call_aliases`."""

    __tablename__ = "calls"
    __table_args__ = (
        Index(None, "started_at", "call_id"),
        Index(
            "ix_calls_open",
            "switch",
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
    )
    call_id: str = text_(primary_key=True)
    switch: str = text_()
    started_at: datetime = time_()
    answered_at: datetime | None = time_()
    ended_at: datetime | None = time_()
    talk_ms: int = long_()
    direction: str = text_()
    requested: list[Any] = json_()
    stopped: list[Any] = json_()
    aliases: list[Any] = json_()


class CallAliasTable(Row, table=True):
    """The id of a call that turned out to be another one: links to it go on to work."""

    __tablename__ = "call_aliases"
    alias: str = text_(primary_key=True)
    call_id: str = text_(index=True)


class CallViewTable(Row, table=True):
    """Who may see a call: a row per tenant (``user`` empty) and one per user of it in the call.

    ``direction`` is the tenant's own view: other tenants' parties are outside for it.
    """

    __tablename__ = "call_views"
    __table_args__ = (Index(None, "tenant", "user", "started_at", "call_id"),)
    call_id: str = part_of("calls.call_id", primary_key=True)
    tenant: str = name_(primary_key=True)
    user: str = name_(primary_key=True)
    started_at: datetime = time_()
    direction: str = text_()


class CallRouteTable(Row, table=True):
    """Which queues and ring groups a call came through, for each tenant that may see it: by these
    their supervisors find it."""

    __tablename__ = "call_routes"
    __table_args__ = (Index(None, "tenant", "scope", "name", "call_id"),)
    call_id: str = part_of("calls.call_id", primary_key=True)
    tenant: str = name_(primary_key=True)
    scope: str = text_(primary_key=True)
    name: str = name_(primary_key=True)


class LegTable(Row, table=True):
    """``search`` and ``search_number`` are made for the party filter (see `searching`).

    Keyed by position: leg ids, numbers and names may be a stranger's text of any length, which
    no index takes.
    """

    __tablename__ = "legs"
    call_id: str = part_of("calls.call_id", primary_key=True)
    position: int = Field(primary_key=True)
    leg_id: str = text_()
    side: str = text_()
    tenant: str | None = name_()
    user: str | None = name_()
    number: str = text_()
    name: str = text_()
    trunk: str | None = text_()
    calling: bool
    dialled: str = text_()
    address: str | None = text_()
    video: bool
    recordable: bool
    started_at: datetime = time_()
    answered_at: datetime | None = time_()
    ended_at: datetime | None = time_()
    cause: str = text_()
    held: bool
    bridge_id: str | None = text_()
    aliases: list[Any] = json_()
    routes: list[Any] = json_()
    seat: str = text_()
    announced: list[Any] = json_()
    search: str = text_()
    search_number: str = text_()


class EventTable(Row, table=True):
    """The call's journey, for people to read in the CDR."""

    __tablename__ = "events"
    call_id: str = part_of("calls.call_id", primary_key=True)
    position: int = Field(primary_key=True)
    at: datetime = time_()
    what: str = text_()
    leg_id: str | None = text_()
    detail: str = text_()


class DecisionTable(Row, table=True):
    """Every change of a decision, by conversation (core.decided)."""

    __tablename__ = "decisions"
    call_id: str = part_of("calls.call_id", primary_key=True)
    position: int = Field(primary_key=True)
    at: datetime = time_()
    bridge_id: str = text_()
    tenant: str = name_()
    kind: str = text_()
    legs: list[Any] = json_()
    verdict: str = text_()
    rule: str = text_()
    reason: str = text_()


# ── recordings ────────────────────────────────────────────────────────────────────────────────

#: What the files hold where that is known, else what the engine measured. Written out, as an index has it.
LENGTH = text("(CASE WHEN media_ms > 0 THEN media_ms ELSE span_ms END)")

_IN_TIME = ("tenant", "started_at", "recording_id")
_SHOWN = text("deleted_at IS NULL")
_RUNNING = text("ended_at IS NULL")
_REMARK = text("media_error <> ''")
_MEDIA_DUE = text("ended_at IS NOT NULL AND media_state IN ('spooled', 'stored', 'failed')")


class RecordingTable(Row, table=True):
    """``span_ms`` is what the engine measured, ``media_ms`` what the files hold (0: not known yet).

    ``size``: of all its files, in bytes, kept by triggers (revision 0014).
    The reference to the call does not cascade: nothing may lose a recording by the way. ``deleted_at``:
    it is in the trash, or only its trace is left (see `deletions`).
    """

    __tablename__ = "recordings"
    __table_args__ = (
        Index("ix_recordings_length", "tenant", LENGTH, "recording_id"),
        Index("ix_recordings_all_lengths", LENGTH, "recording_id"),
        Index(None, "tenant", "size", "recording_id"),
        Index(None, "size", "recording_id"),
        Index(None, "tenant", "started_at", "recording_id"),
        Index(None, "started_at", "recording_id"),
        # A list that is filtered: what does not fit is passed by without its row.
        Index("ix_recordings_shown", *_IN_TIME, "call_id", sqlite_where=_SHOWN, postgresql_where=_SHOWN),
        # For what is rare: without these the whole list is walked before a page of it is full.
        Index(None, "tenant", "media_state", "started_at", "recording_id"),
        Index(None, "tenant", "kind", "started_at", "recording_id"),
        Index("ix_recordings_running", *_IN_TIME, sqlite_where=_RUNNING, postgresql_where=_RUNNING),
        Index("ix_recordings_remarks", *_IN_TIME, sqlite_where=_REMARK, postgresql_where=_REMARK),
        Index("ix_recordings_media_due", "ended_at", sqlite_where=_MEDIA_DUE, postgresql_where=_MEDIA_DUE),
    )
    recording_id: str = text_(primary_key=True)
    call_id: str = Field(sa_type=Text, index=True, sa_column_args=[ForeignKey("calls.call_id")])
    position: int
    switch: str = text_()
    tenant: str = name_()
    kind: str = text_()
    rule: str = text_()
    reason: str = text_()
    started_at: datetime = time_()
    ended_at: datetime | None = time_()
    provisional: bool
    cut_pauses: bool
    cut_gaps: bool
    beeped_at: datetime | None = time_()
    span_ms: int = long_()
    direction: str = text_()
    media_state: str = text_()
    media_ms: int = long_()
    media_error: str = text_()
    media_at: datetime = time_(index=True)
    size: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": text("0")})
    deleted_at: datetime | None = time_()


class SegmentTable(Row, table=True):
    __tablename__ = "segments"
    capture_id: str = text_(primary_key=True)
    recording_id: str = part_of("recordings.recording_id", index=True)
    number: int
    leg_id: str = text_()
    bridge_id: str = text_()
    path: str = text_()
    kind: str = text_()
    requested_at: datetime = time_()
    state: str = text_()
    opened_at: datetime | None = time_()
    closed_at: datetime | None = time_()
    cause: str = text_()
    blind: str = text_()
    close_attempts: int
    own_voice_only: bool
    layout: str = text_()
    far: list[Any] = json_()


class PauseTable(Row, table=True):
    __tablename__ = "pauses"
    pause_id: str = text_(primary_key=True)
    recording_id: str = part_of("recordings.recording_id", index=True)
    position: int
    kind: str = text_()
    asked_at: datetime = time_()
    asked_by: str = text_()
    means: str = text_()
    masked_at: datetime | None = time_()
    ended_at: datetime | None = time_()
    ended_by: str = text_()
    ended_means: str | None = text_()
    unmasked_at: datetime | None = time_()


class OwnSoundTable(Row, table=True):
    __tablename__ = "own_sounds"
    recording_id: str = part_of("recordings.recording_id", primary_key=True)
    position: int = Field(primary_key=True)
    at: datetime = time_()
    sound: str = text_()
    legs: list[Any] = json_()
    until: datetime | None = time_()
    file: str = text_()


class FileTable(Row, table=True):
    """``store`` holds it now, ``old_store`` may still hold an older copy ("": none); ``sealing`` is the
    wrapped key of an encrypted one ("": it lies there as it is)."""

    __tablename__ = "files"
    __table_args__ = (Index(None, "store", "key"), Index(None, "format", "recording_id"))
    recording_id: str = Field(
        primary_key=True, sa_type=Text, sa_column_args=[ForeignKey("recordings.recording_id")]
    )
    role: str = text_(primary_key=True)
    number: int = Field(primary_key=True)
    key: str = text_(index=True)
    format: str = text_()
    size: int = long_()
    sha256: str = text_()
    duration_ms: int = long_()
    channels: int
    sample_rate: int
    repaired: bool
    note: str = text_()
    store: str = text_()
    old_store: str = text_(index=True)
    sealing: str = text_()
    added_at: datetime = time_(index=True)


calls = table_of(CallTable)
call_aliases = table_of(CallAliasTable)
call_views = table_of(CallViewTable)
call_routes = table_of(CallRouteTable)
legs = table_of(LegTable)
events = table_of(EventTable)
decisions = table_of(DecisionTable)
recordings = table_of(RecordingTable)
segments = table_of(SegmentTable)
pauses = table_of(PauseTable)
own_sounds = table_of(OwnSoundTable)
files = table_of(FileTable)
