"""The leases in the database, on the database's own clock (engine.leasing.LeaseStore), and the fence: how a
write under an epoch that is over is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, delete, func, literal, or_, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from ..engine.leasing import Cluster, Controller, Fenced, HeldLease
from . import tables as t
from .cancellation import kept_cancellation

#: So long a question may take; a lease that cannot be renewed in time is lost anyhow.
TIMEOUT_S = 1.0
#: So long a save or renewal may stand still in the middle: who is frozen there must not keep others out.
IDLE_S = 1.5
#: Controllers that were not seen for so long are forgotten.
_FORGET = timedelta(days=1)

_NOW = func.clock_timestamp()
_CONTROLLER = (
    "name",
    "label",
    "address",
    "roles",
    "switches",
    "prefers",
    "key_mark",
    "version",
    "started_at",
)


def lease_rows(url: str) -> LeaseRows:
    """Connections of their own, not yet made: renewing must not wait for anybody's query."""
    options: dict[str, Any] = {
        "timeout": TIMEOUT_S,
        "command_timeout": TIMEOUT_S,
        "server_settings": {"idle_in_transaction_session_timeout": str(int(IDLE_S * 1000))},
    }
    return LeaseRows(create_async_engine(url, pool_size=2, hide_parameters=True, connect_args=options))


class LeaseRows:
    """On PostgreSQL only: with SQLite there is one controller (`sole`)."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    async def close(self) -> None:
        await self._engine.dispose()

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        with kept_cancellation():
            async with self._engine.connect() as connection:
                yield connection

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        with kept_cancellation():
            async with self._engine.begin() as connection:
                yield connection

    async def round(self, me: Controller, held: Mapping[str, int], ttl_s: float) -> Cluster:
        async with self._writing() as connection:
            row = {name: getattr(me, name) for name in _CONTROLLER}
            row |= {name: list(row[name]) for name in ("roles", "switches", "prefers")}
            known = postgresql.insert(t.controllers).values(**row, seen_at=_NOW)
            news = {name: known.excluded[name] for name in (*_CONTROLLER[1:], "seen_at")}
            await connection.execute(known.on_conflict_do_update(index_elements=["name"], set_=news))
            lease = t.switch_leases.c
            for switch, epoch in sorted(held.items()):
                mine = and_(lease.switch == switch, lease.epoch == epoch, lease.holder == me.name)
                await connection.execute(update(t.switch_leases).where(mine).values(expires_at=_until(ttl_s)))
            return await _look(connection)

    async def acquire(self, switch: str, holder: str, ttl_s: float) -> int | None:
        lease = t.switch_leases.c
        values = {"holder": holder, "expires_at": _until(ttl_s), "since": _NOW}
        async with self._writing() as connection:
            made = postgresql.insert(t.switch_leases).values(switch=switch, epoch=1, **values)
            added = await connection.execute(made.on_conflict_do_nothing().returning(lease.epoch))
            if (epoch := added.scalar()) is not None:
                return int(epoch)
            # Waits for a save under the old epoch to end, which then counts; none begins any more.
            free = and_(lease.switch == switch, or_(lease.holder == "", lease.expires_at <= _NOW))
            taken = update(t.switch_leases).where(free).values(epoch=lease.epoch + 1, **values)
            epoch = (await connection.execute(taken.returning(lease.epoch))).scalar()
            return None if epoch is None else int(epoch)

    async def release(self, switch: str, holder: str, epoch: int) -> None:
        lease = t.switch_leases.c
        mine = and_(lease.switch == switch, lease.epoch == epoch, lease.holder == holder)
        async with self._writing() as connection:
            await connection.execute(update(t.switch_leases).where(mine).values(holder="", expires_at=_NOW))

    async def sign_off(self, name: str) -> None:
        c = t.controllers.c
        async with self._writing() as connection:
            gone = or_(c.name == name, c.seen_at < _NOW - literal(_FORGET))
            await connection.execute(delete(t.controllers).where(gone))

    async def look(self) -> Cluster:
        async with self._reading() as connection:
            return await _look(connection)


def _until(ttl_s: float) -> Any:
    return _NOW + literal(timedelta(seconds=ttl_s))


async def _look(connection: AsyncConnection) -> Cluster:
    now: datetime = (await connection.execute(select(_NOW))).scalar_one()
    leases = {
        row.switch: HeldLease(
            row.switch, row.epoch, row.holder, row.since, (row.expires_at - now).total_seconds()
        )
        for row in await connection.execute(select(t.switch_leases).order_by(t.switch_leases.c.switch))
    }
    controllers = {
        row.name: Controller(
            row.name, row.label, row.address, tuple(row.roles), tuple(row.switches), tuple(row.prefers),
            row.key_mark, row.version, row.started_at, row.seen_at, (now - row.seen_at).total_seconds(),
        )
        for row in await connection.execute(select(t.controllers).order_by(t.controllers.c.name))
    }  # fmt: skip
    return Cluster(leases, controllers)


async def fenced(connection: AsyncConnection, switch: str, epoch: int | None) -> None:
    """Within the transaction of a write: that it is done under this epoch or not at all. Raises Fenced.

    The lock keeps the epoch as it is until this transaction ends, and no renewal waiting (see the key in
    `lease_tables`). ``epoch`` None: there is one controller, nothing to be fenced.
    """
    if epoch is None:
        return
    await connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = {int(IDLE_S * 1000)}"))
    lease = t.switch_leases.c
    query = select(lease.epoch).where(lease.switch == switch, lease.epoch == epoch)
    found = await connection.execute(query.with_for_update(read=True, key_share=True))
    if found.first() is None:
        raise Fenced(f"switch {switch} has another controller since (epoch {epoch} is over)")
