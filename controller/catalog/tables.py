"""The tables. Calls and their parts are the CDR; the engine writes them, `media` adds the files."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)
from sqlmodel import Field, SQLModel

from .columns import Json, Name, Text, UtcTime

# Names for every constraint, so that a later migration can say which one it means.
_NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "pk": "pk_%(table_name)s",
}


class _Row(SQLModel):
    metadata: ClassVar[MetaData] = MetaData(naming_convention=_NAMES)


metadata = _Row.metadata


def _text(**more: Any) -> Any:
    return Field(sa_type=Text, **more)


def _name(**more: Any) -> Any:
    return Field(sa_type=Name, **more)


def _time(**more: Any) -> Any:
    return Field(sa_type=UtcTime, **more)


def _long() -> Any:
    return Field(sa_type=BigInteger)


def _json() -> Any:
    return Field(sa_type=Json)


def _part_of(parent: str, **more: Any) -> Any:
    """A reference whose row goes when its parent goes."""
    return Field(sa_type=Text, sa_column_args=[ForeignKey(parent, ondelete="CASCADE")], **more)


# ── policies ──────────────────────────────────────────────────────────────────────────────────


class SystemSettingsTable(_Row, table=True):
    """One row, number 1."""

    __tablename__ = "system_settings"
    number: int = Field(primary_key=True, sa_type=Integer, sa_column_kwargs={"autoincrement": False})
    record_external: bool


class TenantTable(_Row, table=True):
    """``folder`` is the tenant's folder in the spool (core.recording.tenant_folder)."""

    __tablename__ = "tenants"
    tenant: str = _name(primary_key=True)
    folder: str = _text(unique=True)
    record_audio: bool
    record_video: bool
    created_at: datetime = _time()


class UserTable(_Row, table=True):
    __tablename__ = "users"
    tenant: str = Field(primary_key=True, sa_type=Name, sa_column_args=[ForeignKey("tenants.tenant")])
    user: str = _name(primary_key=True)
    name: str = _text()
    record_audio: bool
    record_video: bool
    created_at: datetime = _time()


# ── calls ─────────────────────────────────────────────────────────────────────────────────────


class CallTable(_Row, table=True):
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
    call_id: str = _text(primary_key=True)
    switch: str = _text()
    started_at: datetime = _time()
    answered_at: datetime | None = _time()
    ended_at: datetime | None = _time()
    talk_ms: int = _long()
    direction: str = _text()
    requested: list[Any] = _json()
    stopped: list[Any] = _json()
    aliases: list[Any] = _json()


class CallAliasTable(_Row, table=True):
    """The id of a call that turned out to be another one: links to it go on to work."""

    __tablename__ = "call_aliases"
    alias: str = _text(primary_key=True)
    call_id: str = _text(index=True)


class CallViewTable(_Row, table=True):
    """Who may see a call: a row per tenant (``user`` empty) and one per user of it in the call.

    ``direction`` is the tenant's own view: other tenants' parties are outside for it.
    """

    __tablename__ = "call_views"
    __table_args__ = (Index(None, "tenant", "user", "started_at", "call_id"),)
    call_id: str = _part_of("calls.call_id", primary_key=True)
    tenant: str = _name(primary_key=True)
    user: str = _name(primary_key=True)
    started_at: datetime = _time()
    direction: str = _text()


class LegTable(_Row, table=True):
    """``search`` and ``search_number`` are made for the party filter (see `searching`).

    Keyed by position: leg ids, numbers and names may be a stranger's text of any length, which
    no index takes.
    """

    __tablename__ = "legs"
    call_id: str = _part_of("calls.call_id", primary_key=True)
    position: int = Field(primary_key=True)
    leg_id: str = _text()
    side: str = _text()
    tenant: str | None = _name()
    user: str | None = _name()
    number: str = _text()
    name: str = _text()
    trunk: str | None = _text()
    calling: bool
    dialled: str = _text()
    address: str | None = _text()
    video: bool
    recordable: bool
    started_at: datetime = _time()
    answered_at: datetime | None = _time()
    ended_at: datetime | None = _time()
    cause: str = _text()
    held: bool
    bridge_id: str | None = _text()
    aliases: list[Any] = _json()
    search: str = _text()
    search_number: str = _text()


class EventTable(_Row, table=True):
    """The call's journey, for people to read in the CDR."""

    __tablename__ = "events"
    call_id: str = _part_of("calls.call_id", primary_key=True)
    position: int = Field(primary_key=True)
    at: datetime = _time()
    what: str = _text()
    leg_id: str | None = _text()
    detail: str = _text()


class DecisionTable(_Row, table=True):
    __tablename__ = "decisions"
    call_id: str = _part_of("calls.call_id", primary_key=True)
    tenant: str = _name(primary_key=True)
    kind: str = _text(primary_key=True)
    verdict: str = _text()
    rule: str = _text()
    reason: str = _text()


# ── recordings ────────────────────────────────────────────────────────────────────────────────

_MEDIA_DUE = text("ended_at IS NOT NULL AND media_state IN ('spooled', 'stored', 'failed')")


