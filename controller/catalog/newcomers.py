"""Users first seen in a call: they begin with what their tenant says of new users."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from . import tables as t
from .columns import name_key
from .policy_rows import Row, options_of
from .writing import add_missing, chunks


async def add_users(connection: AsyncConnection, rows: Sequence[Row]) -> bool:
    """Insert the users that are not there yet, whose tenants are; True if there were any.

    In order, so that two transactions with the same users never wait for each other in a circle.
    """
    new = await _missing(connection, rows)
    if not new:
        return False
    n = t.tenants.c
    found = await connection.execute(
        select(n.tenant, n.options).where(n.tenant.in_({row["tenant"] for row in new}))
    )
    defaults = {tenant: options_of(tenant, options).new_user for tenant, options in found}
    made = []
    for row in sorted(new, key=lambda r: (name_key(r["tenant"]), name_key(r["user"]))):
        begin = defaults[name_key(row["tenant"])]
        made.append(row | {"audio": str(begin.audio), "video": str(begin.video), "mode": str(begin.mode)})
    await add_missing(connection, t.users, made)
    return True


async def _missing(connection: AsyncConnection, rows: Sequence[Row]) -> list[Row]:
    u = t.users.c
    known: set[tuple[str, str]] = set()
    for some in chunks(rows):
        pairs = [(name_key(row["tenant"]), name_key(row["user"])) for row in some]
        there = await connection.execute(select(u.tenant, u.user).where(tuple_(u.tenant, u.user).in_(pairs)))
        known |= {(tenant, user) for tenant, user in there}
    return [row for row in rows if (name_key(row["tenant"]), name_key(row["user"])) not in known]
