"""The tables of links to recordings."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from .account_tables import accounts
from .rows import Row, name_, part_of, table_of, text_, time_


class ShareTable(Row, table=True):
    """``token_sha256``: of the link's secret part; what is read here opens nothing."""

    __tablename__ = "shares"
    __table_args__ = (Index(None, "tenant", "created_at"),)
    share_id: str = text_(primary_key=True)
    token_sha256: str = text_(unique=True)
    tenant: str = name_()
    account_id: str = part_of(accounts.c.account_id, index=True)
    made_by: str = text_()
    label: str = text_()
    created_at: datetime = time_()
    expires_at: datetime = time_()
    audience: str = text_()
    download: bool
    names: bool
    most_uses: int | None
    uses: int
    last_used_at: datetime | None = time_()
    revoked_at: datetime | None = time_()
    revoked_by: str = text_()
    password_hash: str = text_()


class ShareRecordingTable(Row, table=True):
    __tablename__ = "share_recordings"
    share_id: str = part_of("shares.share_id", primary_key=True)
    position: int = Field(primary_key=True)
    recording_id: str = part_of("recordings.recording_id", index=True)


shares = table_of(ShareTable)
share_recordings = table_of(ShareRecordingTable)
