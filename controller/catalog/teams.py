"""Accounts out of rows, a supervisor's with the team that it supervises."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.entry import MemberKind
from ..engine.people import Account, Role, Team
from . import tables as t
from .writing import chunks


async def account_of(connection: AsyncConnection, row: Any) -> Account:
    """``row`` has the columns of accounts."""
    supervises = Role(row.role) is Role.SUPERVISOR
    return account_from(row, await team_of(connection, row.account_id) if supervises else Team())


def account_from(row: Any, team: Team) -> Account:
    return Account(
        row.account_id, row.login, Role(row.role), row.tenant, row.extension, row.disabled, team,
        language=row.language,
    )  # fmt: skip


async def accounts_of(connection: AsyncConnection, rows: Sequence[Any]) -> list[Account]:
    """The same for many rows, with one query for all teams."""
    ids = [row.account_id for row in rows if Role(row.role) is Role.SUPERVISOR]
    teams = await teams_of(connection, ids)
    return [account_from(row, teams.get(row.account_id, Team())) for row in rows]


async def team_of(connection: AsyncConnection, account_id: str) -> Team:
    return (await teams_of(connection, [account_id])).get(account_id, Team())


async def teams_of(connection: AsyncConnection, account_ids: Sequence[str]) -> dict[str, Team]:
    """By account; one that supervises nobody is not in it."""
    m, g = t.group_members.c, t.account_groups.c
    names: dict[str, dict[MemberKind, set[str]]] = defaultdict(lambda: {kind: set() for kind in MemberKind})
    for some in chunks(account_ids):
        found = await connection.execute(
            select(g.account_id, m.kind, m.name)
            .select_from(t.group_members.join(t.account_groups, g.group_id == m.group_id))
            .where(g.account_id.in_(some))
        )
        for account_id, kind, name in found:
            names[account_id][MemberKind(kind)].add(name)
    return {
        account_id: Team(
            frozenset(of[MemberKind.USER]), frozenset(of[MemberKind.QUEUE]),
            frozenset(of[MemberKind.RING_GROUP]),
        )
        for account_id, of in names.items()
    }  # fmt: skip
