"""Calls as rows. Reads everything from the mutable calls at once, so that no await comes between."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from ..core.calls import Call, Leg
from ..core.direction import direction_of
from ..core.own_sounds import lead_of
from ..core.recording import Recording
from ..core.timeline import TimeLine
from ..engine.media_ports import MediaState
from ..engine.reading import TenantSettings, UserSettings
from .columns import name_key
from .policy_rows import tenant_row, user_row
from .searching import search_texts
from .timeline import cuts_of, gaps_of, milliseconds
from .views import came_through, viewers

Row = dict[str, Any]


@dataclass(slots=True)
class Rows:
    """Rows for each table, in the order in which they may be written."""

    tenants: list[Row] = field(default_factory=list)
    users: list[Row] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)
    views: list[Row] = field(default_factory=list)
    routes: list[Row] = field(default_factory=list)
    legs: list[Row] = field(default_factory=list)
    events: list[Row] = field(default_factory=list)
    decisions: list[Row] = field(default_factory=list)
    recordings: list[Row] = field(default_factory=list)
    segments: list[Row] = field(default_factory=list)
    pauses: list[Row] = field(default_factory=list)
    own_sounds: list[Row] = field(default_factory=list)


def rows_of(switch: str, call: Call, now: datetime) -> Rows:
    """Everything that the catalog keeps of a call."""
    rows = Rows(calls=[_call(switch, call)])
    call_id, legs = call.call_id, list(call.legs.values())
    seen = sorted({*viewers(legs), *((r.tenant, "") for r in call.recordings)})
    for tenant, user in seen:
        if user:
            rows.users.append(user_row(UserSettings(tenant, user), now))
        else:
            rows.tenants.append(tenant_row(TenantSettings(tenant), now))
        rows.views.append(
            {
                "call_id": call_id,
                "tenant": name_key(tenant),
                "user": name_key(user),
                "started_at": call.started_at,
                "direction": str(direction_of(legs, tenant)),
            }
        )
    rows.routes = [
        {"call_id": call_id, "tenant": name_key(tenant), "scope": str(scope), "name": name_key(name)}
        for tenant, scope, name in came_through(legs, [tenant for tenant, user in seen if not user])
    ]
    rows.legs = [_leg(call_id, n, leg) for n, leg in enumerate(legs)]
    rows.events = [
        {
            "call_id": call_id,
            "position": n,
            "at": e.at,
            "what": e.what,
            "leg_id": e.leg_id,
            "detail": e.detail,
        }
        for n, e in enumerate(call.journey)
    ]
    rows.decisions = [
        {
            "call_id": call_id,
            "position": n,
            "at": d.at,
            "bridge_id": d.bridge_id,
            "tenant": d.tenant,
            "kind": str(d.kind),
            "legs": list(d.legs),
            "verdict": str(d.decision.verdict),
            "rule": str(d.decision.rule),
            "reason": d.decision.reason,
        }
        for n, d in enumerate(call.decided)
    ]
    for n, recording in enumerate(call.recordings):
        rows.recordings.append(_recording(switch, call, n, recording, now))
        rows.segments += _segments(recording)
        rows.pauses += _pauses(recording)
        rows.own_sounds += _own_sounds(recording)
    return rows


def together(each: Iterable[Rows]) -> Rows:
    """The rows of several calls.

    Those that two calls share come once and in order: two processes that write the same tenants
    then lock them in the same order, and neither waits for the other in a circle.
    """
    batch = Rows()
    for rows in each:
        for part in fields(Rows):
            getattr(batch, part.name).extend(getattr(rows, part.name))
    batch.tenants = _once(batch.tenants, "tenant")
    batch.users = _once(batch.users, "tenant", "user")
    return batch


def _once(rows: list[Row], *key: str) -> list[Row]:
    found = {tuple(row[k] for k in key): row for row in rows}
    return [found[k] for k in sorted(found)]


def _call(switch: str, call: Call) -> Row:
    return {
        "call_id": call.call_id,
        "switch": switch,
        "started_at": call.started_at,
        "answered_at": call.answered_at,
        "ended_at": call.ended_at,
        "talk_ms": milliseconds(call.answered_at, call.ended_at),
        "direction": str(direction_of(call.legs.values())),
        "requested": _keys(call.requested),
        "stopped": _keys(call.stopped),
        "aliases": sorted(call.aliases),
    }


def _keys(keys: Iterable[tuple[str, str]]) -> list[list[str]]:
    return sorted([name_key(tenant), str(kind)] for tenant, kind in keys)


def _leg(call_id: str, position: int, leg: Leg) -> Row:
    party = leg.party
    search, search_number = search_texts(party.number, party.name, party.user or "", leg.dialled)
    return {
        "call_id": call_id,
        "position": position,
        "leg_id": leg.leg_id,
        "side": str(party.side),
        "tenant": party.tenant,
        "user": party.user,
        "number": party.number,
        "name": party.name,
        "trunk": party.trunk,
        "calling": leg.calling,
        "dialled": leg.dialled,
        "address": leg.address,
        "video": leg.video,
        "recordable": leg.recordable,
        "started_at": leg.started_at,
        "answered_at": leg.answered_at,
        "ended_at": leg.ended_at,
        "cause": leg.cause,
        "held": leg.held,
        "bridge_id": leg.bridge_id,
        "aliases": sorted(leg.aliases),
        "routes": [[str(r.scope), name_key(r.name), r.tenant and name_key(r.tenant)] for r in leg.routes],
        "seat": leg.seat,
        "announced": [
            [name_key(tenant), since and since.isoformat()] for tenant, since in leg.announced.items()
        ],
        "search": search,
        "search_number": search_number,
    }


def _recording(switch: str, call: Call, position: int, recording: Recording, now: datetime) -> Row:
    return {
        "recording_id": recording.recording_id,
        "call_id": call.call_id,
        "position": position,
        "switch": switch,
        "tenant": recording.tenant,
        "kind": str(recording.kind),
        "rule": str(recording.rule),
        "reason": recording.reason,
        "started_at": recording.started_at,
        "ended_at": recording.ended_at,
        "provisional": recording.provisional,
        "cut_pauses": recording.cut_pauses,
        "cut_gaps": recording.cut_gaps,
        "beeped_at": recording.beeped_at,
        "span_ms": _span_ms(recording),
        "direction": str(direction_of(call.legs.values(), recording.tenant)),
        "media_state": str(MediaState.SPOOLED),
        "media_ms": 0,
        "media_error": "",
        "media_at": now,
        "deleted_at": None,
    }


def _span_ms(recording: Recording) -> int:
    """From its first capture's begin, or the announcement in front of it, to its last one's end, without the
    pauses that are cut."""
    began = [s.opened_at for s in recording.segments if s.opened_at]
    ended = [s.closed_at for s in recording.segments if s.opened_at and s.closed_at]
    if recording.ended_at is None or not began or not ended:
        return 0
    cuts = cuts_of(recording, recording.segments, recording.pauses)
    gaps = gaps_of(recording, recording.segments, recording.pauses)
    zero = min(began) - lead_of(recording.sounds, min(began))
    return TimeLine(zero, cuts, gaps).ms(max(ended))


#: What belongs to the media pipeline and to the trash: written when a recording's row is made, never after.
MEDIA_COLUMNS = frozenset({"media_state", "media_ms", "media_error", "media_at", "deleted_at", "size"})


def _segments(recording: Recording) -> list[Row]:
    return [
        {
            "capture_id": s.capture_id,
            "recording_id": recording.recording_id,
            "number": s.number,
            "leg_id": s.leg_id,
            "bridge_id": s.bridge_id,
            "path": s.path,
            "kind": str(s.kind),
            "requested_at": s.requested_at,
            "state": str(s.state),
            "opened_at": s.opened_at,
            "closed_at": s.closed_at,
            "cause": s.cause,
            "blind": s.blind,
            "close_attempts": s.close_attempts,
            "own_voice_only": s.own_voice_only,
            "layout": str(s.layout),
            "far": list(s.far),
        }
        for s in recording.segments
    ]


def _pauses(recording: Recording) -> list[Row]:
    return [
        {
            "pause_id": p.pause_id,
            "recording_id": recording.recording_id,
            "position": n,
            "kind": str(p.kind),
            "asked_at": p.asked_at,
            "asked_by": p.asked_by,
            "means": str(p.means),
            "masked_at": p.masked_at,
            "ended_at": p.ended_at,
            "ended_by": p.ended_by,
            "ended_means": None if p.ended_means is None else str(p.ended_means),
            "unmasked_at": p.unmasked_at,
        }
        for n, p in enumerate(recording.pauses)
    ]


def _own_sounds(recording: Recording) -> list[Row]:
    return [
        {
            "recording_id": recording.recording_id,
            "position": n,
            "at": s.at,
            "sound": str(s.sound),
            "legs": list(s.legs),
            "until": s.until,
            "file": s.file,
        }
        for n, s in enumerate(recording.sounds)
    ]


def targets(merged: Mapping[str, str]) -> dict[str, str]:
    """Each merged call's last successor: what a → b → c says is a → c and b → c."""
    found: dict[str, str] = {}
    for gone in merged:
        keep, passed = merged[gone], {gone}
        while keep in merged and keep not in passed:
            passed.add(keep)
            keep = merged[keep]
        if keep not in passed:
            found[gone] = keep
    return found
