"""One's own account: password and API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from ...engine.reading import Account
from ..api import tokens
from ..api.accounts import change_own_password
from ..api.params import plain
from ..permits import SessionMe
from ..problems import Problem
from ..services import Parts, Services, web_of
from .rendering import page

router = APIRouter(prefix="/account")


@router.get("")
async def account_page(request: Request, parts: Parts, me: SessionMe) -> Response:
    return await _page(request, parts, me)


@router.post("/password")
async def set_password(
    request: Request, parts: Parts, me: SessionMe,
    current: Annotated[str, Form(max_length=4000)] = "",
    password: Annotated[str, Form(max_length=4000)] = "",
    again: Annotated[str, Form(max_length=4000)] = "",
) -> Response:  # fmt: skip
    if password != again:
        return await _page(request, parts, me, 422, error="The new password was not the same twice.")
    try:
        password_hash = await change_own_password(request, parts, me, current, password)
    except Problem as problem:
        return await _page(request, parts, me, problem.status, error=problem.detail)
    # All sessions have ended, this one too: go on with a new one.
    web = web_of(request)
    answer = RedirectResponse("/account", 303)
    web.sessions.set_cookie(answer, web.sessions.begin(me.account_id, password_hash))
    return answer


@router.post("/tokens")
async def make_token(
    request: Request, parts: Parts, me: SessionMe,
    label: Annotated[str, Form(max_length=100)] = "",
    days: Annotated[int, Form(ge=0, le=3650)] = 90,
) -> Response:  # fmt: skip
    expires = parts.now() + timedelta(days=days) if days else None
    body = tokens.TokenBody(label=plain(label) or "token", expires_at=expires)
    made = await tokens.make(request, parts, me, body)
    return await _page(request, parts, me, made=made.token)


@router.post("/tokens/{token_id}/remove")
async def remove_token(request: Request, parts: Parts, me: SessionMe, token_id: str) -> Response:
    await tokens.remove(request, parts, me, token_id)
    return RedirectResponse("/account", 303)


async def _page(
    request: Request, parts: Services, me: Account, status: int = 200, *, error: str = "", made: str = ""
) -> Response:
    own = await parts.accounts.tokens(me.account_id)
    return page(request, "account.html", status, tokens=own, error=error, made=made)
