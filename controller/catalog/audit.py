"""The audit: lines are added and read, never changed; the database itself refuses that (migration 0010)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, select

from ..engine.people import AuditEntry, AuditFilter, Scope
from . import tables as t
from .columns import found_in
from .gate import Gate
from .writing import OnDatabase, insert

_LINE = [t.audit.c[f] for f in ("at", "account", "tenant", "action", "subject", "detail", "address")]


class Audit(OnDatabase):
    """engine.people.PeopleStore's part about the audit. A user sees none: it tells what others did."""

    async def audit(self, entry: AuditEntry) -> None:
        row = {
            "at": entry.at,
            "account": entry.account,
            "tenant": entry.tenant,
            "action": entry.action,
            "subject": entry.subject,
            "detail": entry.detail,
            "address": entry.address,
        }
        async with self._database.writing() as connection:
            await connection.execute(insert(connection, t.audit).values(row))

    async def audit_entries(self, scope: Scope, limit: int = 100) -> list[AuditEntry]:
        return [entry for _, entry in await self.audit_page(scope, AuditFilter(), limit=limit)]

    async def audit_page(
        self, scope: Scope, where: AuditFilter, *, limit: int = 100, before: int | None = None
    ) -> list[tuple[int, AuditEntry]]:
        c = t.audit.c
        query = select(c.number, *_LINE).where(Gate(scope).administered(c.tenant))
        query = _filtered(query, where, sqlite=self._database.sqlite)
        query = query.order_by(c.number.desc()).limit(max(0, limit))
        if before is not None:
            query = query.where(c.number < before)
        async with self._database.reading() as connection:
            rows: list[Any] = list(await connection.execute(query))
        return [(row[0], AuditEntry(*row[1:])) for row in rows]

    async def audit_actions(self, scope: Scope) -> list[str]:
        c = t.audit.c
        query = select(c.action).where(Gate(scope).administered(c.tenant)).distinct().order_by(c.action)
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())


def _filtered(query: Select[Any], where: AuditFilter, *, sqlite: bool) -> Select[Any]:
    c = t.audit.c
    for column, text in ((c.account, where.account), (c.subject, where.subject)):
        if text.strip():
            query = query.where(found_in(column, text.strip(), sqlite=sqlite))
    if where.action:
        query = query.where(c.action == where.action)
    if where.since is not None:
        query = query.where(c.at >= where.since)
    if where.until is not None:
        query = query.where(c.at < where.until)
    return query
