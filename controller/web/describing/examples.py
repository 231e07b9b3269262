"""An example for every schema of the description, made of values that could be real.

A member's value is looked up by the schema's and the member's name, then by the member's alone; what is
not there is made of the schema (an enumeration's first, a date, a nested example). A test checks each
example against its schema, so that a changed schema cannot keep a wrong one.
"""

from __future__ import annotations

from typing import Any

AT, LATER = "2026-11-22T09:00:00Z", "2026-12-22T09:00:00Z"
_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

#: By "Schema.member" or "member".
VALUES: dict[str, Any] = {
    "account": "ada@example.org", "account_id": "01JDA9V4M7N0T2Q5X8Z1B3C6D9", "action": "listen",
    "address": "192.0.2.10", "announcement": "", "asked_by": "101", "by": "ada@example.org",
    "call_id": "01JDA8QXW3F5H7K9M1P3R5T7V9", "callee": "102", "caller": "+4930123456",
    "cause": "NORMAL_CLEARING", "channel": 0, "code": "switch.down", "codes": ["abcd-efgh-ijkl-mnop"],
    "columns": ["duration", "tags"], "created_at": AT, "created_by": "ada@example.org",
    "current": "the old long passphrase", "detail": "", "device": "Firefox on Windows", "digest": _HASH,
    "direction": "inbound", "duration_ms": 184200, "engine": "faster-whisper", "ended_by": "101", "error": "",
    "expires_at": LATER, "extension": "101", "format": "wav", "group_id": "01JDA9XK2B4D6F8H0J2L4N6P8R",
    "groups": ["01JDA9XK2B4D6F8H0J2L4N6P8R"], "hash": _HASH, "hold_id": "01JDAA1C3E5G7I9K1M3O5Q7S9U",
    "key": _HASH, "kind": "audio", "label": "CRM", "language": "en",
    "leg_id": "7c5c1a7e-9a0f-4b7e-8a54-1f6d1c6c2d11", "link": "/switches", "login": "ada@example.org",
    "made_by": "ada@example.org", "means": "api", "message_id": "msg_4b1f0f6d2a7c4d8e9b3a5c7d9e1f3a5b",
    "mend": "Look at the switch, then run tapeline doctor.", "name": "Sales", "next": None, "node": "",
    "note_id": "01JDAA7J9L1N3P5R7T9V1X3Z5B", "number": 1, "operation": "pause-audio-recording",
    "owner": "ada@example.org", "parties": [], "password": "correct horse battery staple", "person": "101",
    "public_key": "whpk_lK9mT0s3q5u7w9y1A3C5E7G9I1K3M5O7Q9S1U3W5Y7Z9",
    "query": "direction=inbound&duration=300-", "queues": ["sales"],
    "reason": "The tenant records its users' calls.", "recorder_file_format": None,
    "recording_id": "01JDA8R2Z4B6D8F0H2K4M6P8R0", "recordings": ["01JDA8R2Z4B6D8F0H2K4M6P8R0"],
    "ring_groups": ["support"], "role": "supervisor", "rule": "tenant.on", "sample_percent": 100.0,
    "sample_rate": 8000, "scope": "queue", "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "session": "Yx2qf8mJr0a4", "sha256": _HASH, "share_id": "01JDAACV4X6Z8B0D2F4H6K8M0P", "size": 2947244,
    "signature": _HASH + _HASH, "started_at": AT, "status": 200, "switch": "pbx", "tag": "vip",
    "tenant": "acme.test", "text": "Good morning, Acme, what can I do for you?",
    "token": "tl_2kS9w4Qx7Zt1Vb5Nf8Hj3Ly6", "token_id": "01JDAAH1J3L5N7P9R1T3V5X7Z9", "trunk": "carrier",
    "uri": "otpauth://totp/Tapeline:ada?secret=JBSWY3DP", "url": "https://crm.example.org/hooks/tapeline",
    "user": "101", "users": ["101", "102"], "value": "vip", "version": "FreeSWITCH 1.10.12",
    "view_id": "01JDAAMQ6S8U0W2Y4A6C8E0G2J", "webhook_id": "01JDAARB8D0F2H4J6L8N0P2R4T", "when": AT,
    "who": "101", "why": "The retention is over.", "word": "", "zone": "Europe/Berlin",
    "side": "internal", "media_state": "available", "pause_id": "01JDA8S5C7E9G1I3K5M7O9Q1S3",
    "capture_id": "01JDA8R2Z4B6D8F0H2K4M6P8R0.1", "request_id": "01JDA8T0D2F4H6J8L0N2P4R6T8",
    "playable": True,
    "masked_at": AT, "unmasked_at": "2026-11-22T09:00:21Z", "ended_at": "2026-11-22T09:03:04Z",
    "to_ms": 21000,
    "confirmed": True, "ended_means": "api", "channels": ["101", "+4930123456"],
    "closed_at": "2026-11-22T09:03:04Z",
    "until": LATER, "purge_at": LATER, "next_at": LATER,
    # Where the same word means another thing, or has another shape.
    "AccountBody.role": "user", "AccountChanges.role": "supervisor", "AccountView.role": "user",
    "ApiToken.scopes": ["see_calls", "download"],
    "BulkBody.recordings": ["01JDA8R2Z4B6D8F0H2K4M6P8R0"], "BulkView.refused": {}, "CallRow.recordings": 1,
    "CallRow.parties": ..., "RecordingRow.parties": ..., "CodeBody.code": "123456",
    "ColumnsView.offered": {"duration": "Duration", "tags": "Tags and notes"}, "DeletionRow.state": "trashed",
    "DeliveryView.status": 204, "DeliveryView.number": 17, "Fault.where": "query.limit",
    "FileView.role": "rendition", "FileView.number": 0, "HoldRow.name": "Case 2026-17",
    "HoldBody.name": "Case 2026-17",
    "FileView.url": "/api/v1/recordings/01JDA8R2Z4B6D8F0H2K4M6P8R0/files/rendition/0",
    "HoldRow.recordings": 2, "HoldRow.reason": "A court has asked for it.",
    "HoldBody.reason": "A court has asked for it.", "ImaginedParty.number": "101", "LiveCall.parties": ...,
    "LiveCall.recordings": ..., "NewShare.url": "https://rec.example.org/s/Zk3v9Qw1",
    "NewFactor.secret": "JBSWY3DPEHPK3PXP", "NoteBody.text": "The customer rings again on Monday.",
    "NoteRow.text": "Rings again on Monday.",
    "OptionsBody.codes": {"pause-recording": "*1", "resume-recording": "*2"}, "PartyRow.number": "101",
    "ErasureView.word": "", "ProblemBody.status": 404, "ProblemBody.title": "Not Found",
    "ProblemBody.detail": "There is no such recording.", "ProblemBody.errors": [],
    "ProblemBody.type": "about:blank", "RetentionBody.scope": "tenant", "RetentionBody.name": "",
    "RetentionBody.delete_after_days": 365, "RetentionRule.scope": "tenant", "RetentionRule.name": "",
    "RouteRuleBody.directions": ["inbound"], "ShareBody.password": "", "ReportRow.key": "2026-11-22",
    "Route.scope": "queue", "Route.name": "sales", "SwitchView.name": "pbx", "SwitchView.kind": "freeswitch",
    "SealView.number": 128, "TokenBody.label": "nightly export",
    "TokenBody.scopes": ["see_calls", "download"], "UserBody.name": "Ada", "UserView.name": "Ada",
    "ViewBody.name": "Long calls of sales", "ViewView.name": "Long calls of sales",
    "WebhookBody.events": ["recording.available"], "WebhookView.events": ["recording.available"],
    "DiskUseView.a_minute": 1936209.0, "CallDetail.recordings": ..., "RecordingRow.deletion": None,
    "FileView.channels": 2,
    "SegmentRow.state": "ended", "LiveRecording.state": "recording",
    "OptionsBody.share_links": "private", "LiveParty.number": "101",
    "AuditView.number": 4711,
    "AuditView.subject": "recording 01JDA8R2Z4B6D8F0H2K4M6P8R0", "SaidView.subject": "queue sales",
    "StepView.name": "collect", "RecordingRow.notes": 1, "RecordingRow.tags": ["vip"],
    "RecordingRow.holds": [], "RecordingRow.pauses": 1, "RecordingRow.hits": [],
    "GroupBody.name": "Support, first line", "GroupView.name": "Support, first line",
    "WebhookBody.tenant": None, "ConfirmBody.digest": _HASH, "AccountBody.tenant": "acme.test",
    "JobView.error": "",
}  # fmt: skip


