"""/api/v1/me/second-factor: set up, confirm, renew and remove one's own. By a session only."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from ...engine.reading import Account
from ..access import address_of
from ..changes import note
from ..permits import SessionMe
from ..problems import Problem, not_found
from ..second_factor import provisioning_uri
from ..services import Parts, web_of
from ..signing_in import second_factor_required
from .settings_bodies import Body

router = APIRouter(tags=["accounts"])


class CodeBody(Body):
    code: str = Field(min_length=1, max_length=40, description="Of the app, or a recovery code.")


class FactorView(BaseModel):
    set_up: bool
    since: datetime | None
    required: bool = Field(description="Whether the account may not be without.")
    recovery_codes_left: int


class NewFactor(BaseModel):
    """Counts once a code of it was given back."""

    secret: str = Field(description="Base32, for an app that makes codes.")
    uri: str = Field(description="The same as a link or QR code's text.")


class RecoveryCodes(BaseModel):
    codes: list[str] = Field(description="Each good for once; shown this once.")


@router.get("/me/second-factor", summary="Whether one has a second factor (session only)")
async def get_factor(request: Request, parts: Parts, me: SessionMe) -> FactorView:
    found = await parts.accounts.second_factor(me.account_id)
    since = found.confirmed_at if found else None
    return FactorView(
        set_up=since is not None, since=since, required=await second_factor_required(web_of(request), me),
        recovery_codes_left=await parts.accounts.recovery_codes_left(me.account_id),
    )  # fmt: skip


@router.post("/me/second-factor", status_code=201, summary="Begin to set one up (session only)")
async def post_factor(request: Request, me: SessionMe) -> NewFactor:
    """409 where there is one already."""
    try:
        secret = await web_of(request).second_factors.begin(me.account_id)
    except ValueError as error:
        raise Problem(409, "There is a second factor already.") from error
    return NewFactor(secret=secret, uri=provisioning_uri(secret, me.login))


@router.post("/me/second-factor/confirm", summary="It counts from now on (session only)")
async def confirm_factor(request: Request, parts: Parts, me: SessionMe, body: CodeBody) -> RecoveryCodes:
    _slowed(request, me)
    codes = await web_of(request).second_factors.confirm(me.account_id, body.code, parts.now())
    if codes is None:
        raise Problem(422, "The code does not fit, or nothing is being set up.")
    web_of(request).lockout.code_succeeded(me.account_id)
    await note(parts, me, "second factor set up", me.login, "", address_of(request))
    return RecoveryCodes(codes=codes)


@router.post("/me/second-factor/codes", summary="New recovery codes (session only)")
async def renew_codes(request: Request, parts: Parts, me: SessionMe, body: CodeBody) -> RecoveryCodes:
    """The old ones count no longer."""
    await _checked(request, parts, me, body)
    codes = await web_of(request).second_factors.renew_recovery_codes(me.account_id)
    await note(parts, me, "recovery codes renewed", me.login, "", address_of(request))
    return RecoveryCodes(codes=codes)


@router.post("/me/second-factor/remove", status_code=204, summary="Go without one (session only)")
async def remove_factor(request: Request, parts: Parts, me: SessionMe, body: CodeBody) -> None:
    """409 where the account must have one."""
    await _checked(request, parts, me, body)
    if await second_factor_required(web_of(request), me):
        raise Problem(409, "Your account needs a second factor.")
    if not await parts.accounts.remove_factor(me.account_id):
        raise not_found("second factor")
    await note(parts, me, "second factor removed", me.login, "", address_of(request))


def _slowed(request: Request, me: Account) -> None:
    wait = web_of(request).lockout.attempt_code(me.account_id)
    if wait:
        raise Problem(429, "Too many attempts. Try again later.", headers={"retry-after": str(wait)})


async def _checked(request: Request, parts: Parts, me: Account, body: CodeBody) -> None:
    _slowed(request, me)
    web = web_of(request)
    if not await web.second_factors.check(me.account_id, body.code, parts.now()):
        raise Problem(422, "The code does not fit.")
    web.lockout.code_succeeded(me.account_id)
