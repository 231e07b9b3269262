"""Lists and details of recordings and calls, each through the gate (engine.reading.CatalogReader)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select

from ..core.retention import Hold
from ..engine.reading import (
    CallDetail,
    CallRow,
    DecisionRow,
    JourneyRow,
    Page,
    RecordingDetail,
    RecordingFilter,
    RecordingRow,
    Scope,
    SegmentRow,
)
from . import paging, rare_calls, walking
from . import tables as t
from .channels import in_turns, sides_of
from .columns import Text
from .conditions import conditions, conditions_of_calls, party_in
from .gate import CallsSeen, Gate
from .kept_rows import holds_seen
from .missing import decided_by, recorded_is
from .narrowing import narrowed, narrowed_calls, nothing_fits
from .ordering import LENGTH, check_key, key_of, ordered, reached
from .presenting import (
    NONE,
    by_call,
    call_row,
    counted,
    leg_row,
    legs_of,
    parties_of,
    recording_counts,
    recording_rows,
)
from .sound_rows import announcements_of
from .sounds import file_row, heard, hidden_of, wishes
from .terms import said_in
from .timeline import pause_row, timeline_of
from .transcripts import hits_in
from .walking import CallsByKey, Walked, course_of, in_good_time, in_time, looks_closely, newest_calls, walked
from .writing import OnDatabase

_r = t.recordings.c


class Queries(OnDatabase):
    """engine.reading.CatalogReader. Durations of calls are from the first answer to the end."""

    async def recordings(
        self, scope: Scope, where: RecordingFilter, *, limit: int = 50, before: str | None = None
    ) -> Page[RecordingRow]:
        gate, limit = Gate(scope), paging.clamped(limit)
        check_key(where.order, before)
        sqlite = self._database.sqlite
        async with self._database.reading() as connection:
            standing = [] if where.held is None else await holds_seen(connection, gate)
            query = selected(gate, where, sqlite=sqlite, standing=standing)
            async with in_good_time(connection, where):
                narrow = await narrowed(connection, self._database, gate, where)
                if nothing_fits(narrow.conditions):
                    return Page()
                course = await course_of(connection, gate, where, query, before, narrow, sqlite=sqlite)
                found = await walked(connection, course, limit + 1, walking.MOST_S)
            rows, more = paging.cut(found.rows, limit)
            items = await recording_rows(connection, gate, rows)
            said = " ".join((where.text, *(f'"{w}"' if " " in w else w for w in where.words if where.spoken)))
            if said.strip():
                hits = await hits_in(connection, rows, said, sqlite=sqlite)
                items = [replace(item, hits=hits.get(item.recording_id, ())) for item in items]
        if found.stopped is not None:
            return Page(tuple(items), found.stopped, True, reached(found.stopped, where.order))
        return Page(tuple(items), key_of(rows[-1], where.order) if more else None)

    async def recording(
        self, scope: Scope, recording_id: str, *, trashed: bool = False, withheld: bool = False
    ) -> RecordingDetail | None:
        gate = Gate(scope)
        s, p, f = t.segments, t.pauses, t.files
        async with self._database.reading() as connection:
            query = select(t.recordings, *wishes()).where(_r.recording_id == recording_id, gate.recordings())
            if not trashed:
                query = query.where(_r.deleted_at.is_(None))
            row = (await connection.execute(query)).first()
            if row is None:
                return None
            (item,) = await recording_rows(connection, gate, [row])
            legs = await legs_of(connection, [row.call_id])
            mine = [
                (
                    await connection.execute(select(x).where(x.c.recording_id == recording_id).order_by(*by))
                ).all()
                for x, by in ((s, [s.c.number]), (p, [p.c.position]), (f, [f.c.role, f.c.number]))
            ]
            announcements = await announcements_of(connection, recording_id)
        segments, pauses, files = mine
        line = timeline_of(row, segments, pauses, files, announcements)
        shared = gate.shared(legs)
        sides = [sides_of(gate, x, legs) for x in segments]
        return RecordingDetail(
            row=item,
            rule=row.rule,
            pauses=tuple(
                pause_row(
                    row,
                    pause,
                    line,
                    gate.actor(pause.asked_by, shared=shared),
                    gate.actor(pause.ended_by, shared=shared),
                )
                for pause in pauses
            ),
            segments=tuple(
                SegmentRow(
                    x.capture_id, x.number, x.leg_id, x.state, x.opened_at, x.closed_at, x.cause,
                    x.layout, None if side is None else side.texts,
                    None if x.opened_at is None else line.ms(x.opened_at),
                    None if x.closed_at is None else line.ms(x.closed_at),
                )
                for x, side in zip(segments, sides, strict=True)
            ),
            files=tuple(map(file_row, files)) if heard(row, withheld=withheld) else (),
            channels=in_turns(sides),
            line=line,
            hidden=hidden_of(row, files),
            told=tuple((line.ms(a.at), line.ms(a.until)) for a in announcements if a.until),
        )  # fmt: skip

    async def calls(
        self, scope: Scope, where: RecordingFilter, *, limit: int = 50, before: str | None = None
    ) -> Page[CallRow]:
        gate, limit = Gate(scope), paging.clamped(limit)
        query = calls_query(gate, where, limit, before)
        async with self._database.reading() as connection:
            seen = gate.calls(where.user)
            async with in_good_time(connection, where):
                narrow = await narrowed_calls(connection, self._database, gate, where, seen.call_id)
                if nothing_fits(narrow):
                    return Page()
                if where.recorded in rare_calls.WHAT:
                    query = query.where(*narrow)
                    some = await rare_calls.page(connection, query, seen, scope, where, before, limit + 1)
                    found = Walked(some)
                elif narrow or where.call_id is not None or not looks_closely(where):
                    found = Walked(list((await connection.execute(query.where(*narrow))).all()))
                else:
                    wide = Gate(Scope(scope.tenant, scope.user)).calls(where.user)
                    course = CallsByKey(connection, seen, wide, where, calls_selected(gate, where), before)
                    found = await walked(connection, course, limit + 1, walking.MOST_S)
            rows, more = paging.cut(found.rows, limit)
            ids = [row.call_id for row in rows]
            legs = by_call(await parties_of(connection, ids))
            counts = await recording_counts(connection, gate, ids)
        items = tuple(call_row(gate, row, legs[row.call_id], counts.get(row.call_id, NONE)) for row in rows)
        if found.stopped is not None:
            return Page(items, found.stopped, True, paging.decode(found.stopped)[0])
        last = rows[-1] if more else None
        return Page(items, last and paging.encode(last.started_at, last.call_id))

    async def call(self, scope: Scope, call_id: str) -> CallDetail | None:
        """Also by the id that it had before it was merged into another call."""
        gate = Gate(scope)
        d, e = t.decisions, t.events
        async with self._database.reading() as connection:
            seen = gate.calls()
            query = _select_calls(seen).where(seen.call_id == _resolved(call_id))
            row = (await connection.execute(query)).first()
            if row is None:
                return None
            mine = row.call_id
            legs = await legs_of(connection, [mine])
            events = (
                await connection.execute(select(e).where(e.c.call_id == mine).order_by(e.c.position))
            ).all()
            history = await connection.execute(
                select(d).where(d.c.call_id == mine, gate.tenant(d.c.tenant)).order_by(d.c.position)
            )
            decided = tuple(_decision_row(gate, entry, legs) for entry in history)
            found = await connection.execute(
                select(t.recordings)
                .where(_r.call_id == mine, gate.recordings())
                .order_by(_r.started_at, _r.recording_id)
            )
            recordings = await recording_rows(connection, gate, found.all())
        return CallDetail(
            row=call_row(gate, row, legs, counted(recordings)),
            legs=tuple(leg_row(gate, leg) for leg in legs if gate.shows(leg)),
            journey=tuple(
                JourneyRow(x.at, x.what, x.leg_id, detail) for x, detail in gate.journey(events, legs)
            ),
            decisions=tuple(last for _, last in sorted({(x.tenant, x.kind): x for x in decided}.items())),
            recordings=tuple(recordings),
            decided=decided,
        )


def _decision_row(gate: Gate, row: Any, legs: Sequence[Any]) -> DecisionRow:
    shown = {leg.leg_id for leg in legs if gate.shows(leg)}
    return DecisionRow(
        row.tenant,
        row.kind,
        row.verdict,
        row.rule,
        row.reason,
        row.at if row.bridge_id else None,
        tuple(leg for leg in row.legs if leg in shown),
    )


def recordings_query(
    gate: Gate,
    where: RecordingFilter,
    limit: int,
    before: str | None,
    *,
    sqlite: bool = True,
    standing: Sequence[Hold] = (),
) -> Select[Any]:
    """One page and a row more, in the order asked for. Raises ValueError for a bad key."""
    query = ordered(selected(gate, where, sqlite=sqlite, standing=standing), where.order, before)
    return query.limit(limit + 1)


def selected(
    gate: Gate, where: RecordingFilter, *, sqlite: bool = True, standing: Sequence[Hold] = ()
) -> Select[Any]:
    """All the recordings that fit, in no order."""
    query = select(t.recordings).where(gate.recordings(), _r.deleted_at.is_(None))
    query = in_time(query, _r.started_at, where)
    if where.party.strip():
        query = query.where(party_in(gate, _r.call_id, where.party))
    if where.direction is not None:
        query = query.where(_r.direction == str(where.direction))
    if where.kind is not None:
        query = query.where(_r.kind == where.kind)
    if where.call_id is not None:
        query = query.where(_r.call_id == _resolved(where.call_id))
    if where.text.strip():
        query = query.where(_r.provisional.is_(False), said_in(_r.recording_id, where.text, sqlite=sqlite))
    query = query.where(*conditions(gate, where, standing, sqlite=sqlite))
    return _lasting(query, LENGTH, where)


def calls_query(gate: Gate, where: RecordingFilter, limit: int, before: str | None) -> Select[Any]:
    """One page and a row more, newest first. Raises ValueError for a bad key."""
    return newest_calls(calls_selected(gate, where), gate.calls(where.user), before).limit(limit + 1)


def calls_selected(gate: Gate, where: RecordingFilter) -> Select[Any]:
    """All the calls that fit, in no order."""
    seen = gate.calls(where.user)
    query = in_time(_select_calls(seen), seen.started_at, where)
    if where.party.strip():
        query = query.where(party_in(gate, seen.call_id, where.party))
    if where.direction is not None:
        query = query.where(seen.direction == str(where.direction))
    if where.kind is not None:
        of_kind = select(_r.recording_id).where(
            _r.call_id == seen.call_id, _r.kind == where.kind, gate.recordings(), _r.deleted_at.is_(None)
        )
        query = query.where(of_kind.exists())
    if where.call_id is not None:
        query = query.where(seen.call_id == _resolved(where.call_id))
    query = _lasting(query, t.calls.c.talk_ms, where)
    query = query.where(*conditions_of_calls(gate, seen.call_id, where))
    if where.switch:
        query = query.where(t.calls.c.switch == where.switch)
    if where.rule:
        query = query.where(decided_by(gate, seen.call_id, where.rule))
    if where.recorded is not None:
        query = query.where(recorded_is(gate, seen.call_id, where.recorded))
    return query


def _select_calls(seen: CallsSeen) -> Select[Any]:
    c = t.calls.c
    return (
        select(
            seen.call_id, seen.started_at, seen.direction, c.switch, c.answered_at, c.ended_at, c.talk_ms
        )
        .select_from(seen.source)
        .where(seen.condition)
    )  # fmt: skip


def _lasting(query: Select[Any], length: ColumnElement[Any], where: RecordingFilter) -> Select[Any]:
    if where.min_ms is not None:
        query = query.where(length >= where.min_ms)
    if where.max_ms is not None:
        query = query.where(length < where.max_ms)
    return query


def _resolved(call_id: str) -> ColumnElement[Any]:
    a = t.call_aliases.c
    return func.coalesce(
        select(a.call_id).where(a.alias == call_id).scalar_subquery(), literal(call_id, Text())
    )
