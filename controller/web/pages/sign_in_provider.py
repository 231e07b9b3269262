"""Signing in by the OpenID provider: there and back."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from ...engine.entry import Stage
from ...engine.reading import AuditEntry
from ..access import address_of, sound
from ..known_people import account_of
from ..oidc import ATTEMPT, Provider, Refused, TooLate
from ..problems import not_found
from ..services import Parts, web_of
from ..signing_in import begin
from .sign_in import own_path

log = structlog.get_logger(__name__)

open_router = APIRouter(prefix="/sign-in/provider")


@open_router.get("")
async def there(request: Request, next: Annotated[str, Query(max_length=2000)] = "/") -> Response:
    provider = _provider(request)
    try:
        url, cookie = await provider.begin(own_path(next))
    except Refused as error:
        log.warning("the OpenID provider cannot be asked", error=str(error))
        return _no("refused")
    answer = RedirectResponse(url, 303)
    answer.set_cookie(
        _cookie(request), cookie, max_age=int(ATTEMPT.total_seconds()), path="/",
        secure=web_of(request).sessions.secure, httponly=True, samesite="lax",
    )  # fmt: skip
    return answer


@open_router.get("/back")
async def back(request: Request, parts: Parts) -> Response:
    provider, address = _provider(request), address_of(request)
    try:
        who = await provider.finish(request.cookies.get(_cookie(request), ""), request.query_params)
    except TooLate:
        return _drop(request, _no("late"))
    except Refused as error:
        log.warning("a sign-in by the OpenID provider was refused", error=str(error))
        await parts.accounts.audit(
            AuditEntry(parts.now(), "?", None, "sign-in failed", "session", "by the provider", address)
        )
        return _drop(request, _no("refused"))
    account = await account_of(parts, provider.settings, who, address)
    if account is None or not sound(account):
        name = (who.verified_email or who.subject)[:100]
        await parts.accounts.audit(
            AuditEntry(
                parts.now(), name if name.isprintable() else "?", account.tenant if account else None,
                "sign-in failed", "session", "by the provider: no account, or a disabled one", address,
            )
        )  # fmt: skip
        return _drop(request, _no("unknown" if account is None else "disabled"))
    answer = RedirectResponse(own_path(who.next), 303)
    # Whether there is a second factor is the provider's business: it knows how it has asked.
    await begin(request, answer, account, provider.settings.name, Stage.FULL)
    return _drop(request, answer)


def _provider(request: Request) -> Provider:
    provider = web_of(request).provider
    if provider is None:
        raise not_found("page")
    return provider


def _cookie(request: Request) -> str:
    return f"{'__Host-' if web_of(request).sessions.secure else ''}tapeline_oidc"


def _no(fault: str) -> Response:
    return RedirectResponse(f"/sign-in?fault={fault}", 303)


def _drop(request: Request, answer: Response) -> Response:
    secure = web_of(request).sessions.secure
    answer.delete_cookie(_cookie(request), path="/", secure=secure, httponly=True, samesite="lax")
    return answer
