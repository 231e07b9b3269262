"""Policies: the system's, the tenants', the users' (engine.reading.SettingsStore)."""

from __future__ import annotations

from sqlalchemy import select

from ..engine.reading import Scope, SystemSettings, TenantSettings, UserSettings
from . import tables as t
from .gate import Gate
from .graphs import tenant_row, user_row
from .writing import OnDatabase, add_missing, upsert


class Settings(OnDatabase):
    """engine.reading.SettingsStore."""

    async def system(self) -> SystemSettings:
        async with self._database.reading() as connection:
            external = (await connection.execute(select(t.system_settings.c.record_external))).scalar()
        return SystemSettings(bool(external))

    async def set_system(self, settings: SystemSettings) -> None:
        row = {"number": 1, "record_external": settings.record_external}
        async with self._database.writing() as connection:
            await upsert(connection, t.system_settings, [row])

    async def tenants(self, scope: Scope) -> list[TenantSettings]:
        """By name. A user's scope sees its own tenant."""
        c = t.tenants.c
        query = select(c.tenant, c.record_audio, c.record_video).where(Gate(scope).tenant(c.tenant))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query.order_by(c.tenant))).all()
        return [TenantSettings(*row) for row in rows]

    async def set_tenant(self, settings: TenantSettings) -> None:
        if not settings.tenant:
            raise ValueError("a tenant needs a name")
        row = tenant_row(settings.tenant, self._now(), settings.record_audio, settings.record_video)
        async with self._database.writing() as connection:
            await upsert(connection, t.tenants, [row], keep={"folder", "created_at"})

    async def users(self, scope: Scope) -> list[UserSettings]:
        """By tenant and user. A user's scope sees itself."""
        c = t.users.c
        query = select(c.tenant, c.user, c.name, c.record_audio, c.record_video)
        query = query.where(Gate(scope).user(c.tenant, c.user)).order_by(c.tenant, c.user)
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
        return [UserSettings(*row) for row in rows]

    async def set_user(self, settings: UserSettings) -> None:
        if not settings.tenant or not settings.user:
            raise ValueError("a user needs a tenant and a name")
        now = self._now()
        row = user_row(
            settings.tenant,
            settings.user,
            now,
            settings.name,
            settings.record_audio,
            settings.record_video,
        )
        async with self._database.writing() as connection:
            await add_missing(connection, t.tenants, [tenant_row(settings.tenant, now)])
            await upsert(connection, t.users, [row], keep={"created_at"})
