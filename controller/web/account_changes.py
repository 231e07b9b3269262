"""Changes to accounts, shared by the API and the pages: allowed, checked, stored, in the audit.

Nobody gives more than they have: neither by a new account or role, nor by taking over somebody's
account with a new password, nor by a token whose scopes say less than its account's role.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from fastapi import Request

from ..core.roles import GRANTS, Permission, Role, may_give
from ..engine.entry import SessionRow
from ..engine.reading import Account
from .access import address_of, known_id, sound
from .changes import note
from .passwords import weakness
from .problems import Problem, not_found
from .services import Services, web_of


async def find(request: Request, parts: Services, me: Account, account_id: str) -> Account:
    """An account that ``me`` may change. Raises 404 for every other one."""
    found, _ = await parts.accounts.accounts_page(me.scope, account_id=known_id(account_id, "account"))
    account = found[0].account if found else None
    # The scope's answer is not enough to hand over an account: never one above one's own.
    if account is None or not _may_touch(request, me, account.role):
        raise not_found("account")
    return account


async def add(request: Request, parts: Services, me: Account, account: Account, password: str) -> None:
    if not may_give(me.role, account.role) or (me.tenant is not None and account.tenant != me.tenant):
        raise Problem(403, "A tenant's administrator makes accounts of that tenant only.")
    if not _may_touch(request, me, account.role):
        raise Problem(403, "The token's scopes do not cover what this role may do.")
    if account.role is Role.SYSTEM and (account.tenant or account.extension):
        raise Problem(422, "A system administrator has neither tenant nor extension.")
    if not sound(account):
        raise Problem(422, "The role needs a tenant, and a user an extension as well.")
    password_hash = await checked_hash(request, account, password)
    try:
        await parts.accounts.add_account(account, password_hash)
    except ValueError as error:
        raise Problem(409, "The login is taken.") from error
    await note(
        parts, me, "account made", account.login, str(account.role), address_of(request), account.tenant
    )


async def change(
    request: Request, parts: Services, me: Account, account: Account, wanted: Account,
    groups: Sequence[str] | None = None,
) -> Account:  # fmt: skip
    """Role, extension, disabled. Nobody changes their own: then somebody else is always left."""
    if wanted != account and account.account_id == me.account_id:
        raise Problem(409, "Somebody else has to change your own account.")
    if not may_give(me.role, wanted.role) or not _may_touch(request, me, wanted.role):
        raise Problem(403, "Nobody gives a role that may more than their own.")
    if wanted.role is not account.role and Role.SYSTEM in (wanted.role, account.role):
        raise Problem(422, "A system administrator belongs to no tenant: make another account.")
    if not sound(replace(wanted, disabled=False)):
        raise Problem(422, "The role needs a tenant, and a user an extension as well.")
    said = [
        f"{name}: {getattr(account, name) or 'none'} → {getattr(wanted, name) or 'none'}"
        for name in ("role", "extension", "disabled")
        if getattr(account, name) != getattr(wanted, name)
    ]
    if said:
        await parts.accounts.change_account(wanted)
    if groups is not None and sorted(groups) != await parts.accounts.groups_of(account.account_id):
        names = {g.group_id: g.name for g in await parts.accounts.groups(me.scope)}
        try:
            await parts.accounts.set_groups_of(account.account_id, groups)
        except ValueError as error:
            raise Problem(422, "There is no such group of the account's tenant.") from error
        said.append("groups: " + (", ".join(sorted(names.get(g, g) for g in groups)) or "none"))
    if said:
        subject, detail = account.login, "; ".join(said)
        await note(parts, me, "account changed", subject, detail, address_of(request), account.tenant)
    return wanted


async def set_password(
    request: Request, parts: Services, me: Account, account: Account, password: str
) -> None:
    """Also ends all of the account's sessions."""
    password_hash = await checked_hash(request, account, password)
    await parts.accounts.set_password(account.account_id, password_hash)
    await note(parts, me, "password set", account.login, "", address_of(request), account.tenant)


async def reset_second_factor(request: Request, parts: Services, me: Account, account: Account) -> None:
    if not await parts.accounts.remove_factor(account.account_id):
        raise not_found("second factor")
    await note(parts, me, "second factor reset", account.login, "", address_of(request), account.tenant)


async def end_session(request: Request, parts: Services, me: Account, account: Account, nonce: str) -> None:
    """One of the account's sessions. Raises 404."""
    if not await parts.accounts.end_session(account.account_id, known_id(nonce, "session")):
        raise not_found("session")
    await note(parts, me, "session ended", account.login, "", address_of(request), account.tenant)


async def end_sessions(
    request: Request, parts: Services, me: Account, account: Account, but: SessionRow | None = None
) -> int:
    ended = await parts.accounts.end_sessions(account.account_id, but=but.nonce if but else "")
    if ended:
        detail = f"{ended} of them"
        await note(parts, me, "sessions ended", account.login, detail, address_of(request), account.tenant)
    return ended


async def remove_token(
    request: Request, parts: Services, me: Account, account: Account, token_id: str
) -> None:
    """Raises 404 for one that is not the account's."""
    if not await parts.accounts.remove_token(account.account_id, known_id(token_id, "token")):
        raise not_found("token")
    detail = "" if account.account_id == me.account_id else f"of {account.login}"
    await note(parts, me, "token removed", token_id, detail, address_of(request), account.tenant)


async def change_own_password(
    request: Request, parts: Services, me: Account, current: str, password: str
) -> None:
    """Change it; every other session ends. Raises Problem if the current one is wrong (counted as a
    sign-in attempt) or the new one is weak."""
    web, address = web_of(request), address_of(request)
    device = web.devices.of(request, me.account_id)
    if web.lockout.attempt(me.login, address, device):
        raise Problem(429, "Too many attempts. Try again later.")
    credentials = await parts.accounts.credentials(me.login)
    if not await web.passwords.verify(current, credentials.password_hash if credentials else None):
        await note(parts, me, "password refused", me.login, "the current one was wrong", address)
        raise Problem(403, "The current password is wrong.")
    web.lockout.succeeded(me.login, address, device)
    password_hash = await checked_hash(request, me, password)
    session: SessionRow = request.state.session
    await parts.accounts.set_password(me.account_id, password_hash, keep=session.nonce)
    await note(parts, me, "password changed", me.login, "", address)


async def checked_hash(request: Request, account: Account, password: str) -> str:
    """The hash of a new password. Raises 422 with what is wrong with it."""
    web = web_of(request)
    about = (account.login, account.tenant, account.extension)
    fault = weakness(password, about, web.services.sign_in.least_password)
    if fault:
        raise Problem(422, fault)
    return await web.passwords.hash(password)


def made_up_password() -> str:
    """For whoever is to give it on; 120 random bits."""
    return secrets.token_urlsafe(15)


def _may_touch(request: Request, me: Account, role: Role) -> bool:
    scopes = getattr(request.state, "scopes", None)
    covered = scopes is None or GRANTS[role] <= {*scopes, Permission.OWN_ACCOUNT}
    return covered and may_give(me.role, role)
