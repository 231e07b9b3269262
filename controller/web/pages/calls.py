"""Call Statistics › CDR: the calls, and one call with its journey drawn and the reasons."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ...core.roles import Permission
from ..access import may
from ..api.calls import find
from ..language import N_
from ..permits import Seer
from ..services import Parts, Services
from . import call_filters, filters
from . import columns as list_columns
from .forms import Sheet
from .journey import BAR, LANE, Ruler, draw
from .rendering import page, zone
from .telling import explain_link, rule_links, told
from .timeline import by_day

router = APIRouter()

PER_PAGE = 50
LIST = "calls"

#: What beside time and parties may be shown.
COLUMNS = {
    "duration": N_("Duration"),
    "outcome": N_("Outcome"),
    "recorded": N_("Recorded"),
    "switch": N_("Switch"),
    "direction": N_("Direction"),
    "date": N_("Date"),
    "id": N_("Call id"),
}
USUAL = ("duration", "outcome", "recorded", "switch")


@router.get("/calls")
async def calls_page(request: Request, parts: Parts, me: Seer) -> Response:
    wanted = call_filters.read(request, zone(request))
    try:
        found = await parts.reader.calls(me.scope, wanted.where, limit=PER_PAGE, before=wanted.before)
    except ValueError:
        wanted.faults.append("That page is not to be had; this is the first one.")
        wanted.before = None
        found = await parts.reader.calls(me.scope, wanted.where, limit=PER_PAGE)
    days = by_day(found.items, zone(request))
    columns = await list_columns.chosen(parts, me, LIST, COLUMNS, USUAL)
    return page(
        request, "calls.html", filter=wanted, days=days, columns=columns, names=COLUMNS,
        kept=wanted.query(), count=len(found.items), found=found, next=found.next,
        directions=filters.DIRECTIONS, recorded=call_filters.RECORDED, rules=call_filters.RULES,
        switch_choices=_switches(parts, wanted.values["switch"]),
    )  # fmt: skip


@router.post("/calls/columns")
async def set_columns(request: Request, parts: Parts, me: Seer) -> Response:
    sheet = await Sheet.sent(request)
    await list_columns.choose(parts, me, LIST, COLUMNS, sheet)
    # Only what the list knows of it: nothing else comes back into an address.
    query = dict(parse_qsl(sheet.one("query")[:4000]))
    return RedirectResponse(f"/calls?{call_filters.of(query, zone(request)).query()}", 303)


def _switches(parts: Services, own: str) -> list[tuple[str, str]]:
    """The address's own one among them, though there may be no such switch any more."""
    names = dict.fromkeys([*(s.name for s in parts.control.switches()), *([own] if own else [])])
    return [(name, name) for name in names]


@router.get("/calls/{call_id}")
async def call_page(request: Request, parts: Parts, me: Seer, call_id: str) -> Response:
    detail = await find(parts, me, call_id)
    found = await asyncio.gather(
        *(parts.reader.recording(me.scope, r.recording_id) for r in detail.recordings if not r.deletion)
    )
    recordings = [r for r in found if r is not None]
    ruler = Ruler(detail.row.started_at, detail.row.ended_at or parts.now(), recordings)
    explains = may(request, Permission.SEE_POLICY)
    return page(
        request, "call.html", detail=detail, row=detail.row, drawing=draw(detail, recordings, parts.now()),
        told=told(detail, ruler), bar=BAR, lane_height=LANE,
        links=[rule_links(d, detail.legs) if explains else [] for d in detail.decisions],
        explain=[explain_link(detail, d.tenant) if explains else "" for d in detail.decisions],
    )  # fmt: skip