def add_examples(schemas: dict[str, Any]) -> None:
    """Gives each schema of the components its ``examples``."""
    for name, schema in schemas.items():
        schema["examples"] = [example(name, schema, schemas)]


def example(name: str, schema: dict[str, Any], schemas: dict[str, Any], depth: int = 0) -> Any:
    if "properties" not in schema:
        return _value(name, "", schema, schemas, depth)
    return {
        member: _member(name, member, about, schemas, depth) for member, about in schema["properties"].items()
    }


def _member(owner: str, member: str, about: dict[str, Any], schemas: dict[str, Any], depth: int) -> Any:
    whole = f"{owner}.{member}"
    if VALUES.get(whole, ...) is not ...:
        return VALUES[whole]
    if whole not in VALUES and member in VALUES and _fits(VALUES[member], about, schemas):
        return VALUES[member]
    return _value(owner, member, about, schemas, depth)


def _fits(value: Any, about: dict[str, Any], schemas: dict[str, Any]) -> bool:
    """Whether it is of one of the types that the schema takes, as far as that is simple to say."""
    about = _resolved(about, schemas)
    if "anyOf" in about:
        return any(_fits(value, one, schemas) for one in about["anyOf"])
    if "enum" in about:
        return value in about["enum"]
    if "const" in about:
        return bool(value == about["const"])
    kinds: dict[str, Any] = {
        "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list,
        "object": dict, "null": type(None),
    }  # fmt: skip
    kind = kinds.get(about.get("type", ""))
    if kind is None or not isinstance(value, kind) or isinstance(value, bool) != (about["type"] == "boolean"):
        return False
    if isinstance(value, list):
        return all(_fits(one, about.get("items", {}), schemas) for one in value)
    if about.get("format") == "date-time":
        return str(value)[:2] == "20"
    return about.get("minLength", 0) <= len(value) if isinstance(value, str) else True


