"""The shapes of the API's answers where they are not the read models themselves."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, Field

from ...engine.entry import SessionRow
from ...engine.reading import (
    Account,
    AuditEntry,
    CallRow,
    FileRow,
    Hidden,
    PauseRow,
    RecordingDetail,
    RecordingRow,
    Role,
    SegmentRow,
)
from .listing import Searched


class RecordingPage(Searched[RecordingRow]):
    """In the order asked for."""


class CallPage(Searched[CallRow]):
    """The newest first."""


class FileView(BaseModel):
    """A stored file. ``url`` fetches it; ``sha256`` is hex, of its bytes."""

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

    @classmethod
    def of(cls, recording_id: str, file: FileRow) -> FileView:
        return cls(
            role=file.role, number=file.number, format=file.format, size=file.size, sha256=file.sha256,
            duration_ms=file.duration_ms, channels=file.channels, sample_rate=file.sample_rate,
            repaired=file.repaired, note=file.note,
            url=f"/api/v1/recordings/{recording_id}/files/{file.role}/{file.number}",
        )  # fmt: skip


class RecordingView(BaseModel):
    """One recording with everything about it."""

    recording: RecordingRow
    rule: str = Field(description="The code of the rule because of which it was recorded.")
    pauses: list[PauseRow]
    segments: list[SegmentRow]
    files: list[FileView]
    channels: tuple[str, str] | None = Field(
        description="Who is on the left and on the right of a stereo recording."
    )
    playable: bool
    hidden: Hidden = Field(
        description="What not everybody may hear: `digits` (there is a file without them), `not_yet` (there "
        "is to be one), or nothing."
    )

    @classmethod
    def of(cls, detail: RecordingDetail) -> RecordingView:
        return cls(
            recording=detail.row,
            rule=detail.rule,
            pauses=list(detail.pauses),
            segments=list(detail.segments),
            files=[FileView.of(detail.row.recording_id, f) for f in detail.files],
            channels=detail.channels,
            playable=detail.playable is not None,
            hidden=detail.hidden,
        )


class AccountView(BaseModel):
    account_id: str
    login: str
    role: Role
    tenant: str | None
    extension: str | None
    disabled: bool
    groups: list[str] = Field(description="A supervisor's groups, by id.")
    second_factor: bool = Field(description="Whether one is set up.")

    @classmethod
    def of(cls, account: Account, groups: list[str], *, second_factor: bool) -> AccountView:
        return cls(
            account_id=account.account_id, login=account.login, role=account.role, tenant=account.tenant,
            extension=account.extension, disabled=account.disabled, groups=groups,
            second_factor=second_factor,
        )  # fmt: skip


class SessionView(BaseModel):
    session: str
    created_at: datetime
    last_used_at: datetime = Field(description="To the minute.")
    expires_at: datetime
    address: str
    device: str = Field(examples=["Firefox on Windows"])
    means: str = Field(examples=["password and code"])

    @classmethod
    def of(cls, row: SessionRow) -> SessionView:
        return cls(
            session=row.nonce, created_at=row.created_at, last_used_at=row.last_used_at,
            expires_at=row.expires_at, address=row.address, device=row.device, means=row.means,
        )  # fmt: skip


class AuditView(BaseModel):
    number: int = Field(description="Of the line; later ones are higher.")
    at: datetime
    account: str
    tenant: str | None
    action: str
    subject: str
    detail: str
    address: str

    @classmethod
    def of(cls, number: int, entry: AuditEntry) -> AuditView:
        return cls(
            number=number, at=entry.at, account=entry.account, tenant=entry.tenant, action=entry.action,
            subject=entry.subject, detail=entry.detail, address=entry.address,
        )  # fmt: skip


class SwitchView(BaseModel):
    """``error`` is for the system administrator only; it names hosts and ports."""

    name: str
    kind: str
    state: str
    since: datetime
    version: str
    error: str
    holder: str = Field(description="Which controller has it, where there are several; for the same.")
