"""Changes to settings, shared by the API and the pages: stored, in force at once, in the audit."""

from __future__ import annotations

from ..engine.reading import Account, AuditEntry, SystemSettings, TenantSettings, UserSettings
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


async def set_system(services: Services, me: Account, wanted: SystemSettings, address: str) -> None:
    await services.settings.set_system(wanted)
    await services.control.reload_policy()
    detail = f"record the call between external numbers: {_on(wanted.record_external)}"
    await note(services, me, "setting", "system", detail, address)


async def set_tenant(services: Services, me: Account, wanted: TenantSettings, address: str) -> None:
    await services.settings.set_tenant(wanted)
    await services.control.reload_policy()
    detail = (
        f"extension audio recording: {_on(wanted.record_audio)}, "
        f"extension video recording: {_on(wanted.record_video)}"
    )
    await note(services, me, "setting", f"tenant {wanted.tenant}", detail, address, wanted.tenant)


async def set_user(services: Services, me: Account, wanted: UserSettings, address: str) -> None:
    await services.settings.set_user(wanted)
    await services.control.reload_policy()
    detail = f"record audio calls: {_on(wanted.record_audio)}, record video calls: {_on(wanted.record_video)}"
    await note(services, me, "setting", f"user {wanted.user}@{wanted.tenant}", detail, address, wanted.tenant)


def _on(value: bool) -> str:
    return "on" if value else "off"
