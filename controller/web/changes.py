"""Changes to settings, shared by the API and the pages: checked, stored, in force at once, in the audit."""

from __future__ import annotations

from ..core.rules import PolicyRule, PolicyScope
from ..engine.reading import (
    Account,
    AuditEntry,
    AuditFilter,
    Scope,
    SystemSettings,
    TenantSettings,
    UserSettings,
)
from .differences import difference, plain, subject_of
from .services import Services


async def note(
    services: Services, account: Account, action: str, subject: str, detail: str = "", address: str = "",
    tenant: str | None = None,
) -> None:  # fmt: skip
    """A line in the audit, in the tenant that the thing belongs to (by default the account's)."""
    entry = AuditEntry(
        services.now(), account.login, tenant or account.tenant, action, subject[:300], detail[:1000], address
    )
    await services.accounts.audit(entry)


async def last_change(services: Services, me: Account, subject: str) -> str:
    """What this account last changed of it, as the audit has it: ``audio: off → on``."""
    where = AuditFilter(account=me.login, action="setting", subject=subject)
    for _, entry in await services.accounts.audit_page(me.scope, where, limit=5):
        if (entry.account, entry.subject) == (me.login, subject):
            return entry.detail
    return ""


async def tenant_settings(services: Services, tenant: str) -> TenantSettings | None:
    found = await services.settings.tenants(Scope(tenant))
    return next((t for t in found if t.tenant == tenant), None)


async def user_settings(services: Services, tenant: str, user: str) -> UserSettings | None:
    found = await services.settings.users(Scope(tenant, user))
    return next((u for u in found if (u.tenant, u.user) == (tenant, user)), None)


async def route_rule(
    services: Services, scope: PolicyScope, tenant: str | None, name: str
) -> PolicyRule | None:
    found = await services.settings.rules(Scope(tenant))
    return next((r for r in found if (r.scope, r.tenant, r.name) == (scope, tenant, name)), None)


async def set_system(services: Services, me: Account, wanted: SystemSettings, address: str) -> None:
    """This and the other changes raise InvalidPolicy, the store's, before anything is stored."""
    before = await services.settings.system()
    await services.settings.set_system(wanted)
    await _in_force(services, me, subject_of(wanted), difference(plain(before), plain(wanted)), address, None)


async def set_tenant(services: Services, me: Account, wanted: TenantSettings, address: str) -> None:
    before = await tenant_settings(services, wanted.tenant)
    await services.settings.set_tenant(wanted)
    detail = difference(plain(before) if before else None, plain(wanted))
    await _in_force(services, me, subject_of(wanted), detail, address, wanted.tenant)


async def set_user(services: Services, me: Account, wanted: UserSettings, address: str) -> None:
    before = await user_settings(services, wanted.tenant, wanted.user)
    await services.settings.set_user(wanted)
    detail = difference(plain(before) if before else None, plain(wanted))
    await _in_force(services, me, subject_of(wanted), detail, address, wanted.tenant)


async def set_rule(services: Services, me: Account, wanted: PolicyRule, address: str) -> None:
    before = await route_rule(services, wanted.scope, wanted.tenant, wanted.name)
    await services.settings.set_rule(wanted)
    detail = difference(plain(before) if before else None, plain(wanted))
    await _in_force(services, me, subject_of(wanted), detail, address, wanted.tenant)


async def remove_rule(
    services: Services, me: Account, scope: PolicyScope, tenant: str | None, name: str, address: str
) -> bool:
    """False if there is none that the account may see."""
    before = await route_rule(services, scope, tenant, name)
    if before is None or not await services.settings.remove_rule(me.scope, scope, tenant, name):
        return False
    await _in_force(services, me, subject_of(before), difference(plain(before), None), address, tenant)
    return True


async def _in_force(
    services: Services, me: Account, subject: str, detail: str, address: str, tenant: str | None
) -> None:
    await services.control.reload_policy()
    await note(services, me, "setting", subject, detail, address, tenant)
