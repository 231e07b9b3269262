"""/api/v1/accounts: who may sign in."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from ...engine.reading import Account, Role
from ..access import address_of, known_id, sound
from ..changes import note
from ..passwords import MAX_LENGTH, MIN_LENGTH, weakness
from ..permits import AccountManager, SessionMe, SignedIn
from ..problems import Problem, not_found
from ..services import Parts, Services, web_of
from .views import AccountView

router = APIRouter(tags=["accounts"])

NewPassword = Annotated[str, Field(min_length=MIN_LENGTH, max_length=MAX_LENGTH)]


class AccountBody(BaseModel):
    login: str = Field(pattern=r"^[^\s\x00-\x1f\x7f]{1,200}$", examples=["ada@example.org"])
    password: NewPassword
    role: Literal["system_administrator", "tenant_administrator", "user"]
    tenant: str | None = Field(None, max_length=253)
    extension: str | None = Field(None, max_length=128, description="The switch user that a user account is.")


class PasswordBody(BaseModel):
    password: NewPassword


class OwnPasswordBody(BaseModel):
    current: str = Field(max_length=MAX_LENGTH)
    password: NewPassword


@router.get("/me", summary="The account that asks")
async def get_me(me: SignedIn) -> AccountView:
    return AccountView.of(me)


@router.put("/me/password", status_code=204, summary="Change one's own password; ends all sessions")
async def put_own_password(request: Request, parts: Parts, me: SessionMe, body: OwnPasswordBody) -> None:
    await change_own_password(request, parts, me, body.current, body.password)


@router.get("/accounts", summary="Accounts")
async def get_accounts(parts: Parts, me: AccountManager) -> list[AccountView]:
    return [AccountView.of(a) for a in await parts.accounts.accounts(me.scope)]


@router.post("/accounts", status_code=201, summary="Make an account")
async def post_account(request: Request, parts: Parts, me: AccountManager, body: AccountBody) -> AccountView:
    role = Role(body.role)
    if me.role is not Role.SYSTEM and (role is Role.SYSTEM or body.tenant != me.tenant):
        raise Problem(403, "A tenant's administrator makes accounts of that tenant only.")
    if role is Role.SYSTEM and (body.tenant or body.extension):
        raise Problem(422, "A system administrator has neither tenant nor extension.")
    account = Account(parts.new_id(), body.login, role, body.tenant, body.extension)
    if not sound(account):
        raise Problem(422, "The role needs a tenant, and a user an extension as well.")
    fault = weakness(body.password)
    if fault:
        raise Problem(422, fault)
    password_hash = await web_of(request).passwords.hash(body.password)
    try:
        await parts.accounts.add_account(account, password_hash)
    except ValueError as error:
        raise Problem(409, "The login is taken.") from error
    await note(parts, me, "account made", account.login, str(role), address_of(request), account.tenant)
    return AccountView.of(account)


@router.put("/accounts/{account_id}/password", status_code=204, summary="Set an account's password")
async def put_password(
    request: Request, parts: Parts, me: AccountManager, account_id: str, body: PasswordBody
) -> None:
    known_id(account_id, "account")
    account = next((a for a in await parts.accounts.accounts(me.scope) if a.account_id == account_id), None)
    # The scope's answer is not enough to hand over an account: never one above one's own role.
    if account is None or (me.role is not Role.SYSTEM and account.tenant != me.tenant):
        raise not_found("account")
    if me.role is not Role.SYSTEM and account.role is Role.SYSTEM:
        raise not_found("account")
    fault = weakness(body.password)
    if fault:
        raise Problem(422, fault)
    await parts.accounts.set_password(account_id, await web_of(request).passwords.hash(body.password))
    await note(parts, me, "password set", account.login, "", address_of(request), account.tenant)


async def change_own_password(
    request: Request, parts: Services, me: Account, current: str, password: str
) -> str:
    """Change it and give its new hash. Raises Problem if the current one is wrong (counted as a
    sign-in attempt) or the new one is weak."""
    web = web_of(request)
    address = address_of(request)
    if web.lockout.attempt(me.login, address):
        raise Problem(429, "Too many attempts. Try again later.")
    credentials = await parts.accounts.credentials(me.login)
    if not await web.passwords.verify(current, credentials.password_hash if credentials else None):
        raise Problem(403, "The current password is wrong.")
    web.lockout.succeeded(me.login, address)
    fault = weakness(password)
    if fault:
        raise Problem(422, fault)
    password_hash = await web.passwords.hash(password)
    await parts.accounts.set_password(me.account_id, password_hash)
    await note(parts, me, "password changed", me.login, "", address)
    return password_hash
