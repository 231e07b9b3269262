"""The API's answers: people. Drawn by ``python -m tests.client.draw_models``: do not edit."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from .base import Model
from .common import Direction

Role = Literal["system_administrator", "tenant_administrator", "supervisor", "compliance_officer", "user"]


class AccountView(Model):
    account_id: str
    login: str
    role: Role
    tenant: str | None
    extension: str | None
    disabled: bool
    groups: list[str]
    second_factor: bool


class GroupView(Model):
    group_id: str
    tenant: str
    name: str
    users: list[str]
    queues: list[str]
    ring_groups: list[str]


Audience = Literal["public", "signed_in"]


class ShareView(Model):
    share_id: str
    tenant: str
    made_by: str
    label: str
    created_at: datetime
    expires_at: datetime
    audience: Audience
    download: bool
    names: bool
    password: bool
    most_uses: int | None
    uses: int
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str
    recordings: list[str]


class NewShare(Model):
    """`url` is shown this once; only a hash of its secret part is kept."""

    url: str
    about: ShareView


Setting = Literal["inherit", "off", "on", "require", "forbid"]

Mode = Literal["never", "always", "always_pause", "on_demand", "on_demand_start"]


class UserView(Model):
    tenant: str
    user: str
    name: str
    audio: Setting
    video: Setting
    directions: list[Direction]
    mode: Mode
    sample_percent: float


HookEvent = Literal[
    "recording.started",
    "recording.paused",
    "recording.resumed",
    "recording.completed",
    "recording.available",
    "recording.failed",
    "recording.deleted",
    "recording.restored",
    "recording.accessed",
    "webhook.test",
]


class WebhookView(Model):
    webhook_id: str
    tenant: str | None
    url: str
    label: str
    events: list[HookEvent]
    enabled: bool
    parallel: int
    created_at: datetime
    failures: int
    failing_since: datetime | None
    off_why: str
    public_key: str


class NewWebhook(Model):
    """`secret` is shown this once; it checks the `v1` signatures."""

    secret: str
    webhook: WebhookView