class RecordingTable(_Row, table=True):
    """``span_ms`` is what the engine measured, ``media_ms`` what the files hold (0: not known yet).

    The reference to the call does not cascade: nothing may lose a recording by the way.
    """

    __tablename__ = "recordings"
    __table_args__ = (
        Index(None, "tenant", "started_at", "recording_id"),
        Index(None, "started_at", "recording_id"),
        Index("ix_recordings_media_due", "ended_at", sqlite_where=_MEDIA_DUE, postgresql_where=_MEDIA_DUE),
    )
    recording_id: str = _text(primary_key=True)
    call_id: str = Field(sa_type=Text, index=True, sa_column_args=[ForeignKey("calls.call_id")])
    position: int
    switch: str = _text()
    tenant: str = _name()
    kind: str = _text()
    rule: str = _text()
    reason: str = _text()
    started_at: datetime = _time()
    ended_at: datetime | None = _time()
    span_ms: int = _long()
    direction: str = _text()
    media_state: str = _text()
    media_ms: int = _long()
    media_error: str = _text()
    media_at: datetime = _time()


class SegmentTable(_Row, table=True):
    __tablename__ = "segments"
    capture_id: str = _text(primary_key=True)
    recording_id: str = _part_of("recordings.recording_id", index=True)
    number: int
    leg_id: str = _text()
    bridge_id: str = _text()
    path: str = _text()
    kind: str = _text()
    requested_at: datetime = _time()
    state: str = _text()
    opened_at: datetime | None = _time()
    closed_at: datetime | None = _time()
    cause: str = _text()
    blind: str = _text()
    close_attempts: int


class PauseTable(_Row, table=True):
    __tablename__ = "pauses"
    pause_id: str = _text(primary_key=True)
    recording_id: str = _part_of("recordings.recording_id", index=True)
    position: int
    kind: str = _text()
    asked_at: datetime = _time()
    asked_by: str = _text()
    means: str = _text()
    masked_at: datetime | None = _time()
    ended_at: datetime | None = _time()
    ended_by: str = _text()
    ended_means: str | None = _text()
    unmasked_at: datetime | None = _time()


class FileTable(_Row, table=True):
    __tablename__ = "files"
    recording_id: str = Field(
        primary_key=True, sa_type=Text, sa_column_args=[ForeignKey("recordings.recording_id")]
    )
    role: str = _text(primary_key=True)
    number: int = Field(primary_key=True)
    key: str = _text(index=True)
    format: str = _text()
    size: int = _long()
    sha256: str = _text()
    duration_ms: int = _long()
    channels: int
    sample_rate: int
    repaired: bool
    note: str = _text()
    added_at: datetime = _time()


# ── people ────────────────────────────────────────────────────────────────────────────────────


class AccountTable(_Row, table=True):
    """The checks keep an account from seeing more by a missing value (see reading.Account.scope)."""

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("login_key"),
        CheckConstraint("role = 'system_administrator' OR (tenant IS NOT NULL AND tenant <> '')", "tenant"),
        CheckConstraint("role <> 'user' OR (extension IS NOT NULL AND extension <> '')", "extension"),
    )
    account_id: str = _text(primary_key=True)
    login: str = _text()
    login_key: str = _name()
    role: str = _text()
    tenant: str | None = _name(index=True)
    extension: str | None = _name()
    disabled: bool
    password_hash: str = _text()
    created_at: datetime = _time()


class TokenTable(_Row, table=True):
    __tablename__ = "api_tokens"
    token_id: str = _text(primary_key=True)
    account_id: str = _part_of("accounts.account_id", index=True)
    label: str = _text()
    created_at: datetime = _time()
    expires_at: datetime | None = _time()
    last_used_at: datetime | None = _time()
    token_sha256: str = _text(unique=True)


class AuditTable(_Row, table=True):
    __tablename__ = "audit"
    __table_args__ = (Index(None, "tenant", "number"),)
    number: int = Field(
        primary_key=True,
        sa_column_kwargs={"autoincrement": True},
        sa_type=BigInteger().with_variant(Integer, "sqlite"),  # SQLite counts only INTEGER keys up
    )
    at: datetime = _time()
    account: str = _text()
    tenant: str | None = _name()
    action: str = _text()
    subject: str = _text()
    detail: str = _text()
    address: str = _text()


def _of(model: type[_Row]) -> Table:
    return metadata.tables[str(model.__tablename__)]


# The same as SQLAlchemy Core tables: every statement of the catalog is written with these.
system_settings = _of(SystemSettingsTable)
tenants = _of(TenantTable)
users = _of(UserTable)
calls = _of(CallTable)
call_aliases = _of(CallAliasTable)
call_views = _of(CallViewTable)
legs = _of(LegTable)
events = _of(EventTable)
decisions = _of(DecisionTable)
recordings = _of(RecordingTable)
segments = _of(SegmentTable)
pauses = _of(PauseTable)
files = _of(FileTable)
accounts = _of(AccountTable)
api_tokens = _of(TokenTable)
audit = _of(AuditTable)
