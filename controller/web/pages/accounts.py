"""Company › Accounts: who may sign in; and one account with its sessions, tokens and second factor."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from ...core.roles import Role, may_give
from ...engine.reading import Account
from .. import account_changes as changes
from ..language import N_
from ..permits import AccountManager
from ..problems import Problem
from ..services import Parts, Services
from .forms import Sheet
from .rendering import page

router = APIRouter(prefix="/company/accounts")

#: In people's words, and what each reaches.
ROLES = {
    Role.USER: N_("User: the calls of one extension"),
    Role.SUPERVISOR: N_("Supervisor: the calls of their groups"),
    Role.COMPLIANCE: N_("Compliance officer: listens, holds, proves; changes nothing"),
    Role.TENANT: N_("Tenant administrator"),
    Role.SYSTEM: N_("System administrator: every tenant"),
}
MOST = 500


@router.get("")
async def accounts_page(
    request: Request, parts: Parts, me: AccountManager, q: Annotated[str, Query(max_length=200)] = ""
) -> Response:
    return await _list(request, parts, me, q=q)


@router.post("/add")
async def add_account(request: Request, parts: Parts, me: AccountManager) -> Response:
    sheet = await Sheet.sent(request)
    form = await request.form()
    password = str(form.get("password", ""))[:4000]
    role = sheet.choice("role", Role, Role.USER)
    tenant = None if role is Role.SYSTEM else (me.tenant or sheet.one("tenant") or None)
    extension = sheet.one("extension") if role is Role.USER else None
    if not sheet.one("login") or " " in sheet.one("login"):
        sheet.faults["login"] = "A login has no blanks; an e-mail address is a good one."
    if role is not Role.SYSTEM and not tenant:
        sheet.faults["tenant"] = "This role needs a tenant."
    if role is Role.USER and not extension:
        sheet.faults["extension"] = "A user needs an extension."
    made_up = "" if password else changes.made_up_password()
    account = Account(parts.new_id(), sheet.one("login")[:200], role, tenant, extension)
    if not sheet.faults:
        try:
            await changes.add(request, parts, me, account, password or made_up)
        except Problem as problem:
            sheet.faults["login" if problem.status == 409 else "password"] = problem.detail
    if sheet.faults:
        return await _list(request, parts, me, 422, sheet=sheet)
    return await _page(request, parts, me, account, password=made_up, said="The account is made.")


@router.get("/{account_id}")
async def account_page(request: Request, parts: Parts, me: AccountManager, account_id: str) -> Response:
    account = await changes.find(request, parts, me, account_id)
    said = "Saved." if request.query_params.get("saved") == "1" else ""
    return await _page(request, parts, me, account, said=said)


@router.post("/{account_id}")
async def save_account(request: Request, parts: Parts, me: AccountManager, account_id: str) -> Response:
    account = await changes.find(request, parts, me, account_id)
    sheet = await Sheet.sent(request)
    role = sheet.choice("role", Role, account.role)
    if sheet.faults:
        return await _page(request, parts, me, account, 422, error=sheet.fault("role"))
    extension = (sheet.one("extension") or None) if role is Role.USER else None
    wanted = replace(account, role=role, extension=extension, disabled=sheet.ticked("disabled"))
    groups = sheet.many("group") if role is Role.SUPERVISOR else []
    try:
        await changes.change(request, parts, me, account, wanted, groups)
    except Problem as problem:
        return await _page(request, parts, me, account, problem.status, error=problem.detail)
    return RedirectResponse(f"/company/accounts/{account_id}?saved=1", 303)


@router.post("/{account_id}/password")
async def reset_password(request: Request, parts: Parts, me: AccountManager, account_id: str) -> Response:
    """A made-up one, shown once, to be handed over and changed."""
    account = await changes.find(request, parts, me, account_id)
    password = changes.made_up_password()
    await changes.set_password(request, parts, me, account, password)
    return await _page(
        request, parts, me, account, password=password, said="The password is reset; all sessions have ended."
    )


@router.post("/{account_id}/second-factor/reset")
async def reset_factor(request: Request, parts: Parts, me: AccountManager, account_id: str) -> Response:
    account = await changes.find(request, parts, me, account_id)
    await changes.reset_second_factor(request, parts, me, account)
    return RedirectResponse(f"/company/accounts/{account_id}?saved=1", 303)


@router.post("/{account_id}/sessions/end")
async def end_sessions(request: Request, parts: Parts, me: AccountManager, account_id: str) -> Response:
    account = await changes.find(request, parts, me, account_id)
    await changes.end_sessions(request, parts, me, account)
    return RedirectResponse(f"/company/accounts/{account_id}?saved=1", 303)


@router.post("/{account_id}/sessions/{session}/end")
async def end_session(
    request: Request, parts: Parts, me: AccountManager, account_id: str, session: str
) -> Response:
    account = await changes.find(request, parts, me, account_id)
    await changes.end_session(request, parts, me, account, session)
    return RedirectResponse(f"/company/accounts/{account_id}?saved=1", 303)


@router.post("/{account_id}/tokens/{token_id}/remove")
async def remove_token(
    request: Request, parts: Parts, me: AccountManager, account_id: str, token_id: str
) -> Response:
    account = await changes.find(request, parts, me, account_id)
    await changes.remove_token(request, parts, me, account, token_id)
    return RedirectResponse(f"/company/accounts/{account_id}?saved=1", 303)


async def _list(
    request: Request, parts: Services, me: Account, status: int = 200, *, q: str = "",
    sheet: Sheet | None = None,
) -> Response:  # fmt: skip
    accounts = await parts.accounts.accounts(me.scope)
    wanted = q.strip().casefold()
    found = [a for a in accounts if wanted in a.login.casefold() or wanted in (a.extension or "").casefold()]
    return page(
        request, "accounts.html", status, accounts=found[:MOST], found=len(found), total=len(accounts), q=q,
        roles=_roles(me), sheet=sheet or Sheet.of({"role": Role.USER}),
        tenants=[t.tenant for t in await parts.settings.tenants(me.scope)],
    )  # fmt: skip


async def _page(
    request: Request, parts: Services, me: Account, account: Account, status: int = 200, *,
    error: str = "", said: str = "", password: str = "",
) -> Response:  # fmt: skip
    factor = await parts.accounts.second_factor(account.account_id)
    groups = [g for g in await parts.accounts.groups(me.scope) if g.tenant == account.tenant]
    roles = {r: text for r, text in _roles(me).items() if (r is Role.SYSTEM) == (account.role is Role.SYSTEM)}
    return page(
        request, "account_edit.html", status, one=account, error=error, said=said, password=password,
        roles=roles, groups=groups, of=await parts.accounts.groups_of(account.account_id),
        factor=factor if factor and factor.confirmed_at else None,
        sessions=await parts.accounts.sessions(account.account_id, parts.now()),
        tokens=await parts.accounts.tokens(account.account_id), own=account.account_id == me.account_id,
    )  # fmt: skip


def _roles(me: Account) -> dict[Role, str]:
    return {role: text for role, text in ROLES.items() if may_give(me.role, role)}
