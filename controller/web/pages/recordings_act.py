"""One thing done to many recordings: first how many and which of them not, then the deed."""

from __future__ import annotations

from collections import Counter

from fastapi import APIRouter, Request, Response

from ...core.errors import InvalidPolicy
from ...engine.reading import Account
from ..access import known_id
from ..bulk import MOST, Deed, carry_out, deed_of, refusals
from ..permits import Seer
from ..problems import Problem
from ..retention_desk import desk_of
from ..services import Parts, Services
from .forms import Sheet
from .recordings_list import filter_of
from .rendering import page

router = APIRouter()


@router.get("/recordings/act")
async def ask_page(request: Request, parts: Parts, me: Seer) -> Response:
    """For one recording's own menu: it changes nothing."""
    fields = {k: v for k, v in request.query_params.items() if k in ("action", "recording")}
    return await _asked(request, parts, me, Sheet.of(fields))


@router.post("/recordings/act")
async def act(request: Request, parts: Parts, me: Seer) -> Response:
    sheet = await Sheet.sent(request)
    if not sheet.ticked("sure"):
        return await _asked(request, parts, me, sheet)
    deed = _deed(request, sheet)
    ids = await _ids(request, parts, me, sheet)
    try:
        refused = await carry_out(request, parts, me, sheet.one("action"), sheet.one(deed.field), ids)
    except InvalidPolicy as error:
        sheet.faults[deed.field] = f"{str(error)[:1].upper()}{str(error)[1:]}."
        return await _asked(request, parts, me, sheet, 422)
    back = filter_of(sheet.one("query"), request, parts).query()
    return page(
        request, "recordings_done.html", deed=deed, action=sheet.one("action"), back=back,
        done=len(ids) - len(refused), refused=Counter(refused.values()).most_common(20), left=len(refused),
    )  # fmt: skip


async def _asked(request: Request, parts: Services, me: Account, sheet: Sheet, status: int = 200) -> Response:
    deed, action = _deed(request, sheet), sheet.one("action")
    ids = await _ids(request, parts, me, sheet)
    if not ids:
        raise Problem(422, "No recording is chosen, or none of them is there any more.")
    refused = await refusals(parts, me, action, ids)
    holds = await desk_of(parts).holds(me.scope) if action == "hold" else []
    return page(
        request, "recordings_act.html", status, deed=deed, action=action, sheet=sheet, ids=ids,
        whole=sheet.ticked("all"), can_do=len(ids) - len(refused), most=MOST,
        refused=Counter(refused.values()).most_common(20), left=len(refused), holds=holds,
        query=sheet.one("query"),
    )  # fmt: skip


def _deed(request: Request, sheet: Sheet) -> Deed:
    return deed_of(request, sheet.one("action"))


async def _ids(request: Request, parts: Services, me: Account, sheet: Sheet) -> list[str]:
    """What was chosen, as far as the account sees it. With ``all`` whatever the list shows now."""
    if parts.lists is None:
        raise Problem(503, "This server keeps no lists.")
    if sheet.ticked("all"):
        wanted = filter_of(sheet.one("query"), request, parts)
        if wanted.faults:
            raise Problem(422, wanted.faults[0])
        return await parts.lists.matching(me.scope, wanted.where, MOST)
    ids = [known_id(i, "recording") for i in sheet.many("recording")[:MOST]]
    return await parts.lists.reached(me.scope, ids)
