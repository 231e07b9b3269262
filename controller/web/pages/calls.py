"""Call Statistics › CDR: the calls, and one call with its legs, its journey and the reasons."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ..api.calls import find
from ..permits import Seer
from ..services import Parts
from . import filters
from .rendering import page, zone
from .timeline import by_day, leg_spans

router = APIRouter()

PER_PAGE = 50


@router.get("/calls")
async def calls_page(request: Request, parts: Parts, me: Seer) -> Response:
    wanted = filters.read(request, zone(request))
    try:
        found = await parts.reader.calls(me.scope, wanted.where, limit=PER_PAGE, before=wanted.before)
    except ValueError:
        wanted.faults.append("That page is not to be had; this is the first one.")
        wanted.before = None
        found = await parts.reader.calls(me.scope, wanted.where, limit=PER_PAGE)
    days = by_day(found.items, zone(request))
    return page(
        request, "calls.html", filter=wanted, days=days, count=len(found.items), next=found.next,
        directions=filters.DIRECTIONS,
    )  # fmt: skip


@router.get("/calls/{call_id}")
async def call_page(request: Request, parts: Parts, me: Seer, call_id: str) -> Response:
    detail = await find(parts, me, call_id)
    ended = detail.row.ended_at or parts.now()
    names = {leg.leg_id: leg.party for leg in detail.legs}
    return page(
        request, "call.html", detail=detail, row=detail.row, names=names,
        spans=leg_spans(detail.legs, detail.row.started_at, ended),
    )  # fmt: skip
