"""Rows as the read models show them, each party through the gate."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Select, and_, bindparam, case, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.direction import Direction
from ..core.retention import covering
from ..engine.media_ports import FileRole
from ..engine.reading import CallRow, DeletionRow, LegRow, PartyRow, RecordingRow
from . import tables as t
from .columns import Text
from .gate import Gate
from .kept_rows import holds_of, kept_of


async def recording_rows(connection: AsyncConnection, gate: Gate, rows: Sequence[Any]) -> list[RecordingRow]:
    legs = by_call(await parties_of(connection, [row.call_id for row in rows]))
    deleted = await _deletions(connection, [row.recording_id for row in rows if row.deleted_at is not None])
    more = await _beside(connection, rows)
    return [
        RecordingRow(
            recording_id=row.recording_id,
            call_id=row.call_id,
            tenant=row.tenant,
            kind=row.kind,
            direction=Direction(row.direction),
            started_at=row.started_at,
            ended_at=row.ended_at,
            duration_ms=row.media_ms or row.span_ms,
            media_state=row.media_state,
            reason=row.reason,
            parties=_parties(gate, legs[row.call_id]),
            pauses=more.pauses.get(row.recording_id, 0),
            error=row.media_error,
            provisional=row.provisional,
            deletion=deleted.get(row.recording_id),
            size=row.size,
            format=more.formats.get(row.recording_id, ""),
            tags=tuple(more.tags[row.recording_id]),
            notes=more.notes.get(row.recording_id, 0),
            holds=more.holds.get(row.recording_id, ()),
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class _Beside:
    """What else a list says of its recordings, by their ids."""

    formats: dict[str, str]
    tags: dict[str, list[str]]
    notes: dict[str, int]
    pauses: dict[str, int]
    holds: dict[str, tuple[str, ...]]


def _each(what: str, of: Any, text: Any, count: Any) -> Select[Any]:
    columns = (literal(what, Text()), of, text, count)
    return select(*(c.label(f"k{m}") for m, c in enumerate(columns))).where(of.in_(_IDS))


#: Made once, as is every statement of a list below: to make one anew for each page takes as long as the
#: database takes to answer it.
_IDS = bindparam("ids", expanding=True, type_=Text())
_TAG, _NOTE, _FILE, _PAUSE = t.tags.c, t.notes.c, t.files.c, t.pauses.c
_ENCODED, _WHOLE = str(FileRole.ENCODED), [str(FileRole.ENCODED), str(FileRole.RENDITION)]
_NOTHING = literal("", Text())
# One statement: a list's time goes into asking more than into finding.
_BESIDE = union_all(
    _each("tag", _TAG.recording_id, _TAG.tag, literal(1)),
    # The format that is downloaded.
    _each("format", _FILE.recording_id, _FILE.format, case((_FILE.role == _ENCODED, 2), else_=1)).where(
        _FILE.role.in_(_WHOLE)
    ),
    _each("note", _NOTE.recording_id, _NOTHING, func.count()).group_by(_NOTE.recording_id),
    _each("pause", _PAUSE.recording_id, _NOTHING, func.count()).group_by(_PAUSE.recording_id),
)


async def _beside(connection: AsyncConnection, rows: Sequence[Any]) -> _Beside:
    ids = [row.recording_id for row in rows]
    found = _Beside({}, defaultdict(list), {}, {}, await _holds(connection, rows))
    for what, recording_id, text, count in (await connection.execute(_BESIDE, {"ids": ids})) if ids else ():
        if what == "tag":
            found.tags[recording_id].append(text)
        elif what == "format":
            if count == 2 or recording_id not in found.formats:
                found.formats[recording_id] = text
        else:
            (found.notes if what == "note" else found.pauses)[recording_id] = count
    for tags in found.tags.values():
        tags.sort()
    return found


async def _holds(connection: AsyncConnection, rows: Sequence[Any]) -> dict[str, tuple[str, ...]]:
    holds = await holds_of(connection, {row.tenant for row in rows})
    if not holds:
        return {}
    # The time only says where one that goes on ends, which no standing hold asks for but by "since".
    kept = await kept_of(connection, rows, datetime.max.replace(tzinfo=UTC))
    return {k.recording_id: tuple(hold.name for hold in covering(k, holds)) for k in kept}


async def _deletions(connection: AsyncConnection, ids: Sequence[str]) -> dict[str, DeletionRow]:
    d = t.deletions.c
    query = select(
        d.recording_id, d.deleted_at, d.deleted_by, d.why, d.purge_at, d.state, d.error
    ).where(d.recording_id.in_(ids))  # fmt: skip
    if not ids:
        return {}
    return {row[0]: DeletionRow(*row[1:]) for row in await connection.execute(query)}


@dataclass(frozen=True, slots=True)
class Counted:
    """A call's recordings: how many there are, and of how many nothing but the trace is."""

    there: int
    not_kept: int


