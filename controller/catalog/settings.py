"""Settings and rules: the system's, the tenants', the users', the routes' (engine.reading.SettingsStore)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, delete, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.rules import ROUTE_SCOPES, PolicyRule, PolicyScope
from ..engine.ports import DirectoryUser
from ..engine.reading import Scope, SystemSettings, TenantSettings, UserSettings
from . import tables as t
from .columns import found_in
from .gate import Gate
from .newcomers import add_users
from .policies import settings_changed
from .policy_rows import (
    route_rule,
    rule_row,
    system_row,
    system_settings,
    tenant_row,
    tenant_settings,
    user_row,
    user_settings,
)
from .writing import OnDatabase, add_missing, upsert


class Settings(OnDatabase):
    """engine.reading.SettingsStore."""

    async def system(self) -> SystemSettings:
        async with self._database.reading() as connection:
            row = (await connection.execute(select(t.system_settings))).first()
        return SystemSettings() if row is None else system_settings(row)

    async def set_system(self, settings: SystemSettings) -> None:
        """Raises InvalidPolicy for what cannot be meant."""
        _ = settings.rule  # raises
        async with self._database.writing() as connection:
            await upsert(connection, t.system_settings, [system_row(settings)], keep={"revision"})
            await settings_changed(connection)

    async def tenants(self, scope: Scope) -> list[TenantSettings]:
        """By name. A user's scope sees its own tenant."""
        c = t.tenants.c
        query = select(t.tenants).where(Gate(scope).tenant(c.tenant)).order_by(c.tenant)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [tenant_settings(row) for row in rows]

    async def set_tenant(self, settings: TenantSettings) -> None:
        """Raises InvalidPolicy for what cannot be meant."""
        _ = settings.rule  # raises
        row = tenant_row(settings, self._now())
        async with self._database.writing() as connection:
            await upsert(connection, t.tenants, [row], keep={"folder", "created_at"})
            await settings_changed(connection)

    async def users(self, scope: Scope) -> list[UserSettings]:
        """By tenant and user. A user's scope sees itself."""
        c = t.users.c
        query = select(t.users).where(Gate(scope).user(c.tenant, c.user)).order_by(c.tenant, c.user)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [user_settings(row) for row in rows]

    async def users_page(
        self, scope: Scope, *, text: str = "", tenant: str = "", after: tuple[str, str] | None = None,
        limit: int = 100,
    ) -> tuple[list[UserSettings], bool]:  # fmt: skip
        c = t.users.c
        query = select(t.users).where(Gate(scope).user(c.tenant, c.user))
        if tenant:
            query = query.where(c.tenant == tenant)
        if text:
            sqlite = self._database.sqlite
            query = query.where(or_(*(found_in(x, text, sqlite=sqlite) for x in (c.user, c.name))))
        if after is not None:
            query = query.where(or_(c.tenant > after[0], and_(c.tenant == after[0], c.user > after[1])))
        query = query.order_by(c.tenant, c.user).limit(limit + 1)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [user_settings(row) for row in rows[:limit]], len(rows) > limit

    async def set_user(self, settings: UserSettings) -> None:
        """Raises InvalidPolicy for what cannot be meant."""
        _ = settings.rule  # raises
        row = user_row(settings, self._now())
        async with self._database.writing() as connection:
            await self._add_tenant(connection, settings.tenant)
            await upsert(connection, t.users, [row], keep={"created_at"})
            await settings_changed(connection)

    async def import_users(self, users: Sequence[DirectoryUser]) -> None:
        """Make those who are not there, with their tenant's defaults for new users, and name those
        there who have no name. Idempotent; one transaction."""
        now = self._now()
        u = t.users.c
        async with self._database.writing() as connection:
            names = sorted({one.tenant for one in users})
            await add_missing(connection, t.tenants, [tenant_row(TenantSettings(n), now) for n in names])
            rows = [user_row(UserSettings(one.tenant, one.user, one.name), now) for one in users]
            changed = await add_users(connection, rows)
            for one in sorted(users, key=lambda u: (u.tenant, u.user)):
                if one.name:
                    nameless = (u.tenant == one.tenant, u.user == one.user, u.name == "")
                    await connection.execute(update(t.users).where(*nameless).values(name=one.name))
            if changed:
                await settings_changed(connection)

    async def rules(self, scope: Scope) -> list[PolicyRule]:
        """By tenant, scope and name. A user sees none: they are the administrator's business."""
        c = t.rules.c
        query = select(t.rules).where(Gate(scope).administered(c.tenant)).order_by(c.tenant, c.scope, c.name)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [route_rule(row) for row in rows]

    async def set_rule(self, rule: PolicyRule) -> None:
        """Raises ValueError for a rule of a scope that is set elsewhere."""
        if rule.scope not in ROUTE_SCOPES:
            raise ValueError(f"a rule of the {rule.scope} is set with the {rule.scope}'s own settings")
        async with self._database.writing() as connection:
            if rule.tenant:
                await self._add_tenant(connection, rule.tenant)
            await upsert(connection, t.rules, [rule_row(rule)])
            await settings_changed(connection)

    async def remove_rule(self, scope: Scope, of: PolicyScope, tenant: str | None, name: str) -> bool:
        """False if there is no such rule in this scope."""
        c = t.rules.c
        statement = delete(t.rules).where(
            Gate(scope).administered(c.tenant),
            c.scope == str(of),
            c.tenant == (tenant or ""),
            c.name == name,
        )
        async with self._database.writing() as connection:
            removed = (await connection.execute(statement)).rowcount > 0
            if removed:
                await settings_changed(connection)
        return removed

    async def _add_tenant(self, connection: AsyncConnection, tenant: str) -> None:
        await add_missing(connection, t.tenants, [tenant_row(TenantSettings(tenant), self._now())])
