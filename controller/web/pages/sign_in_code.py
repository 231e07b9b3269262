"""The second half of signing in: the code of a second factor, or setting one up where it is required."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from ...engine.entry import SessionRow, Stage
from ...engine.reading import Account, AuditEntry
from ..access import address_of, check_form, sound
from ..language import N_
from ..second_factor import provisioning_uri, qr_code
from ..services import Parts, web_of
from ..signing_in import begin
from .rendering import page
from .sign_in import own_path, too_many

open_router = APIRouter(prefix="/sign-in")

Next = Annotated[str, Query(max_length=4000)]
NextField = Annotated[str, Form(max_length=4000)]
Code = Annotated[str, Form(max_length=40)]

WRONG = N_("That code does not fit, or was used before. Take the one that is shown now.")


async def half_way(request: Request, stage: Stage) -> tuple[SessionRow, Account] | None:
    """The session, if its sign-in stands at this stage."""
    web = web_of(request)
    found = await web.sessions.read(request.cookies.get(web.sessions.cookie, ""))
    if found is None or found[0].stage is not stage or not sound(found[1]):
        return None
    request.state.session = found[0]
    return found


@open_router.get("/code")
async def code_page(request: Request, next: Next = "/") -> Response:
    if await half_way(request, Stage.CODE) is None:
        return _from_the_start(next)
    return page(request, "sign_in_code.html", next=own_path(next), error="")


@open_router.post("/code")
async def code(request: Request, parts: Parts, code: Code = "", next: NextField = "/") -> Response:
    web, found = web_of(request), await half_way(request, Stage.CODE)
    if found is None:
        return _from_the_start(next, late=True)
    session, account = found
    await check_form(request, session.nonce)
    wait = web.lockout.attempt_code(account.account_id)
    if wait:
        return page(request, "sign_in_code.html", 429, next=own_path(next), error=too_many(wait))
    by = await web.second_factors.check(account.account_id, code, parts.now())
    if not by:
        await _audit(request, parts, account, "sign-in failed", "second factor")
        return page(request, "sign_in_code.html", 401, next=own_path(next), error=WRONG)
    web.lockout.code_succeeded(account.account_id)
    return await _done(request, session, account, f"{session.means} and {by}", next)


@open_router.get("/set-up")
async def set_up_page(request: Request, parts: Parts, next: Next = "/") -> Response:
    found = await half_way(request, Stage.ENROL)
    if found is None:
        return _from_the_start(next)
    return await _set_up(request, found[1], next)


@open_router.post("/set-up")
async def set_up(request: Request, parts: Parts, code: Code = "", next: NextField = "/") -> Response:
    web, found = web_of(request), await half_way(request, Stage.ENROL)
    if found is None:
        return _from_the_start(next, late=True)
    session, account = found
    await check_form(request, session.nonce)
    wait = web.lockout.attempt_code(account.account_id)
    if wait:
        return await _set_up(request, account, next, 429, too_many(wait))
    codes = await web.second_factors.confirm(account.account_id, code, parts.now())
    if codes is None:
        return await _set_up(request, account, next, 422, WRONG)
    web.lockout.code_succeeded(account.account_id)
    await _audit(request, parts, account, "second factor set up", account.login)
    answer = page(request, "recovery_codes.html", codes=codes, next=own_path(next))
    await web.sessions.end(session)
    await begin(request, answer, account, f"{session.means} and code", Stage.FULL)
    return answer


async def _set_up(
    request: Request, account: Account, next: str, status: int = 200, error: str = ""
) -> Response:
    factors = web_of(request).second_factors
    secret = await factors.pending(account.account_id) or await factors.begin(account.account_id)
    return page(
        request, "sign_in_set_up.html", status, next=own_path(next), error=error, secret=secret,
        qr=qr_code(provisioning_uri(secret, account.login)),
    )  # fmt: skip


async def _done(request: Request, session: SessionRow, account: Account, means: str, next: str) -> Response:
    answer = RedirectResponse(own_path(next), 303)
    await web_of(request).sessions.end(session)
    await begin(request, answer, account, means, Stage.FULL)
    return answer


def _from_the_start(next: str, *, late: bool = False) -> Response:
    return RedirectResponse("/sign-in?fault=late" if late else "/sign-in", 303)


async def _audit(request: Request, parts: Parts, account: Account, action: str, subject: str) -> None:
    await parts.accounts.audit(
        AuditEntry(parts.now(), account.login, account.tenant, action, subject, "", address_of(request))
    )
