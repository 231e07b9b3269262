"""Links to recordings (engine.sharing.ShareStore)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from sqlalchemy import literal, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.retention import covering
from ..engine.people import Scope
from ..engine.sharing import Audience, Share
from . import tables as t
from .columns import Text, UtcTime
from .gate import Gate
from .kept_rows import holds_of, kept_of
from .writing import OnDatabase, insert

_s, _sr, _r = t.shares.c, t.share_recordings.c, t.recordings.c
_FIELDS = [field.name for field in fields(Share) if field.name != "recordings"]
_SHARE = [_s[name] for name in _FIELDS]


class Shares(OnDatabase):
    async def add_share(self, share: Share, token_sha256: str) -> None:
        row = {name: getattr(share, name) for name in _FIELDS}
        row |= {"audience": str(share.audience), "token_sha256": token_sha256}
        of = [
            {"share_id": share.share_id, "position": n, "recording_id": recording_id}
            for n, recording_id in enumerate(share.recordings)
        ]
        async with self._database.writing() as connection:
            await connection.execute(insert(connection, t.shares).values(row))
            await connection.execute(insert(connection, t.share_recordings), of)

    async def share_by_token(self, token_sha256: str) -> Share | None:
        a = t.accounts.c
        query = (
            select(*_SHARE)
            .select_from(t.shares.join(t.accounts, a.account_id == _s.account_id))
            .where(_s.token_sha256 == token_sha256, a.disabled.is_(False))
        )
        async with self._database.reading() as connection:
            found = await _shares(connection, (await connection.execute(query)).all())
        return found[0] if found else None

    async def use_share(self, share_id: str, now: datetime) -> bool:
        left = or_(_s.most_uses.is_(None), _s.uses < _s.most_uses)
        good = (_s.share_id == share_id, left, _s.revoked_at.is_(None), _s.expires_at > now)
        statement = update(t.shares).where(*good).values(uses=_s.uses + 1, last_used_at=now)
        async with self._database.writing() as connection:
            return (await connection.execute(statement)).rowcount > 0

    async def shared_recordings(self, share_id: str) -> list[str]:
        query = (
            select(t.recordings, t.calls.c.ended_at.label("call_ended_at"))
            .select_from(t.share_recordings)
            .join(t.recordings, _r.recording_id == _sr.recording_id)
            .join(t.calls, t.calls.c.call_id == _r.call_id)
            .join(t.shares, _s.share_id == _sr.share_id)
            .where(_sr.share_id == share_id, _r.deleted_at.is_(None), _r.tenant == _s.tenant)
            .order_by(_sr.position)
        )
        async with self._database.reading() as connection:
            rows: Sequence[Any] = (await connection.execute(query)).all()
            holds = await holds_of(connection, {row.tenant for row in rows})
            kept = await kept_of(connection, rows, self._now()) if holds else []
        held = {one.recording_id for one in kept if covering(one, holds)}
        return [row.recording_id for row in rows if row.recording_id not in held]

    async def shares(
        self, scope: Scope, account_id: str | None = None, limit: int = 200, *,
        before: tuple[datetime, str] | None = None, share_id: str | None = None,
    ) -> list[Share]:  # fmt: skip
        query = select(*_SHARE).order_by(_s.created_at.desc(), _s.share_id.desc()).limit(limit)
        query = query.where(_reached(scope, account_id))
        if share_id is not None:
            query = query.where(_s.share_id == share_id)
        if before is not None:
            at, last = before
            query = query.where(
                tuple_(_s.created_at, _s.share_id) < tuple_(literal(at, UtcTime()), literal(last, Text()))
            )
        async with self._database.reading() as connection:
            return await _shares(connection, (await connection.execute(query)).all())

    async def revoke_share(
        self, scope: Scope, share_id: str, account_id: str | None, by: str, now: datetime
    ) -> Share | None:
        mine = (_s.share_id == share_id, _reached(scope, account_id))
        async with self._database.writing() as connection:
            done = await connection.execute(
                update(t.shares).where(*mine, _s.revoked_at.is_(None)).values(revoked_at=now, revoked_by=by)
            )
            if done.rowcount == 0:
                return None
            found = await _shares(connection, (await connection.execute(select(*_SHARE).where(*mine))).all())
        return found[0]


def _reached(scope: Scope, account_id: str | None) -> Any:
    gate = Gate(scope)
    if account_id is None:
        return gate.administered(_s.tenant)
    return gate.tenant(_s.tenant) & (_s.account_id == account_id)


async def _shares(connection: AsyncConnection, rows: Sequence[Any]) -> list[Share]:
    of: dict[str, list[str]] = defaultdict(list)
    query = select(_sr.share_id, _sr.recording_id).where(_sr.share_id.in_([row.share_id for row in rows]))
    for share_id, recording_id in await connection.execute(query.order_by(_sr.share_id, _sr.position)):
        of[share_id].append(recording_id)
    return [
        Share(
            **{name: getattr(row, name) for name in _FIELDS}
            | {"audience": Audience(row.audience), "recordings": tuple(of[row.share_id])}
        )
        for row in rows
    ]
