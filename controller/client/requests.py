"""The API's operations as requests: what to send, and what comes back. Both clients send them.

What is not here is sent with `call`: ``client.call("PATCH", "tenants/acme.test", json={"audio": "on"})``.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from . import models as m
from .calling import Ask, at, model, nothing, plain

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """A page of a list; ``next`` is given as ``before`` for the following one. ``unfinished``: the search
    took too long and stopped before the page was full; it goes on with ``next``."""

    items: list[T]
    next: str | None
    unfinished: bool = False


def recordings(**where: Any) -> Ask[Page[m.RecordingRow]]:
    """Filters as in the reference: ``q``, ``party``, ``since``, ``until``, ``tag``, ``sort``, …"""
    return Ask("GET", at("recordings"), model(Page[m.RecordingRow]), where)


def recording(recording_id: str) -> Ask[m.RecordingView]:
    return Ask("GET", at("recordings", recording_id), model(m.RecordingView))


def notes_and_tags(recording_id: str) -> Ask[m.Annotations]:
    return Ask("GET", at("recordings", recording_id, "annotations"), model(m.Annotations))


def transcript(recording_id: str) -> Ask[m.SpokenTranscript]:
    return Ask("GET", at("recordings", recording_id, "transcript"), model(m.SpokenTranscript))


def delete_recording(recording_id: str, why: str = "by a script") -> Ask[None]:
    return Ask("DELETE", at("recordings", recording_id), nothing, {"why": why})


def add_tag(recording_id: str, tag: str) -> Ask[None]:
    return Ask("PUT", at("recordings", recording_id, "tags", tag), nothing)


def remove_tag(recording_id: str, tag: str) -> Ask[None]:
    return Ask("DELETE", at("recordings", recording_id, "tags", tag), nothing)


def add_note(recording_id: str, text: str) -> Ask[m.Annotations]:
    return Ask("POST", at("recordings", recording_id, "notes"), model(m.Annotations), json={"text": text})


def change_many(
    action: str, recording_ids: Sequence[str], value: str = "", *, preview: bool = False
) -> Ask[m.BulkView]:
    body = {"action": action, "recordings": list(recording_ids), "value": value, "preview": preview}
    return Ask("POST", at("recordings", "bulk"), model(m.BulkView), json=body)


def calls(**where: Any) -> Ask[Page[m.CallRow]]:
    return Ask("GET", at("calls"), model(Page[m.CallRow]), where)


def call(call_id: str) -> Ask[m.CallDetail]:
    return Ask("GET", at("calls", call_id), model(m.CallDetail))


def live_calls(**where: Any) -> Ask[Page[m.LiveCall]]:
    return Ask("GET", at("live"), model(Page[m.LiveCall]), where)


def control(name: str, operation: str) -> Ask[m.ControlView]:
    """``name``: our call id, the switch's id of a leg, or the SIP Call-ID."""
    body, params = {"operation": operation}, {"name": name}
    return Ask("POST", at("live", "recording"), model(m.ControlView), params, body)


def shares(*, everybody: bool = False, **where: Any) -> Ask[Page[m.ShareView]]:
    path = at("shares", "all") if everybody else at("shares")
    return Ask("GET", path, model(Page[m.ShareView]), where)


def share(recording_ids: Sequence[str], expires_at: datetime, **more: Any) -> Ask[m.NewShare]:
    """``more``: ``label``, ``audience`` (signed_in, public), ``download``, ``names``, ``most_uses``,
    ``password``."""
    body = {"recordings": list(recording_ids), "expires_at": expires_at.isoformat(), **more}
    return Ask("POST", at("shares"), model(m.NewShare), json=body)


def revoke_share(share_id: str, *, everybody: bool = False) -> Ask[None]:
    path = at("shares", "all", share_id) if everybody else at("shares", share_id)
    return Ask("DELETE", path, nothing)


def audit(**where: Any) -> Ask[Page[m.AuditView]]:
    return Ask("GET", at("audit"), model(Page[m.AuditView]), where)


def report(**where: Any) -> Ask[m.ReportView]:
    """``by`` (day, hour, user, queue, …), ``since``, ``until``, ``zone``."""
    return Ask("GET", at("reports"), model(m.ReportView), where)


def report_csv(**where: Any) -> Ask[bytes]:
    return Ask("GET", at("reports", "csv"), plain, where)


def users(**where: Any) -> Ask[Page[m.UserView]]:
    return Ask("GET", at("users"), model(Page[m.UserView]), where)


def groups(**where: Any) -> Ask[Page[m.GroupView]]:
    return Ask("GET", at("groups"), model(Page[m.GroupView]), where)


def create_group(tenant: str, name: str, **members: list[str]) -> Ask[m.GroupView]:
    """``members``: ``users``, ``queues``, ``ring_groups``."""
    return Ask("POST", at("tenants", tenant, "groups"), model(m.GroupView), json={"name": name, **members})


def delete_group(tenant: str, group_id: str) -> Ask[None]:
    return Ask("DELETE", at("tenants", tenant, "groups", group_id), nothing)


def accounts(**where: Any) -> Ask[Page[m.AccountView]]:
    return Ask("GET", at("accounts"), model(Page[m.AccountView]), where)


def me() -> Ask[m.AccountView]:
    return Ask("GET", at("me"), model(m.AccountView))


def webhooks(**where: Any) -> Ask[Page[m.WebhookView]]:
    return Ask("GET", at("webhooks"), model(Page[m.WebhookView]), where)


def create_webhook(url: str, **more: Any) -> Ask[m.NewWebhook]:
    return Ask("POST", at("webhooks"), model(m.NewWebhook), json={"url": url, **more})


def switches(**where: Any) -> Ask[Page[m.SwitchView]]:
    return Ask("GET", at("switches"), model(Page[m.SwitchView]), where)


def alarms(**where: Any) -> Ask[Page[m.AlarmView]]:
    return Ask("GET", at("alarms"), model(Page[m.AlarmView]), where)
