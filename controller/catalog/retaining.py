"""Retention rules, where each tenant's retention stands, and what it looks at (engine.retention)."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, literal, select, tuple_, update

from ..core.retention import Hold, Kept, RetentionRule, RuleScope
from ..engine.media_ports import MediaState
from ..engine.people import Scope
from ..engine.retention import Stand, digest_of
from ..engine.settings import TenantSettings
from . import tables as t
from .columns import Text, UtcTime
from .gate import Gate
from .kept_rows import holds_of, kept_of, retention_rule, rules_of
from .policy_rows import tenant_row
from .writing import OnDatabase, add_missing, upsert

_c, _s, _r = t.retention_rules.c, t.retention_stands.c, t.recordings.c
_AT_REST = [str(s) for s in (MediaState.AVAILABLE, MediaState.EMPTY, MediaState.FAILED)]


class Retaining(OnDatabase):
    """A part of engine.retention.RetentionStore."""

    async def retention_rules(self, scope: Scope) -> list[RetentionRule]:
        query = select(t.retention_rules).where(Gate(scope).administered(_c.tenant))
        async with self._database.reading() as connection:
            rows = [retention_rule(row) for row in await connection.execute(query)]
        order = list(RuleScope)
        return sorted(rows, key=lambda r: (r.tenant, order.index(r.scope), r.name))

    async def set_retention_rule(
        self, rule: RetentionRule, by: str, address: str = "", *, accept: bool = False
    ) -> None:
        async with self._database.writing() as connection:
            made = [tenant_row(TenantSettings(rule.tenant), self._now())]
            await add_missing(connection, t.tenants, made)
            await upsert(connection, t.retention_rules, [asdict(rule) | {"scope": str(rule.scope)}])
            await self._line(connection, by, rule.tenant, rule.subject, rule.says, address)
            if accept:
                await self._accept(connection, rule.tenant)

    async def remove_retention_rule(
        self, scope: Scope, of: RuleScope, tenant: str, name: str, by: str, address: str = ""
    ) -> bool:
        this = (_c.tenant == tenant, _c.scope == str(of), _c.name == name)
        where = (Gate(scope).administered(_c.tenant), *this)
        async with self._database.writing() as connection:
            before = (await connection.execute(select(t.retention_rules).where(*where))).first()
            if before is None:
                return False
            await connection.execute(delete(t.retention_rules).where(*where))
            rule = retention_rule(before)
            await self._line(connection, by, tenant, rule.subject, f"taken away: {rule.says}", address)
            return True

    async def retention_tenants(self) -> list[str]:
        query = select(_c.tenant).where(_c.delete_after_days > 0).distinct().order_by(_c.tenant)
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    # ── where it stands ───────────────────────────────────────────────────────────────────

    async def stand(self, tenant: str) -> Stand:
        async with self._database.reading() as connection:
            row = (
                await connection.execute(select(t.retention_stands).where(_s.tenant == tenant))
            ).first()  # fmt: skip
        return Stand(tenant) if row is None else Stand(*row)

    async def wait_for_word(self, stand: Stand) -> None:
        async with self._database.writing() as connection:
            await upsert(connection, t.retention_stands, [asdict(stand)])

    async def accept_rules(self, tenant: str, digest: str) -> None:
        async with self._database.writing() as connection:
            await upsert(connection, t.retention_stands, [asdict(Stand(tenant, digest))])

    async def confirm_retention(self, tenant: str, digest: str, by: str, address: str = "") -> bool:
        query = select(t.retention_stands).where(_s.tenant == tenant, _s.waiting == digest, _s.waiting > "")
        async with self._database.writing() as connection:
            row = (await connection.execute(query.with_for_update())).first()
            if row is None:
                return False
            change = update(t.retention_stands).where(_s.tenant == tenant)
            await connection.execute(change.values(asdict(Stand(tenant, digest))))
            detail = f"confirmed: {row.would_go} of {row.of_all} recordings may go at once"
            await self._line(connection, by, tenant, f"tenant {tenant}", detail, address)
            return True

    async def _accept(self, connection: Any, tenant: str) -> None:
        digest = digest_of(await rules_of(connection, [tenant]))
        await upsert(connection, t.retention_stands, [asdict(Stand(tenant, digest))])

    async def _line(
        self, connection: Any, by: str, tenant: str, subject: str, detail: str, address: str
    ) -> None:  # fmt: skip
        row = {
            "at": self._now(), "account": by, "tenant": tenant, "action": "retention",
            "subject": subject[:300], "detail": detail[:1000], "address": address,
        }  # fmt: skip
        await connection.execute(t.audit.insert().values(row))

    # ── what it looks at ──────────────────────────────────────────────────────────────────

    async def kept_page(
        self, tenant: str, until: datetime, after: tuple[datetime, str] | None, limit: int
    ) -> list[Kept]:
        query = (
            select(_r.recording_id, _r.call_id, _r.tenant, _r.started_at, _r.ended_at)
            .where(_r.tenant == tenant, _r.started_at <= until, *_there())
            .order_by(_r.started_at, _r.recording_id)
            .limit(limit)
        )
        if after is not None:
            key = tuple_(literal(after[0], UtcTime()), literal(after[1], Text()))
            query = query.where(tuple_(_r.started_at, _r.recording_id) > key)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            return await kept_of(connection, rows, self._now())

    async def kept_count(self, tenant: str) -> int:
        query = select(func.count()).select_from(t.recordings).where(_r.tenant == tenant, *_there())
        async with self._database.reading() as connection:
            return int((await connection.execute(query)).scalar_one())

    async def holds_in_force(self, tenant: str) -> list[Hold]:
        async with self._database.reading() as connection:
            return await holds_of(connection, [tenant])


def _there() -> tuple[Any, ...]:
    return _r.deleted_at.is_(None), _r.ended_at.is_not(None), _r.media_state.in_(_AT_REST)