NONE = Counted(0, 0)


def counted(rows: Sequence[RecordingRow]) -> Counted:
    not_kept = sum(bool(row.trace) for row in rows)
    return Counted(len(rows) - not_kept, not_kept)


async def recording_counts(
    connection: AsyncConnection, gate: Gate, call_ids: Sequence[str]
) -> dict[str, Counted]:
    r = t.recordings.c
    # Of one that is not kept the trace alone is there, as RecordingRow.trace says it.
    gone = or_(and_(r.provisional.is_(True), r.ended_at.is_not(None)), r.deleted_at.is_not(None))
    trace = case((gone, 1), else_=0)
    found = await connection.execute(
        select(r.call_id, func.count(), func.sum(trace))
        .where(r.call_id.in_(call_ids), gate.recordings())
        .group_by(r.call_id)
    )
    return {call_id: Counted(count - traces, traces) for call_id, count, traces in found}


_LEG = t.legs.c
_LEGS = select(t.legs).where(_LEG.call_id.in_(_IDS)).order_by(_LEG.call_id, _LEG.position)
# Of the legs what a list shows; most of a leg's columns are for the call's own page.
_PARTIES = _LEGS.with_only_columns(
    _LEG.call_id, _LEG.side, _LEG.tenant, _LEG.user, _LEG.number, _LEG.name, _LEG.calling, _LEG.seat,
    _LEG.recordable,
)  # fmt: skip


async def legs_of(connection: AsyncConnection, call_ids: Iterable[str]) -> Sequence[Any]:
    return (await connection.execute(_LEGS, {"ids": list(dict.fromkeys(call_ids))})).all()


async def parties_of(connection: AsyncConnection, call_ids: Iterable[str]) -> Sequence[Any]:
    """The legs of which `RecordingRow` and `CallRow` show something, with no more than that of each."""
    return (await connection.execute(_PARTIES, {"ids": list(dict.fromkeys(call_ids))})).all()


def by_call(rows: Iterable[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.call_id].append(row)
    return found


def call_row(gate: Gate, row: Any, legs: Sequence[Any], recordings: Counted) -> CallRow:
    return CallRow(
        call_id=row.call_id,
        switch=row.switch,
        direction=Direction(row.direction),
        started_at=row.started_at,
        answered_at=row.answered_at,
        ended_at=row.ended_at,
        duration_ms=row.talk_ms,
        parties=_parties(gate, legs),
        recordings=recordings.there,
        not_kept=recordings.not_kept,
    )


def _parties(gate: Gate, legs: Sequence[Any]) -> tuple[PartyRow, ...]:
    """Without the switch's own half-legs (Asterisk's Local/), which are nobody."""
    people = [leg for leg in legs if leg.recordable] or legs
    return tuple(gate.party(leg) for leg in people)


def leg_row(gate: Gate, leg: Any) -> LegRow:
    return LegRow(
        leg_id=leg.leg_id,
        party=gate.party(leg),
        started_at=leg.started_at,
        answered_at=leg.answered_at,
        ended_at=leg.ended_at,
        cause=leg.cause,
        dialled=leg.dialled,
        routes=gate.routes(leg),
    )
