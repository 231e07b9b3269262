"""/api/v1/accounts: who may sign in, with their sessions, tokens and second factors."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from ...core.roles import Role
from ...engine.reading import Account
from .. import account_changes as changes
from ..passwords import MAX_LENGTH, MIN_LENGTH
from ..permits import AccountManager, SessionMe, SignedIn
from ..services import Parts, Services
from .listing import Listed, closed, cut, moment, opened
from .params import Before, Limit
from .tokens import TokenPage, token_page
from .views import AccountView, SessionView

router = APIRouter(tags=["accounts"])

NewPassword = Annotated[
    str,
    Field(
        min_length=1,
        max_length=MAX_LENGTH,
        description=f"{MIN_LENGTH} characters or more, and not easily guessed.",
    ),
]
Groups = Annotated[list[str], Field(max_length=200, description="A supervisor's groups, by id.")]


class AccountPage(Listed[AccountView]):
    """By login."""


class SessionPage(Listed[SessionView]):
    """The latest begun first."""


class AccountBody(BaseModel):
    login: str = Field(pattern=r"^[^\s\x00-\x1f\x7f]{1,200}$", examples=["ada@example.org"])
    password: NewPassword
    role: Role
    tenant: str | None = Field(None, max_length=253)
    extension: str | None = Field(None, max_length=128, description="The switch user that a user account is.")
    groups: Groups = []


class AccountChanges(BaseModel):
    """What is left out stays as it is. An account's tenant and login never change."""

    model_config = ConfigDict(extra="forbid")
    role: Role | None = None
    extension: str | None = Field(None, max_length=128)
    disabled: bool | None = None
    groups: Groups | None = None


class PasswordBody(BaseModel):
    password: NewPassword


class OwnPasswordBody(PasswordBody):
    current: str = Field(max_length=MAX_LENGTH)


@router.get("/me", summary="The account that asks")
async def get_me(parts: Parts, me: SignedIn) -> AccountView:
    return await _view(parts, me)


@router.put("/me/password", status_code=204, summary="Change one's own password; ends all other sessions")
async def put_own_password(request: Request, parts: Parts, me: SessionMe, body: OwnPasswordBody) -> None:
    await changes.change_own_password(request, parts, me, body.current, body.password)


@router.get("/me/sessions", summary="Where one is signed in")
async def get_own_sessions(
    parts: Parts, me: SessionMe, limit: Limit = 50, before: Before = None
) -> SessionPage:
    return await _sessions(parts, me.account_id, limit, before)


@router.delete("/me/sessions/{session}", status_code=204, summary="End one of one's own sessions")
async def delete_own_session(request: Request, parts: Parts, me: SessionMe, session: str) -> None:
    await changes.end_session(request, parts, me, me, session)


@router.get("/accounts", summary="Accounts")
async def get_accounts(
    parts: Parts, me: AccountManager, limit: Limit = 50, before: Before = None
) -> AccountPage:
    after = "" if before is None else opened(before)[0]
    found, more = await parts.accounts.accounts_page(me.scope, after=after, limit=limit)
    items = [AccountView.of(a.account, list(a.groups), second_factor=a.second_factor) for a in found]
    return AccountPage(items=items, next=closed((found[-1].key,)) if more else None)


@router.post("/accounts", status_code=201, summary="Make an account")
async def post_account(request: Request, parts: Parts, me: AccountManager, body: AccountBody) -> AccountView:
    account = Account(parts.new_id(), body.login, body.role, body.tenant, body.extension)
    await changes.add(request, parts, me, account, body.password)
    if body.groups:
        await changes.change(request, parts, me, account, account, body.groups)
    return await _view(parts, account)


@router.get("/accounts/{account_id}", summary="One account")
async def get_account(request: Request, parts: Parts, me: AccountManager, account_id: str) -> AccountView:
    return await _view(parts, await changes.find(request, parts, me, account_id))


@router.patch(
    "/accounts/{account_id}", summary="Change an account's role, extension or groups, or disable it"
)
async def patch_account(
    request: Request, parts: Parts, me: AccountManager, account_id: str, body: AccountChanges
) -> AccountView:
    account = await changes.find(request, parts, me, account_id)
    wanted = replace(
        account,
        role=body.role or account.role,
        extension=body.extension or account.extension,
        disabled=account.disabled if body.disabled is None else body.disabled,
    )
    return await _view(parts, await changes.change(request, parts, me, account, wanted, body.groups))


@router.put("/accounts/{account_id}/password", status_code=204, summary="Set an account's password")
async def put_password(
    request: Request, parts: Parts, me: AccountManager, account_id: str, body: PasswordBody
) -> None:
    account = await changes.find(request, parts, me, account_id)
    await changes.set_password(request, parts, me, account, body.password)


@router.delete("/accounts/{account_id}/second-factor", status_code=204, summary="Reset its second factor")
async def delete_factor(request: Request, parts: Parts, me: AccountManager, account_id: str) -> None:
    account = await changes.find(request, parts, me, account_id)
    await changes.reset_second_factor(request, parts, me, account)


@router.get("/accounts/{account_id}/sessions", summary="Where an account is signed in")
async def get_sessions(
    request: Request, parts: Parts, me: AccountManager, account_id: str,
    limit: Limit = 50, before: Before = None,
) -> SessionPage:  # fmt: skip
    account = await changes.find(request, parts, me, account_id)
    return await _sessions(parts, account.account_id, limit, before)


@router.delete("/accounts/{account_id}/sessions", status_code=204, summary="End all of an account's sessions")
async def delete_sessions(request: Request, parts: Parts, me: AccountManager, account_id: str) -> None:
    account = await changes.find(request, parts, me, account_id)
    await changes.end_sessions(request, parts, me, account)


@router.get("/accounts/{account_id}/tokens", summary="An account's tokens")
async def get_tokens(
    request: Request, parts: Parts, me: AccountManager, account_id: str,
    limit: Limit = 50, before: Before = None,
) -> TokenPage:  # fmt: skip
    account = await changes.find(request, parts, me, account_id)
    return token_page(await parts.accounts.tokens(account.account_id), limit, before)


@router.delete(
    "/accounts/{account_id}/tokens/{token_id}", status_code=204, summary="Remove an account's token"
)
async def delete_token(
    request: Request, parts: Parts, me: AccountManager, account_id: str, token_id: str
) -> None:
    account = await changes.find(request, parts, me, account_id)
    await changes.remove_token(request, parts, me, account, token_id)


async def _sessions(parts: Services, account_id: str, limit: int, before: str | None) -> SessionPage:
    found = await parts.accounts.sessions(account_id, parts.now())
    page, more = cut(found, lambda s: (moment(s.created_at), s.nonce), limit, before, backwards=True)
    return SessionPage(items=[SessionView.of(s) for s in page], next=more)


async def _view(parts: Services, account: Account) -> AccountView:
    factor = await parts.accounts.second_factor(account.account_id)
    groups = await parts.accounts.groups_of(account.account_id) if account.role is Role.SUPERVISOR else []
    return AccountView.of(
        account, groups, second_factor=factor is not None and factor.confirmed_at is not None
    )
