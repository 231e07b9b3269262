"""What decides how long a recording is kept, out of its rows; used inside one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.retention import Hold, Kept, RetentionRule, RuleScope
from ..core.rules import PolicyScope
from . import tables as t
from .gate import Gate
from .rebuilding import routes_of
from .writing import chunks

_h, _hr = t.legal_holds.c, t.held_recordings.c


async def holds_of(connection: AsyncConnection, tenants: Collection[str]) -> list[Hold]:
    """The holds that are in force."""
    query = select(_h.hold_id, _h.tenant, _h.name, _h.person, _h.since, _h.until).where(
        _h.tenant.in_(tenants), _h.lifted_at.is_(None)
    )
    return [Hold(*row) for row in await connection.execute(query.order_by(_h.created_at, _h.hold_id))]


async def holds_seen(connection: AsyncConnection, gate: Gate) -> list[Hold]:
    """The holds in force of all the scope's tenants."""
    query = select(_h.hold_id, _h.tenant, _h.name, _h.person, _h.since, _h.until).where(
        gate.tenant(_h.tenant), _h.lifted_at.is_(None)
    )
    return [Hold(*row) for row in await connection.execute(query.order_by(_h.created_at, _h.hold_id))]


async def rules_of(connection: AsyncConnection, tenants: Collection[str]) -> list[RetentionRule]:
    c = t.retention_rules.c
    query = select(t.retention_rules).where(c.tenant.in_(tenants)).order_by(c.tenant, c.scope, c.name)
    return [retention_rule(row) for row in await connection.execute(query)]


def retention_rule(row: Any) -> RetentionRule:
    return RetentionRule(
        row.tenant, RuleScope(row.scope), row.name, row.keep_days, row.keep_forever, row.delete_after_days
    )


async def kept_of(connection: AsyncConnection, rows: Sequence[Any], now: datetime) -> list[Kept]:
    """For rows of recordings. One that goes on counts as ended now."""
    ids = [row.recording_id for row in rows]
    tags = await _by_recording(connection, t.tags.c.recording_id, t.tags.c.tag, ids)
    held = await _by_recording(connection, _hr.recording_id, _hr.hold_id, ids)
    legs = await _legs(connection, {row.call_id for row in rows})
    return [
        _kept(row, legs[row.call_id], tags[row.recording_id], held[row.recording_id], now) for row in rows
    ]


async def _by_recording(
    connection: AsyncConnection, key: Any, value: Any, ids: Sequence[str]
) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for some in chunks(ids):
        for recording_id, one in await connection.execute(select(key, value).where(key.in_(some))):
            found[recording_id].add(one)
    return found


async def _legs(connection: AsyncConnection, call_ids: Iterable[str]) -> dict[str, list[Any]]:
    c, found = t.legs.c, defaultdict[str, list[Any]](list)
    for some in chunks(sorted(call_ids)):
        query = select(c.call_id, c.side, c.tenant, c.user, c.number, c.routes).where(c.call_id.in_(some))
        for leg in await connection.execute(query):
            found[leg.call_id].append(leg)
    return found


def _kept(row: Any, legs: Iterable[Any], tags: Iterable[str], held: Iterable[str], now: datetime) -> Kept:
    users, numbers, queues = set(), set(), set()
    for leg in legs:
        numbers.add(leg.number)
        if leg.user and leg.tenant == row.tenant:
            users.add(leg.user)
        for route in routes_of(leg):
            if route.scope is PolicyScope.QUEUE and route.tenant in (None, row.tenant):
                queues.add(route.name)
    return Kept(
        row.recording_id, row.tenant, row.started_at, row.ended_at or now, frozenset(users),
        frozenset(queues), frozenset(tags), frozenset(numbers - {""}), frozenset(held),
    )  # fmt: skip


async def lock_tenant(connection: AsyncConnection, tenant: str) -> None:
    """Whoever puts a hold and whoever destroys take turns; SQLite has one writer anyway."""
    c = t.tenants.c
    await connection.execute(select(c.tenant).where(c.tenant == tenant).with_for_update())
