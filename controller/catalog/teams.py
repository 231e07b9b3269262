"""Accounts out of rows, a supervisor's with the team that it supervises."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.entry import MemberKind
from ..engine.people import Account, Role, Team
from . import tables as t


async def account_of(connection: AsyncConnection, row: Any) -> Account:
    """``row`` has the columns of accounts."""
    role = Role(row.role)
    team = await team_of(connection, row.account_id) if role is Role.SUPERVISOR else Team()
    return Account(row.account_id, row.login, role, row.tenant, row.extension, row.disabled, team)


async def team_of(connection: AsyncConnection, account_id: str) -> Team:
    m, g = t.group_members.c, t.account_groups.c
    found = await connection.execute(
        select(m.kind, m.name)
        .select_from(t.group_members.join(t.account_groups, g.group_id == m.group_id))
        .where(g.account_id == account_id)
    )
    names: dict[MemberKind, set[str]] = {kind: set() for kind in MemberKind}
    for kind, name in found:
        names[MemberKind(kind)].add(name)
    return Team(
        frozenset(names[MemberKind.USER]),
        frozenset(names[MemberKind.QUEUE]),
        frozenset(names[MemberKind.RING_GROUP]),
    )
