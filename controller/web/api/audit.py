"""/api/v1/audit: who has listened, downloaded, signed in and changed what."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import StreamingResponse
from pydantic import AwareDatetime

from ...engine.reading import AuditFilter
from ..access import address_of
from ..audit_export import MEDIA_TYPES, Format, lines
from ..changes import note
from ..permits import Auditor
from ..services import Parts
from .listing import Listed
from .params import plain
from .views import AuditView

router = APIRouter(tags=["audit"])

_Part = Annotated[str, Query(max_length=200)]


async def _where(
    account: Annotated[str, Query(max_length=200, description="A part of who.")] = "",
    action: Annotated[str, Query(max_length=60, description="What was done, whole, such as `listen`.")] = "",
    subject: Annotated[str, Query(max_length=200, description="A part of what it was done to.")] = "",
    since: Annotated[AwareDatetime | None, Query(description="At this time or later.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="Before this time.")] = None,
) -> AuditFilter:
    return AuditFilter(plain(account), plain(action), plain(subject), since, until)


Where = Annotated[AuditFilter, Depends(_where)]


class AuditPage(Listed[AuditView]):
    """The newest first."""


@router.get("/audit", summary="Who has listened, downloaded, signed in and changed what, newest first")
async def get_audit(
    parts: Parts, me: Auditor, where: Where,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    before: Annotated[
        str | None, Query(pattern=r"^[0-9]{1,18}$", description="The `next` of the page before.")
    ] = None,
) -> AuditPage:  # fmt: skip
    last = int(before) if before else None
    found = await parts.accounts.audit_page(me.scope, where, limit=limit + 1, before=last)
    page = found[:limit]
    more = str(page[-1][0]) if len(found) > limit else None
    return AuditPage(items=[AuditView.of(number, entry) for number, entry in page], next=more)


@router.get(
    "/audit/export", summary="The audit as CSV or JSON lines", response_class=Response,
    responses={200: {"description": "The lines, the newest first."}},
)  # fmt: skip
async def export_audit(
    request: Request,
    parts: Parts,
    me: Auditor,
    where: Where,
    format: Annotated[Format, Query(description="CSV, or a JSON object a line.")] = Format.CSV,
) -> Response:
    """Cells that a spreadsheet would take for a formula begin with an apostrophe."""
    await note(parts, me, "audit export", "audit", str(format), address_of(request))
    name = f"audit-{parts.now():%Y%m%d-%H%M%S}.{format}"
    headers = {"content-disposition": f'attachment; filename="{name}"'}
    body = lines(parts, me.scope, where, format)
    return StreamingResponse(body, media_type=MEDIA_TYPES[format], headers=headers)
