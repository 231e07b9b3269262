"""Signing in with a password, and out."""

from __future__ import annotations

import secrets
from typing import Annotated
from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from ...engine.entry import Stage
from ...engine.reading import AuditEntry
from ..access import address_of, check_form, identify, sound
from ..language import N_, ngettext
from ..permits import SignedIn
from ..problems import Problem
from ..services import Parts, web_of
from ..signing_in import begin, stage_after_password
from .rendering import page

open_router = APIRouter()
router = APIRouter()

WRONG = N_("Login and password do not fit.")


@open_router.get("/sign-in")
async def sign_in_page(
    request: Request, next: Annotated[str, Query(max_length=4000)] = "/",
    fault: Annotated[str, Query(max_length=40)] = "",
) -> Response:  # fmt: skip
    try:
        await identify(request)
    except Problem:
        return form(request, next, FAULTS.get(fault, ""))
    return RedirectResponse(own_path(next), 303)


#: What an address may say that went wrong elsewhere; never a text of its own.
FAULTS = {
    "late": N_("The sign-in took too long. Begin again."),
    "refused": N_("The provider did not let you in, or its answer could not be trusted."),
    "unknown": N_("You are known to the provider, but have no account here."),
    "disabled": N_("This account is disabled."),
}


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
        return form(request, next, problem.detail, 403, login)
    if not parts.sign_in.local:
        return form(request, next, "Passwords are not taken here.", 403)
    # A login with control characters is nobody's, and not every database takes a NUL.
    credentials = await parts.accounts.credentials(login) if login.isprintable() and login else None
    device = web.devices.of(request, credentials.account.account_id) if credentials else ""
    wait = web.lockout.attempt(login, address, device)
    if wait:
        response = form(request, next, too_many(wait), 429, login)
        response.headers["retry-after"] = str(wait)
        return response
    fits = await web.passwords.verify(password, credentials.password_hash if credentials else None)
    if credentials is None or not fits or not sound(credentials.account):
        entry = AuditEntry(
            parts.now(), login[:100] if login.isprintable() else "?",
            credentials.account.tenant if credentials else None, "sign-in failed", "session", "", address,
        )  # fmt: skip
        await parts.accounts.audit(entry)
        return form(request, next, WRONG, 401, login)
    web.lockout.succeeded(login, address, device)
    account = credentials.account
    stage = await stage_after_password(web, account)
    answer = RedirectResponse(after(stage, next), 303)
    await begin(request, answer, account, "password", stage)
    return answer


@router.post("/sign-out")
async def sign_out(request: Request, parts: Parts, me: SignedIn) -> Response:
    web = web_of(request)
    if request.state.session is not None:
        await web.sessions.end(request.state.session)
        await parts.accounts.audit(
            AuditEntry(parts.now(), me.login, me.tenant, "sign-out", "session", "", address_of(request))
        )
    answer = RedirectResponse("/sign-in", 303)
    web.sessions.drop_cookie(answer)
    answer.headers["clear-site-data"] = '"cache"'
    return answer


def after(stage: Stage, next: str) -> str:
    """Where a browser goes on to whose sign-in has come so far."""
    target = own_path(next)
    where = {Stage.CODE: "/sign-in/code", Stage.ENROL: "/sign-in/set-up"}.get(stage)
    return target if where is None else f"{where}?next={quote(target, safe='/')}"


def too_many(wait: int) -> str:
    minutes = -(-wait // 60)
    return ngettext(
        "Too many attempts. Try again in %(num)s minute.",
        "Too many attempts. Try again in %(num)s minutes.",
        minutes,
    )


def own_path(target: str) -> str:
    """The path to go on to, if it is one of ours and not somebody else's address."""
    if not target.startswith("/") or not target.isprintable() or "\\" in target or target[1:2] == "/":
        return "/"
    parts = urlsplit(target)
    return "/" if parts.scheme or parts.netloc else target


def form(request: Request, next: str, error: str = "", status: int = 200, login: str = "") -> Response:
    web = web_of(request)
    nonce = request.cookies.get(web.sessions.form_cookie) or ""
    fresh = not 20 <= len(nonce) <= 64
    if fresh:
        nonce = secrets.token_urlsafe(24)
    rules = web.services.sign_in
    response = page(
        request, "sign_in.html", status, next=own_path(next), error=error, login=login, local=rules.local,
        provider=rules.oidc.name if rules.oidc else "", form_token=web.sessions.form_token(nonce),
    )  # fmt: skip
    if fresh:
        web.sessions.set_form_cookie(response, nonce)
    return response
