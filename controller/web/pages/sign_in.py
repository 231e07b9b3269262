"""Signing in and out."""

from __future__ import annotations

import secrets
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from ...engine.reading import AuditEntry
from ..access import address_of, check_form, identify, sound
from ..permits import SignedIn
from ..problems import Problem
from ..services import Parts, web_of
from .rendering import page

open_router = APIRouter()
router = APIRouter()

WRONG = "Login and password do not fit."


@open_router.get("/sign-in")
async def sign_in_page(request: Request, next: Annotated[str, Query(max_length=4000)] = "/") -> Response:
    try:
        await identify(request)
    except Problem:
        return _form(request, next)
    return RedirectResponse(own_path(next), 303)


@open_router.post("/sign-in")
async def sign_in(
    request: Request,
    parts: Parts,
    login: Annotated[str, Form(max_length=200)] = "",
    password: Annotated[str, Form(max_length=4000)] = "",
    next: Annotated[str, Form(max_length=4000)] = "/",
) -> Response:
    web = web_of(request)
    login, address = login.strip(), address_of(request)
    try:
        await check_form(request, request.cookies.get(web.sessions.form_cookie) or secrets.token_hex())
    except Problem as problem:
        return _form(request, next, problem.detail, 403, login)
    wait = web.lockout.attempt(login, address)
    if wait:
        minutes = -(-wait // 60)
        text = f"Too many attempts. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
        response = _form(request, next, text, 429, login)
        response.headers["retry-after"] = str(wait)
        return response
    # A login with control characters is nobody's, and not every database takes a NUL.
    credentials = await parts.accounts.credentials(login) if login.isprintable() and login else None
    fits = await web.passwords.verify(password, credentials.password_hash if credentials else None)
    if credentials is None or not fits or not sound(credentials.account):
        entry = AuditEntry(
            parts.now(), login[:100] if login.isprintable() else "?",
            credentials.account.tenant if credentials else None, "sign-in failed", "session", "", address,
        )  # fmt: skip
        await parts.accounts.audit(entry)
        return _form(request, next, WRONG, 401, login)
    web.lockout.succeeded(login, address)
    account = credentials.account
    await parts.accounts.audit(
        AuditEntry(parts.now(), account.login, account.tenant, "sign-in", "session", "", address)
    )
    answer = RedirectResponse(own_path(next), 303)
    web.sessions.set_cookie(answer, web.sessions.begin(account.account_id, credentials.password_hash))
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, me: SignedIn) -> Response:
    web = web_of(request)
    if request.state.session is not None:
        web.sessions.end(request.state.session)
    answer = RedirectResponse("/sign-in", 303)
    web.sessions.drop_cookie(answer)
    answer.headers["clear-site-data"] = '"cache"'
    return answer


def own_path(target: str) -> str:
    """The path to go on to, if it is one of ours and not somebody else's address."""
    if not target.startswith("/") or not target.isprintable() or "\\" in target or target[1:2] == "/":
        return "/"
    parts = urlsplit(target)
    return "/" if parts.scheme or parts.netloc else target


def _form(request: Request, next: str, error: str = "", status: int = 200, login: str = "") -> Response:
    sessions = web_of(request).sessions
    nonce = request.cookies.get(sessions.form_cookie) or ""
    fresh = not 20 <= len(nonce) <= 64
    if fresh:
        nonce = secrets.token_urlsafe(24)
    response = page(
        request, "sign_in.html", status, next=own_path(next), error=error, login=login,
        form_token=sessions.form_token(nonce),
    )  # fmt: skip
    if fresh:
        sessions.set_form_cookie(response, nonce)
    return response
