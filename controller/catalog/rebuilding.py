"""Rows as calls again: everything that a restarted controller must know of the calls that run."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.calls import Call, JourneyEntry, Leg
from ..core.captures import CaptureState
from ..core.commands import Layout
from ..core.decided import Decided
from ..core.media_kinds import Kind
from ..core.own_sounds import Played
from ..core.parties import Party, Side
from ..core.policy import Decision, Verdict
from ..core.recording import Pause, Recording, Segment
from ..core.requests import Means
from ..core.rules import PolicyScope, Route
from . import tables as t
from .sound_rows import played


async def open_calls(connection: AsyncConnection, switch: str) -> list[Call]:
    c = t.calls.c
    mine: Select[Any] = select(c.call_id).where(c.switch == switch, c.ended_at.is_(None))
    rows = await connection.execute(
        select(t.calls).where(c.switch == switch, c.ended_at.is_(None)).order_by(c.started_at, c.call_id)
    )
    calls = {row.call_id: _call(row) for row in rows}
    for row in await connection.execute(
        select(t.legs).where(t.legs.c.call_id.in_(mine)).order_by(t.legs.c.call_id, t.legs.c.position)
    ):
        if row.call_id in calls:
            calls[row.call_id].legs[row.leg_id] = _leg(row)
    for row in await connection.execute(
        select(t.events).where(t.events.c.call_id.in_(mine)).order_by(t.events.c.call_id, t.events.c.position)
    ):
        if row.call_id in calls:
            calls[row.call_id].journey.append(JourneyEntry(row.at, row.what, row.leg_id, row.detail))
    d = t.decisions.c
    for row in await connection.execute(
        select(t.decisions).where(d.call_id.in_(mine)).order_by(d.call_id, d.position)
    ):
        if row.call_id in calls:
            calls[row.call_id].decided.append(_decided(row))
    for recording in await _recordings(connection, mine):
        if recording.call_id in calls:
            calls[recording.call_id].recordings.append(recording)
    return list(calls.values())


async def _recordings(connection: AsyncConnection, calls: Select[Any]) -> list[Recording]:
    r, s, p = t.recordings, t.segments, t.pauses
    mine = select(r.c.recording_id).where(r.c.call_id.in_(calls))
    segments: dict[str, list[Segment]] = defaultdict(list)
    for row in await connection.execute(select(s).where(s.c.recording_id.in_(mine)).order_by(s.c.number)):
        segments[row.recording_id].append(_segment(row))
    pauses: dict[str, list[Pause]] = defaultdict(list)
    for row in await connection.execute(select(p).where(p.c.recording_id.in_(mine)).order_by(p.c.position)):
        pauses[row.recording_id].append(_pause(row))
    o = t.own_sounds
    sounds: dict[str, list[Played]] = defaultdict(list)
    for row in await connection.execute(select(o).where(o.c.recording_id.in_(mine)).order_by(o.c.position)):
        sounds[row.recording_id].append(played(row))
    rows = await connection.execute(
        select(r).where(r.c.call_id.in_(calls)).order_by(r.c.call_id, r.c.position, r.c.recording_id)
    )
    return [
        Recording(
            row.recording_id, row.call_id, row.tenant, Kind(row.kind), row.rule, row.reason,
            row.started_at, row.ended_at, segments[row.recording_id], pauses[row.recording_id],
            row.provisional, row.cut_pauses, row.beeped_at, row.cut_gaps,
            sounds[row.recording_id],
        )
        for row in rows
    ]  # fmt: skip


def _call(row: Any) -> Call:
    return Call(
        row.call_id,
        row.started_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        requested={(tenant, Kind(kind)) for tenant, kind in row.requested},
        stopped={(tenant, Kind(kind)) for tenant, kind in row.stopped},
        aliases=set(row.aliases),
    )


def _decided(row: Any) -> Decided:
    return Decided(
        row.at,
        row.bridge_id,
        row.tenant,
        Kind(row.kind),
        tuple(row.legs),
        Decision(Verdict(row.verdict), row.rule, row.reason),
    )


def _leg(row: Any) -> Leg:
    return Leg(
        leg_id=row.leg_id,
        party=Party(Side(row.side), row.tenant, row.user, row.number, row.name, row.trunk),
        started_at=row.started_at,
        calling=row.calling,
        dialled=row.dialled,
        address=row.address,
        video=row.video,
        recordable=row.recordable,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        cause=row.cause,
        held=row.held,
        bridge_id=row.bridge_id,
        aliases=set(row.aliases),
        routes=routes_of(row),
        seat=row.seat,
        announced={
            tenant: None if since is None else datetime.fromisoformat(since)
            for tenant, since in row.announced
        },
    )


def routes_of(leg: Any) -> tuple[Route, ...]:
    """What a leg came through, from its row."""
    return tuple(Route(PolicyScope(scope), name, tenant) for scope, name, tenant in leg.routes)


def _segment(row: Any) -> Segment:
    return Segment(
        capture_id=row.capture_id,
        number=row.number,
        leg_id=row.leg_id,
        bridge_id=row.bridge_id,
        path=row.path,
        kind=Kind(row.kind),
        requested_at=row.requested_at,
        state=CaptureState(row.state),
        opened_at=row.opened_at,
        closed_at=row.closed_at,
        cause=row.cause,
        blind=row.blind,
        close_attempts=row.close_attempts,
        own_voice_only=row.own_voice_only,
        layout=Layout(row.layout),
        far=tuple(row.far),
    )


def _pause(row: Any) -> Pause:
    return Pause(
        pause_id=row.pause_id,
        kind=Kind(row.kind),
        asked_at=row.asked_at,
        asked_by=row.asked_by,
        means=Means(row.means),
        masked_at=row.masked_at,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        ended_means=None if row.ended_means is None else Means(row.ended_means),
        unmasked_at=row.unmasked_at,
    )
