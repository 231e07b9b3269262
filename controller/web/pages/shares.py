"""Links: the form of a new one, one's own, and the tenant's."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from ...core.options import ShareLinks
from ...engine.reading import Account, RecordingDetail
from ...engine.sharing import Audience
from .. import sharing
from ..api.recordings import find
from ..language import N_
from ..permits import ShareManager, Sharer
from ..problems import Problem, not_found
from ..services import Parts, Services
from .forms import Sheet
from .rendering import page

router = APIRouter()

AUDIENCES = {
    Audience.SIGNED_IN: N_("Whoever has the link and is signed in here"),
    Audience.PUBLIC: N_("Whoever has the link"),
}
DAYS = {
    "1": N_("Tomorrow"),
    "7": N_("In a week"),
    "30": N_("In 30 days"),
    "90": N_("In 90 days"),
    "365": N_("In a year"),
}


@router.get("/shares")
async def own_page(request: Request, parts: Parts, me: Sharer) -> Response:
    shares = await sharing.store(parts).shares(me.scope, me.account_id)
    return page(request, "shares.html", shares=shares, own=True, at=parts.now())


@router.get("/company/shares")
async def all_page(request: Request, parts: Parts, me: ShareManager) -> Response:
    return page(
        request, "shares.html", shares=await sharing.store(parts).shares(me.scope), own=False, at=parts.now()
    )


@router.get("/shares/new")
async def new_page(
    request: Request, parts: Parts, me: Sharer,
    recording: Annotated[list[str] | None, Query(max_length=sharing.MOST_RECORDINGS)] = None,
) -> Response:  # fmt: skip
    found = await _found(parts, me, recording or [])
    return await _form(request, parts, found, Sheet.of({"days": "7", "audience": Audience.SIGNED_IN}))


@router.post("/shares/new")
async def make(request: Request, parts: Parts, me: Sharer) -> Response:
    sheet = await Sheet.sent(request)
    found = await _found(parts, me, sheet.many("recording")[: sharing.MOST_RECORDINGS])
    password = str((await request.form()).get("password", ""))[:256]
    audience = sheet.choice("audience", Audience, Audience.SIGNED_IN)
    days = sheet.one("days")
    if days not in DAYS:
        sheet.faults["days"] = "Choose one of the list."
    most = sheet.whole("most_uses", 100_000)
    if 0 < len(password) < 8:
        sheet.faults |= {"password": "At least 8 characters, or none."}
    if not sheet.faults:
        try:
            share, url = await sharing.make(
                request, parts, me, found, label=sheet.one("label")[:200], audience=audience,
                expires_at=parts.now() + timedelta(days=int(days)), download=sheet.ticked("download"),
                names=sheet.ticked("names"), most_uses=most or None, password=password,
            )  # fmt: skip
        except Problem as problem:
            sheet.faults[""] = problem.detail
        else:
            return page(request, "share_made.html", share=share, url=url)
    return await _form(request, parts, found, sheet, 422)


@router.post("/shares/{share_id}/revoke")
async def revoke(request: Request, parts: Parts, me: Sharer, share_id: str) -> Response:
    await sharing.revoke(request, parts, me, share_id, own=True)
    return RedirectResponse("/shares", 303)


@router.post("/company/shares/{share_id}/revoke")
async def revoke_any(request: Request, parts: Parts, me: ShareManager, share_id: str) -> Response:
    await sharing.revoke(request, parts, me, share_id, own=False)
    return RedirectResponse("/company/shares", 303)


async def _found(parts: Services, me: Account, ids: list[str]) -> list[RecordingDetail]:
    if not ids:
        raise not_found("recording")
    return [await find(parts, me, recording_id) for recording_id in dict.fromkeys(ids)]


async def _form(
    request: Request, parts: Services, found: list[RecordingDetail], sheet: Sheet, status: int = 200
) -> Response:
    allowed = await sharing.links_of(parts, found[0].row.tenant)
    audiences = {
        audience: text for audience, text in AUDIENCES.items()
        if audience is Audience.SIGNED_IN or allowed is ShareLinks.PUBLIC
    }  # fmt: skip
    return page(
        request, "share_new.html", status, found=found, sheet=sheet, audiences=audiences, days=DAYS,
        allowed=allowed is not ShareLinks.OFF,
    )  # fmt: skip