def _value(owner: str, member: str, about: dict[str, Any], schemas: dict[str, Any], depth: int) -> Any:
    if "$ref" in about:
        name = about["$ref"].rpartition("/")[2]
        return None if depth > 6 else example(name, schemas[name], schemas, depth + 1)
    for key in ("const", "default"):
        if key in about:
            return about[key]
    if "enum" in about:
        return about["enum"][0]
    if about.get("examples"):
        return about["examples"][0]
    if "anyOf" in about:
        kinds = [one for one in about["anyOf"] if one.get("type") != "null"]
        return _value(owner, member, kinds[0], schemas, depth)
    kind = about.get("type")
    if kind == "array":
        if "prefixItems" in about:
            return [_value(owner, member, one, schemas, depth) for one in about["prefixItems"]]
        return [_value(owner, member, about.get("items", {}), schemas, depth)]
    if kind == "object":
        more = about.get("additionalProperties")
        if not isinstance(more, dict):
            return {}
        names = _resolved(about.get("propertyNames", {}), schemas).get("enum", ["x"])
        return {names[0]: _value(owner, member, more, schemas, depth)}
    if kind == "string":
        return AT if about.get("format") == "date-time" else "x" * about.get("minLength", 0)
    least = about.get("minimum", 0)
    return {"integer": int(least), "number": float(least), "boolean": False}.get(str(kind))


def _resolved(about: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in about:
        about = schemas[about["$ref"].rpartition("/")[2]]
    return about
