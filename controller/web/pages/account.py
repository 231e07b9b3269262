"""One's own account: password, second factor, sessions, API tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from ...core.roles import GRANTS, MEANING, Permission
from ...engine.reading import Account
from .. import account_changes as changes
from ..access import address_of
from ..api import tokens
from ..api.params import plain
from ..changes import note
from ..language import LANGUAGES, N_, language_of
from ..permits import SessionMe
from ..problems import Problem
from ..second_factor import provisioning_uri, qr_code
from ..services import Parts, Services, web_of
from ..signing_in import second_factor_required
from .rendering import page
from .sign_in import too_many
from .sign_in_code import WRONG

router = APIRouter(prefix="/account")

Secret = Annotated[str, Form(max_length=4000)]
Code = Annotated[str, Form(max_length=40)]


@router.get("")
async def account_page(request: Request, parts: Parts, me: SessionMe) -> Response:
    return await _page(request, parts, me)


@router.post("/password")
async def set_password(
    request: Request, parts: Parts, me: SessionMe,
    current: Secret = "", password: Secret = "", again: Secret = "",
) -> Response:  # fmt: skip
    if password != again:
        return await _page(request, parts, me, 422, error="The new password was not the same twice.")
    try:
        await changes.change_own_password(request, parts, me, current, password)
    except Problem as problem:
        return await _page(request, parts, me, problem.status, error=problem.detail)
    return RedirectResponse("/account?saved=password", 303)


@router.post("/language")
async def choose_language(
    request: Request, parts: Parts, me: SessionMe, language: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    """Of one's own pages; "" is whatever the browser asks for."""
    if language not in ("", *LANGUAGES):
        return await _page(request, parts, me, 422, error="Choose one of the list.")
    await parts.accounts.set_language(me.account_id, language)
    return RedirectResponse("/account?saved=language", 303)


@router.post("/second-factor")
async def begin_factor(request: Request, parts: Parts, me: SessionMe) -> Response:
    try:
        await web_of(request).second_factors.begin(me.account_id)
    except ValueError:
        return await _page(request, parts, me, 409, error="There is a second factor already.")
    return RedirectResponse("/account#second-factor", 303)


@router.post("/second-factor/confirm")
async def confirm_factor(request: Request, parts: Parts, me: SessionMe, code: Code = "") -> Response:
    web = web_of(request)
    wait = web.lockout.attempt_code(me.account_id)
    if wait:
        return await _page(request, parts, me, 429, error=too_many(wait))
    codes = await web.second_factors.confirm(me.account_id, code, parts.now())
    if codes is None:
        return await _page(request, parts, me, 422, error=WRONG)
    web.lockout.code_succeeded(me.account_id)
    await note(parts, me, "second factor set up", me.login, "", address_of(request))
    return page(request, "recovery_codes.html", codes=codes, next="/account")


@router.post("/second-factor/codes")
async def renew_codes(request: Request, parts: Parts, me: SessionMe, code: Code = "") -> Response:
    problem = await _wrong_code(request, parts, me, code)
    if problem is not None:
        return problem
    codes = await web_of(request).second_factors.renew_recovery_codes(me.account_id)
    await note(parts, me, "recovery codes renewed", me.login, "", address_of(request))
    return page(request, "recovery_codes.html", codes=codes, next="/account")


@router.post("/second-factor/remove")
async def remove_factor(request: Request, parts: Parts, me: SessionMe, code: Code = "") -> Response:
    problem = await _wrong_code(request, parts, me, code)
    if problem is not None:
        return problem
    if await second_factor_required(web_of(request), me):
        return await _page(request, parts, me, 409, error="Your account needs a second factor.")
    await parts.accounts.remove_factor(me.account_id)
    await note(parts, me, "second factor removed", me.login, "", address_of(request))
    return RedirectResponse("/account?saved=factor", 303)


@router.post("/sessions/{session}/end")
async def end_session(request: Request, parts: Parts, me: SessionMe, session: str) -> Response:
    await changes.end_session(request, parts, me, me, session)
    return RedirectResponse("/account?saved=session", 303)


@router.post("/sessions/end")
async def end_sessions(request: Request, parts: Parts, me: SessionMe) -> Response:
    """All but the one that asks."""
    await changes.end_sessions(request, parts, me, me, request.state.session)
    return RedirectResponse("/account?saved=session", 303)


@router.post("/tokens")
async def make_token(
    request: Request, parts: Parts, me: SessionMe,
    label: Annotated[str, Form(max_length=100)] = "",
    days: Annotated[int, Form(ge=0, le=3650)] = 90,
    all_of_it: Annotated[str, Form(alias="all", max_length=10)] = "",
    scope: Annotated[list[Permission] | None, Form()] = None,
) -> Response:  # fmt: skip
    if not all_of_it and not scope:
        return await _page(request, parts, me, 422, error="Tick what the token may do.")
    expires = parts.now() + timedelta(days=days) if days else None
    body = tokens.TokenBody(
        label=plain(label) or "token", expires_at=expires, scopes=None if all_of_it else scope
    )
    try:
        made = await tokens.make(request, parts, me, body)
    except Problem as problem:
        return await _page(request, parts, me, problem.status, error=problem.detail)
    return await _page(request, parts, me, made=made.token)


@router.post("/tokens/{token_id}/remove")
async def remove_token(request: Request, parts: Parts, me: SessionMe, token_id: str) -> Response:
    await changes.remove_token(request, parts, me, me, token_id)
    return RedirectResponse("/account?saved=token", 303)


async def _wrong_code(request: Request, parts: Services, me: Account, code: str) -> Response | None:
    web = web_of(request)
    wait = web.lockout.attempt_code(me.account_id)
    if wait:
        return await _page(request, parts, me, 429, error=too_many(wait))
    if not await web.second_factors.check(me.account_id, code, parts.now()):
        return await _page(request, parts, me, 422, error=WRONG)
    web.lockout.code_succeeded(me.account_id)
    return None


_SAVED = {
    "language": N_("The language is chosen."),
    "password": N_("The password is changed; every other session has ended."),
    "factor": N_("The second factor is gone."),
    "session": N_("Ended."),
    "token": N_("Removed."),
}


async def _page(
    request: Request, parts: Services, me: Account, status: int = 200, *, error: str = "", made: str = ""
) -> Response:
    saved = _SAVED.get(request.query_params.get("saved", ""), "") if not error and not made else ""
    scopes = [(p, MEANING[p]) for p in Permission if p in GRANTS[me.role] and p is not Permission.OWN_ACCOUNT]
    return page(
        request, "account.html", status, error=error, made=made, saved=saved, scopes=scopes,
        languages=[language_of(code) for code in LANGUAGES],
        tokens=await parts.accounts.tokens(me.account_id),
        sessions=await parts.accounts.sessions(me.account_id, parts.now()),
        this=request.state.session.nonce, least=parts.sign_in.least_password,
        **await _factor(request, parts, me),
    )  # fmt: skip


async def _factor(request: Request, parts: Services, me: Account) -> dict[str, Any]:
    web = web_of(request)
    found = await parts.accounts.second_factor(me.account_id)
    secret = await web.second_factors.pending(me.account_id) if found and not found.confirmed_at else None
    return {
        "factor": found if found and found.confirmed_at else None,
        "required": await second_factor_required(web, me),
        "codes_left": await parts.accounts.recovery_codes_left(me.account_id),
        "secret": secret,
        "qr": qr_code(provisioning_uri(secret, me.login)) if secret else "",
    }
