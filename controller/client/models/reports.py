"""The API's answers: reports. Drawn by ``python -m tests.client.draw_models``: do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from .base import Model

Grouping = Literal["day", "hour", "tenant", "user", "queue"]


class Sums(Model):
    """Of the calls that began in the period. Durations in milliseconds, `stored` in bytes. `missing`:
    tenant and kind of a call that the policy wanted recorded, and nothing can be heard."""

    calls: int | None = None
    answered: int | None = None
    talk_ms: int | None = None
    recordings: int | None = None
    recorded_ms: int | None = None
    stored: int | None = None
    pauses: int | None = None
    paused_ms: int | None = None
    longest_pause_ms: int | None = None
    missing: int | None = None


class Storage(Model):
    """Bytes of all files there are now, and of those that were added in the period."""

    now: int
    added: int


class ReportRow(Model):
    """`key`: a day as `2026-11-22`, an hour as `07`, a tenant, a user, a queue or ring group. `scope`
    says which of the last two it is. `tenant`: whose, "" for a day or an hour."""

    key: str
    sums: Sums
    tenant: str | None = None
    scope: str | None = None


class ReportView(Model):
    """`total` counts each call once, though it stands in the rows of several users."""

    by: Grouping
    since: datetime
    until: datetime
    zone: str
    total: Sums
    before: Sums
    storage: Storage
    rows: list[ReportRow]


class AuditView(Model):
    number: int
    at: datetime
    account: str
    tenant: str | None
    action: str
    subject: str
    detail: str
    address: str


Severity = Literal["warning", "critical"]


class AlarmView(Model):
    code: str
    severity: Severity
    text: str
    detail: str
    mend: str
    link: str
    tenant: str | None
    since: datetime | None


class SwitchView(Model):
    """`error` is for the system administrator only; it names hosts and ports."""

    name: str
    kind: str
    state: str
    since: datetime
    version: str
    error: str
    holder: str
