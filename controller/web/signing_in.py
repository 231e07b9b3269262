"""What follows once somebody has shown who they are: the second factor, the session, the audit."""

from __future__ import annotations

from fastapi import Request, Response

from ..core.options import SecondFactorFor
from ..core.roles import GRANTS, Permission
from ..engine.entry import Stage
from ..engine.reading import Account, AuditEntry, Scope
from .devices import device_name
from .services import Web, web_of


async def begin(request: Request, response: Response, account: Account, means: str, stage: Stage) -> None:
    """Give the response a session in this stage; a full one is a sign-in, in the audit."""
    web = web_of(request)
    address = request.client.host if request.client else ""
    device = device_name(request.headers.get("user-agent", ""))
    cookie = await web.sessions.begin(
        account.account_id, stage=stage, address=address, device=device, means=means
    )
    web.sessions.set_cookie(response, cookie)
    if stage is Stage.FULL:
        web.devices.remember(request, response, account.account_id)
        await web.services.accounts.audit(
            AuditEntry(
                web.services.now(), account.login, account.tenant, "sign-in", "session",
                f"by {means}, {device}", address,
            )
        )  # fmt: skip


async def stage_after_password(web: Web, account: Account) -> Stage:
    found = await web.services.accounts.second_factor(account.account_id)
    if found is not None and found.confirmed_at is not None:
        return Stage.CODE
    return Stage.ENROL if await second_factor_required(web, account) else Stage.FULL


async def second_factor_required(web: Web, account: Account) -> bool:
    """By the operator for the role, or by the tenant for all or for those who administer."""
    if account.role in web.services.sign_in.second_factor_for:
        return True
    if account.tenant is None:
        return False
    found = await web.services.settings.tenants(Scope(account.tenant))
    wanted = next((t.options.second_factor for t in found if t.tenant == account.tenant), None)
    if wanted is SecondFactorFor.ADMINISTRATORS:
        return bool(GRANTS[account.role] & _OFFICE)
    return wanted is SecondFactorFor.EVERYBODY


#: Whoever has one of these reaches more than calls that are their business anyway.
_OFFICE = {Permission.MANAGE_ACCOUNTS, Permission.SEE_AUDIT, Permission.CHANGE_POLICY}
