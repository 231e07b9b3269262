"""The recordings of one person, and what an erasure of them would come to (engine.erasing.PersonStore)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.errors import InvalidPolicy
from ..core.retention import digits, is_person
from ..engine.erasing import Erasure, Found
from ..engine.media_ports import MediaState
from . import tables as t
from .trash import HELD, refusals
from .writing import OnDatabase, chunks

_r, _l, _v, _f = t.recordings.c, t.legs.c, t.call_views.c, t.files.c


class Persons(OnDatabase):
    """A part of engine.erasing.PersonStore; `TrashRows` has the rest."""

    async def erasure_of(self, tenant: str, person: str, *, keep: bool = True) -> Erasure:
        """Raises InvalidPolicy for a person that could be anybody."""
        person = person.strip()
        if not person or len(person) > 253 or not any(c.isalnum() for c in person):
            raise InvalidPolicy("person: a user's extension or a whole number")
        found = Erasure(tenant, person)
        async with self._database.reading() as connection:
            for ids in chunks(await _calls_of(connection, tenant, person)):
                query = (
                    select(t.recordings, t.calls.c.ended_at.label("call_ended_at"))
                    .join(t.calls, t.calls.c.call_id == _r.call_id)
                    .where(_r.call_id.in_(ids), _r.tenant == tenant)
                    .where(_r.media_state != str(MediaState.ERASED))
                    .order_by(_r.started_at, _r.recording_id)
                )
                rows = (await connection.execute(query)).all()
                refused = await refusals(connection, rows, self._now(), keep, True)
                for recording_id, why in refused.items():
                    (found.held if why.startswith(HELD) else found.refused)[recording_id] = why
                going = [row for row in rows if row.recording_id not in refused]
                found.going += await _amounts(connection, going)
                found.shared += await _shared(connection, tenant, {row.call_id for row in going})
        return found


async def _calls_of(connection: AsyncConnection, tenant: str, person: str) -> list[str]:
    """Calls of the tenant in which exactly this person took part."""
    wanted = digits(person)
    by_number = _l.search_number.contains(wanted, autoescape=True) if len(wanted) > 2 else _l.number == person
    mine = select(_v.call_id).where(_v.tenant == tenant, _v.user == "")
    query = select(_l.call_id, _l.tenant, _l.user, _l.number).where(
        or_((_l.tenant == tenant) & (_l.user == person), by_number), _l.call_id.in_(mine)
    )
    found: set[str] = set()
    for leg in await connection.execute(query):
        users = [leg.user] if leg.user and leg.tenant == tenant else []
        if is_person(person, users, [leg.number]):
            found.add(leg.call_id)
    return sorted(found)


async def _amounts(connection: AsyncConnection, rows: list[Any]) -> list[Found]:
    ids = [row.recording_id for row in rows]
    amounts: dict[str, tuple[int, int]] = {}
    for some in chunks(ids):
        query = (
            select(_f.recording_id, func.count(), func.sum(_f.size))
            .where(_f.recording_id.in_(some))
            .group_by(_f.recording_id)
        )
        amounts |= {row[0]: (int(row[1]), int(row[2])) for row in await connection.execute(query)}
    return [
        Found(row.recording_id, row.call_id, row.started_at, *amounts.get(row.recording_id, (0, 0)))
        for row in rows
    ]


async def _shared(connection: AsyncConnection, tenant: str, call_ids: set[str]) -> list[str]:
    found: set[str] = set()
    for some in chunks(sorted(call_ids)):
        query = select(_v.call_id).where(_v.call_id.in_(some), _v.tenant != tenant)
        found |= set((await connection.execute(query)).scalars())
    return sorted(found)
