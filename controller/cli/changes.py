"""Changes to settings on the command line: stored, and in the audit as the pages put them there."""

from __future__ import annotations

from collections.abc import Iterable

from ..catalog.facade import SqlCatalog
from ..core.rules import PolicyRule, PolicyScope
from ..engine.ports import DirectoryUser
from ..engine.reading import Scope, SystemSettings, TenantSettings, UserSettings
from ..web.differences import difference, plain, subject_of
from .common import audited


async def tenant_settings(catalog: SqlCatalog, tenant: str) -> TenantSettings | None:
    return next((t for t in await catalog.tenants(Scope(tenant)) if t.tenant == tenant), None)


async def user_settings(catalog: SqlCatalog, tenant: str, user: str) -> UserSettings | None:
    found = await catalog.users(Scope(tenant, user))
    return next((u for u in found if (u.tenant, u.user) == (tenant, user)), None)


async def set_system(catalog: SqlCatalog, wanted: SystemSettings) -> None:
    before = await catalog.system()
    await catalog.set_system(wanted)
    await _setting(catalog, None, subject_of(wanted), before, wanted)


async def set_tenant(catalog: SqlCatalog, wanted: TenantSettings) -> None:
    before = await tenant_settings(catalog, wanted.tenant)
    await catalog.set_tenant(wanted)
    await _setting(catalog, wanted.tenant, subject_of(wanted), before, wanted)


async def set_user(catalog: SqlCatalog, wanted: UserSettings) -> None:
    before = await user_settings(catalog, wanted.tenant, wanted.user)
    await catalog.set_user(wanted)
    await _setting(catalog, wanted.tenant, subject_of(wanted), before, wanted)


async def set_rule(catalog: SqlCatalog, wanted: PolicyRule) -> None:
    before = await _rule(catalog, wanted.scope, wanted.tenant, wanted.name)
    await catalog.set_rule(wanted)
    await _setting(catalog, wanted.tenant, subject_of(wanted), before, wanted)


async def remove_rule(catalog: SqlCatalog, rule: PolicyRule) -> None:
    await catalog.remove_rule(Scope(None), rule.scope, rule.tenant, rule.name)
    await _setting(catalog, rule.tenant, subject_of(rule), rule, None)


async def imported(
    catalog: SqlCatalog, switch: str, new: Iterable[DirectoryUser], named: Iterable[DirectoryUser]
) -> None:
    """A line for each user that was made or got a name: whose settings they are, the tenant reads."""
    for user in new:
        stored = await user_settings(catalog, user.tenant, user.user)
        if stored is not None:
            what = difference(None, plain(stored))
            subject = subject_of(stored)
            await audited(catalog, user.tenant, "setting", subject, f"imported from {switch}; {what}")
    for user in named:
        subject = subject_of(UserSettings(user.tenant, user.user))
        await audited(
            catalog, user.tenant, "setting", subject, f"imported from {switch}; name: none → {user.name}"
        )


async def _rule(catalog: SqlCatalog, scope: PolicyScope, tenant: str | None, name: str) -> PolicyRule | None:
    found = await catalog.rules(Scope(None))
    return next((r for r in found if (r.scope, r.tenant, r.name) == (scope, tenant, name)), None)


async def _setting(
    catalog: SqlCatalog, tenant: str | None, subject: str,
    before: SystemSettings | TenantSettings | UserSettings | PolicyRule | None,
    after: SystemSettings | TenantSettings | UserSettings | PolicyRule | None,
) -> None:  # fmt: skip
    detail = difference(plain(before) if before else None, plain(after) if after else None)
    await audited(catalog, tenant, "setting", subject, detail)
