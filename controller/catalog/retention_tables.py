"""The tables of how long recordings are kept: rules, holds, tags, notes, the trash and what is left."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlmodel import Field

from .columns import Text
from .rows import Row, long_, name_, part_of, table_of, text_, time_


class DeletionTable(Row, table=True):
    """A deleted recording, from the trash to the trace that stays. ``person`` is whom an erasure is
    about, until its names are gone; see engine.erasing."""

    __tablename__ = "deletions"
    __table_args__ = (Index(None, "state", "purge_at"), Index(None, "tenant", "deleted_at", "recording_id"))
    recording_id: str = Field(
        primary_key=True, sa_type=Text, sa_column_args=[ForeignKey("recordings.recording_id")]
    )
    tenant: str = name_()
    deleted_at: datetime = time_()
    deleted_by: str = text_()
    why: str = text_()
    purge_at: datetime = time_()
    state: str = text_()
    error: str = text_()
    tried_at: datetime | None = time_()
    erasure: bool
    person: str = text_()


class RetentionRuleTable(Row, table=True):
    __tablename__ = "retention_rules"
    tenant: str = name_(primary_key=True)
    scope: str = text_(primary_key=True)
    name: str = name_(primary_key=True)
    keep_days: int
    keep_forever: bool
    delete_after_days: int


class RetentionStandTable(Row, table=True):
    """Where a tenant's retention stands: under which rules it may go on (``accepted``), and what waits
    for somebody's word (``waiting`` is the digest of the rules that would delete so much)."""

    __tablename__ = "retention_stands"
    tenant: str = name_(primary_key=True)
    accepted: str = text_()
    waiting: str = text_()
    would_go: int
    of_all: int
    since: datetime | None = time_()


class HoldTable(Row, table=True):
    """A legal hold; one that is lifted stays as the trace of it."""

    __tablename__ = "legal_holds"
    __table_args__ = (Index(None, "tenant", "created_at"),)
    hold_id: str = text_(primary_key=True)
    tenant: str = name_()
    name: str = text_()
    reason: str = text_()
    person: str = text_()
    since: datetime | None = time_()
    until: datetime | None = time_()
    created_at: datetime = time_()
    created_by: str = text_()
    lifted_at: datetime | None = time_()
    lifted_by: str = text_()
    lifted_why: str = text_()


class HeldTable(Row, table=True):
    """A recording that a hold names."""

    __tablename__ = "held_recordings"
    hold_id: str = part_of("legal_holds.hold_id", primary_key=True)
    recording_id: str = Field(
        primary_key=True, index=True, sa_type=Text, sa_column_args=[ForeignKey("recordings.recording_id")]
    )
    added_at: datetime = time_()
    added_by: str = text_()


class TagTable(Row, table=True):
    __tablename__ = "recording_tags"
    __table_args__ = (Index(None, "tenant", "tag", "recording_id"),)
    recording_id: str = part_of("recordings.recording_id", primary_key=True)
    tag: str = name_(primary_key=True)
    tenant: str = name_()
    added_at: datetime = time_()
    added_by: str = text_()


class NoteTable(Row, table=True):
    """``search`` is `columns.loose` of the text; ``position_ms`` of a note that is about a moment."""

    __tablename__ = "recording_notes"
    note_id: str = text_(primary_key=True)
    recording_id: str = part_of("recordings.recording_id", index=True)
    tenant: str = name_(index=True)
    at: datetime = time_()
    by: str = text_()
    text: str = text_()
    search: str = text_(default="", sa_column_kwargs={"server_default": ""})
    position_ms: int | None = long_()


deletions = table_of(DeletionTable)
retention_rules = table_of(RetentionRuleTable)
retention_stands = table_of(RetentionStandTable)
legal_holds = table_of(HoldTable)
held_recordings = table_of(HeldTable)
tags = table_of(TagTable)
notes = table_of(NoteTable)
