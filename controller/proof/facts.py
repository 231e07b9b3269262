"""What of a recording, and of a line of the audit, goes into the chain."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from ..engine.media_ports import FileRole
from ..engine.people import AuditEntry
from ..engine.reading import FileRow, PartyRow, PauseRow, RecordingDetail
from .canonical import clean, time_text
from .entry import DELETION, DISCARD, ORIGINALS, RECORDING, TRASH, Draft

#: The audit's actions that have a kind of their own; any other is a change.
_ACCESS = ("listen", "download", "share", "export", "evidence")
_DELETION = ("delet", "eras", "discard", "remove recording", "purge")
#: These sound like the end of a recording and are none: some of its files are given up
#: (catalog/encoding_rows.py, catalog/redacting.py), or it is in the trash (catalog/trash.py).
_NO_END = {"delete originals": ORIGINALS, "delete redacted": ORIGINALS, "trash recording": TRASH}
ACCESS, CHANGE, CONTROL, SIGN_IN = "access", "change", "control", "sign-in"

#: Made of the rest by the program, perhaps otherwise by a later one: sealed, and not compared.
DERIVED = frozenset({"channels"})

#: How the trace of an erasure names the entries whose content it takes out (catalog/erasing.py).
TAKEN_OUT = re.compile(r"taken out of the chain: ([0-9]+(?:, [0-9]+)*)$")

#: Files that can be made again of the others at any time, and may come out otherwise then.
_DRAWN = frozenset({str(FileRole.PEAKS)})

#: How the audit names a recording in its subject; the rest is the recording's id.
RECORDING_SUBJECT = "recording "


def recording_facts(detail: RecordingDetail) -> dict[str, Any]:
    """A recording as its tenant sees it: who, when, why, every pause, every file's hash. Not where the
    files lie: they may be moved."""
    row = detail.row
    return {
        "call": clean(row.call_id),
        "channels": None if detail.channels is None else [clean(side) for side in detail.channels],
        "direction": str(row.direction),
        "duration_ms": row.duration_ms,
        "ended_at": _time(row.ended_at),
        "files": [_file(f) for f in sorted(detail.files, key=_place) if f.role not in _DRAWN],
        "kind": row.kind,
        "media": row.media_state,
        "parties": [_party(p) for p in row.parties],
        "pauses": [_pause(p) for p in detail.pauses],
        "reason": clean(row.reason),
        "recording": row.recording_id,
        "rule": clean(detail.rule),
        "started_at": time_text(row.started_at),
        "tenant": clean(row.tenant),
    }


def is_facts(value: Any) -> bool:
    """Whether this names a recording's files as `recording_facts` does; the value may be anybody's."""
    if not isinstance(value, dict) or not isinstance(files := value.get("files"), list):
        return False
    return all(isinstance(f, dict) and set(f) >= {"format", "number", "role", "sha256"} for f in files)


def _party(party: PartyRow) -> dict[str, Any]:
    return {
        "calling": party.calling,
        "name": clean(party.name),
        "number": clean(party.number),
        "side": party.side,
        "tenant": party.tenant and clean(party.tenant),
        "user": party.user and clean(party.user),
    }


def _pause(pause: PauseRow) -> dict[str, Any]:
    return {
        "asked_at": time_text(pause.asked_at),
        "asked_by": clean(pause.asked_by),
        "effective_at": _time(pause.masked_at),
        "ended_at": _time(pause.ended_at),
        "ended_by": clean(pause.ended_by),
        "ended_means": pause.ended_means,
        "heard_again_at": _time(pause.unmasked_at),
        "means": pause.means,
        "pause": pause.pause_id,
    }


def _place(file: FileRow) -> tuple[str, int]:
    return file.role, file.number


def _file(file: FileRow) -> dict[str, Any]:
    return {
        "channels": file.channels,
        "duration_ms": file.duration_ms,
        "format": clean(file.format),
        "note": clean(file.note),
        "number": file.number,
        "repaired": file.repaired,
        "role": file.role,
        "sample_rate": file.sample_rate,
        "sha256": file.sha256,
        "size": file.size,
    }


def _time(at: datetime | None) -> str | None:
    return None if at is None else time_text(at)


def recording_draft(detail: RecordingDetail, source: str, marked_at: datetime) -> Draft:
    kind = DISCARD if detail.row.media_state == "discarded" else RECORDING
    at = detail.row.ended_at or detail.row.started_at
    return Draft(source, detail.row.recording_id, at, kind, recording_facts(detail), marked_at)


def audit_draft(entry: AuditEntry, source: str) -> Draft:
    subject = clean(entry.subject)
    payload = {
        "account": clean(entry.account),
        "action": clean(entry.action),
        "address": clean(entry.address),
        "detail": clean(entry.detail),
        "subject": subject,
    }
    about = subject.removeprefix(RECORDING_SUBJECT) if subject.startswith(RECORDING_SUBJECT) else subject
    return Draft(source, about, entry.at, kind_of(entry.action), payload)


def taken_out(content: dict[str, Any]) -> set[int]:
    """Numbers of the entries that this one, of a deletion, says may have lost their content."""
    payload = content["payload"]
    if content["kind"] != DELETION or not str(payload.get("action", "")).startswith("erase"):
        return set()
    found = TAKEN_OUT.search(str(payload.get("detail", "")))
    return {int(n) for n in found[1].split(", ")} if found else set()


def kind_of(action: str) -> str:
    """Which kind of entry a line of the audit becomes, by its action."""
    action = action.casefold()
    if action in _NO_END:
        return _NO_END[action]
    if any(word in action for word in _DELETION):
        return DELETION
    if any(action.startswith(word) for word in _ACCESS):
        return ACCESS
    if action.startswith(("sign-in", "sign-out")):
        return SIGN_IN
    return CONTROL if action.startswith("control") else CHANGE
