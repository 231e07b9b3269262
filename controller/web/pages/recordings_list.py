"""Call Statistics › Call Recordings: the list with its filters, columns and saved views."""

from __future__ import annotations

from urllib.parse import parse_qsl

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ...core.roles import Permission
from ...engine.listing import Order
from .. import view_keeping
from ..access import may
from ..language import N_
from ..permits import Seer
from ..services import Parts, Services
from ..transcript_reading import note_found
from . import choices, list_filter
from . import columns as list_columns
from .forms import Sheet
from .rendering import page, zone
from .timeline import by_day

router = APIRouter()

PER_PAGE = 50
LIST = "recordings"

#: What beside time, parties and actions may be shown.
COLUMNS = {
    "duration": N_("Duration"),
    "pauses": N_("Pauses"),
    "tags": N_("Tags and notes"),
    "why": N_("Why"),
    "size": N_("Size"),
    "format": N_("Format"),
    "kind": N_("Kind"),
    "holds": N_("Legal hold"),
    "tenant": N_("Tenant"),
    "date": N_("Date"),
}
USUAL = ("duration", "pauses", "tags", "why")


@router.get("/recordings")
async def recordings_page(request: Request, parts: Parts, me: Seer) -> Response:
    spoken = may(request, Permission.LISTEN)
    wanted = list_filter.read(request.query_params, zone(request), parts.now(), spoken=spoken)
    try:
        found = await parts.reader.recordings(me.scope, wanted.where, limit=PER_PAGE, before=wanted.before)
    except ValueError:
        wanted.faults.append("That page is not to be had; this is the first one.")
        wanted.before = None
        found = await parts.reader.recordings(me.scope, wanted.where, limit=PER_PAGE)
    await note_found(request, parts, me, found.items)
    in_time = wanted.where.order in (Order.NEWEST, Order.OLDEST)
    days = by_day(found.items, zone(request)) if in_time else [("", list(found.items))] * bool(found.items)
    columns = await list_columns.chosen(parts, me, LIST, COLUMNS, USUAL)
    if not in_time and "date" not in columns:
        columns.append("date")
    views = await parts.lists.saved_views(me) if parts.lists else []
    return page(
        request, "recordings.html", filter=wanted, days=days, found=found, next=found.next, columns=columns,
        names=COLUMNS, views=views, kept=wanted.query(), offered=list_filter, formats=choices.FORMAT_NAMES,
        spoken=spoken, mine=me.account_id, own_tenant=me.tenant,
    )  # fmt: skip


@router.post("/recordings/columns")
async def set_columns(request: Request, parts: Parts, me: Seer) -> Response:
    sheet = await Sheet.sent(request)
    await list_columns.choose(parts, me, LIST, COLUMNS, sheet)
    return _back(request, parts, sheet.one("query"))


@router.post("/recordings/views")
async def save_view(request: Request, parts: Parts, me: Seer) -> Response:
    """Raises Problem 422 for a name that is none."""
    sheet = await Sheet.sent(request)
    query = _query(request, parts, sheet.one("query"))
    await view_keeping.save_view(
        request, parts, me, sheet.one("view"), query, shared=sheet.ticked("shared")
    )  # fmt: skip
    return _back(request, parts, query)


@router.post("/recordings/views/{view_id}/delete")
async def remove_view(request: Request, parts: Parts, me: Seer, view_id: str) -> Response:
    await view_keeping.remove_view(request, parts, me, view_id)
    return RedirectResponse("/recordings", 303)


def _query(request: Request, parts: Services, text: str) -> str:
    """Only what the list knows of it: nothing else comes back into an address."""
    return filter_of(text, request, parts).query()


def filter_of(text: str, request: Request, parts: Services) -> list_filter.ListFilter:
    fields = dict(parse_qsl(text[:4000]))
    return list_filter.read(fields, zone(request), parts.now(), spoken=may(request, Permission.LISTEN))


def _back(request: Request, parts: Services, query: str) -> Response:
    return RedirectResponse(f"/recordings?{_query(request, parts, query)}", 303)
