"""The proof chain's rows, and what is not in them yet (engine.chain.ChainStore and ProofReader)."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, cast, exists, func, literal, select, union
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.errors import TapelineError
from ..engine.chain import ChainRow, Extend, Unsealed, recording_source
from ..engine.media_ports import MediaState
from ..engine.people import AuditEntry, Scope
from . import tables as t
from .columns import Text
from .gate import Gate
from .writing import OnDatabase, chunks, insert

_c = t.chain.c
_ROW = select(*(_c[f.name] for f in fields(ChainRow)))
_M = MediaState
_FINAL = [str(s) for s in (_M.AVAILABLE, _M.WITHHELD, _M.EMPTY, _M.DISCARDED)]
_FINAL_OR_ERASED = [*_FINAL, str(_M.ERASED)]
#: How often another writer may be faster before something else must be wrong.
_ATTEMPTS = 50


class ChainBusy(TapelineError):
    """Other processes kept appending to this chain first; to be tried again later."""


class Chain(OnDatabase):
    """engine.chain.ChainStore and ProofReader."""

    async def extend_chain(
        self, tenant: str, sources: Sequence[str], extend: Extend, states: Sequence[Unsealed] = ()
    ) -> Sequence[ChainRow]:
        """Append what ``extend`` makes, in one transaction that no other writer of this chain is between.

        On SQLite a writer is alone. On PostgreSQL two may read the same last row: the slower one meets
        the key (tenant, number), is rolled back as a whole and begins again with the new last row. The last
        row is read first: whatever another one has sealed since is met there, whatever before is seen here.
        """
        for attempt in range(_ATTEMPTS):
            try:
                return await self._extend(tenant, sources, extend, states)
            except IntegrityError:
                await asyncio.sleep(random.uniform(0, 0.01 * min(attempt + 1, 10)))
        raise ChainBusy(f"the chain of {tenant!r} could not be appended to: others are always faster")

    async def _extend(
        self, tenant: str, sources: Sequence[str], extend: Extend, states: Sequence[Unsealed]
    ) -> Sequence[ChainRow]:
        last = _ROW.where(_c.tenant == tenant).order_by(_c.number.desc()).limit(1)
        known = select(_c.source).where(_c.tenant == tenant, _c.source.in_(sources))
        async with self._database.writing() as connection:
            row = (await connection.execute(last)).first()
            there = set((await connection.execute(known)).scalars()) if sources else set()
            there |= await _overtaken(connection, states)
            # Signing takes some 50 µs an entry; calls share this event loop.
            rows = await asyncio.to_thread(extend, None if row is None else ChainRow(*row), there)
            if rows:
                await connection.execute(insert(connection, t.chain), [asdict(r) for r in rows])
        return rows

    async def chain_tenants(self) -> list[str]:
        query = select(_c.tenant).where(_c.number == 1).order_by(_c.tenant)
        async with self._database.reading() as connection:
            first = set((await connection.execute(query)).scalars())
            # Where even the first entry is gone, what is left of the chain is not to be overlooked.
            rest = await connection.execute(select(_c.tenant).where(_c.number > 1).distinct())
            return sorted(first | set(rest.scalars()))

    async def chain_head(self, tenant: str) -> ChainRow | None:
        rows = await self._rows(_ROW.where(_c.tenant == tenant).order_by(_c.number.desc()).limit(1))
        return rows[0] if rows else None

    async def chain_after(self, tenant: str, number: int, limit: int = 500) -> list[ChainRow]:
        query = _ROW.where(_c.tenant == tenant, _c.number > number).order_by(_c.number).limit(limit)
        return await self._rows(query)

    async def chain_about(self, tenant: str, subject: str) -> list[ChainRow]:
        return await self._rows(
            _ROW.where(_c.tenant == tenant, _c.subject == subject).order_by(_c.number)
        )  # fmt: skip

    async def seal_of(self, scope: Scope, recording_id: str) -> ChainRow | None:
        """The latest entry that holds this recording's facts; None if the scope does not cover it."""
        r = t.recordings.c
        query = (
            _ROW.join(t.recordings, and_(r.tenant == _c.tenant, r.recording_id == _c.subject))
            .where(_c.subject == recording_id, _c.marked_at.is_not(None), Gate(scope).recordings())
            .order_by(_c.number.desc())
            .limit(1)
        )
        rows = await self._rows(query)
        return rows[0] if rows else None

    async def _rows(self, query: Select[Any]) -> list[ChainRow]:
        async with self._database.reading() as connection:
            return [ChainRow(*row) for row in await connection.execute(query)]

    # ── what is not sealed yet ────────────────────────────────────────────────────────────

    async def unsealed_audit(self, after: int, limit: int) -> list[tuple[int, AuditEntry]]:
        """Lines of the audit behind this number that are in no chain: (number, line), in order."""
        a = t.audit.c
        source = literal("audit:", Text()).concat(cast(a.number, Text()))
        query = (
            select(a.number, a.at, a.account, a.tenant, a.action, a.subject, a.detail, a.address)
            .where(a.number > after, ~exists().where(_c.source == source))
            .order_by(a.number)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return [(row[0], AuditEntry(*row[1:])) for row in await connection.execute(query)]

    async def newest_audit(self) -> int:
        """The highest number of a line of the audit; 0 without one."""
        async with self._database.reading() as connection:
            return (await connection.execute(select(func.max(t.audit.c.number)))).scalar() or 0

    async def unsealed_recordings(self, since: datetime | None, limit: int) -> list[Unsealed]:
        """Recordings whose media is final, whose call has ended, and that are not sealed as they are."""
        r, f, c = t.recordings.c, t.files.c, t.calls.c
        marked = _marked()
        query = (
            select(r.tenant, r.recording_id, marked)
            .join(t.calls, c.call_id == r.call_id)
            .where(r.media_state.in_(_FINAL), c.ended_at.is_not(None))
            .where(
                ~exists().where(_c.tenant == r.tenant, _c.subject == r.recording_id, _c.marked_at == marked)
            )
            .order_by(r.media_at, r.recording_id)
            .limit(limit)
        )
        if since is not None:
            # Not an OR of the two: SQLite would go through the whole table for it.
            lately = union(
                select(r.recording_id).where(r.media_at >= since),
                select(f.recording_id).where(f.added_at >= since),
            )
            query = query.where(r.recording_id.in_(lately))
        async with self._database.reading() as connection:
            return [Unsealed(*row) for row in await connection.execute(query)]

    async def existing_recordings(self, ids: Sequence[str]) -> set[str]:
        """Which of these recordings have a row."""
        r, found = t.recordings.c, set[str]()
        async with self._database.reading() as connection:
            for some in chunks(ids):
                query = select(r.recording_id).where(r.recording_id.in_(some))
                found |= set((await connection.execute(query)).scalars())
        return found

    async def final_recordings(self, tenant: str, after: str, limit: int) -> list[str]:
        """Ids of the tenant's recordings whose media is final, in order, those behind this one."""
        r = t.recordings.c
        query = (
            select(r.recording_id)
            .where(r.tenant == tenant, r.recording_id > after, r.media_state.in_(_FINAL_OR_ERASED))
            .order_by(r.recording_id)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())


def _marked() -> ColumnElement[Any]:
    """Of a recording: which state of it the chain should have (engine.chain.Unsealed)."""
    r, f = t.recordings.c, t.files.c
    # Correlated expressly: it is used two levels down, where it would else be about every file.
    newest = (
        select(func.max(f.added_at))
        .where(f.recording_id == r.recording_id)
        .correlate(t.recordings)
        .scalar_subquery()
    )
    return case((newest > r.media_at, newest), else_=r.media_at).label("marked")


async def _overtaken(connection: AsyncConnection, states: Sequence[Unsealed]) -> set[str]:
    """The sources of those of these states in which their recordings are no longer."""
    r = t.recordings.c
    found: dict[str, datetime] = {}
    for some in chunks([state.recording_id for state in states]):
        query = select(r.recording_id, _marked()).where(r.recording_id.in_(some))
        found |= {recording_id: marked for recording_id, marked in await connection.execute(query)}
    return {
        recording_source(s.recording_id, s.marked_at)
        for s in states
        if found.get(s.recording_id) != s.marked_at
    }
