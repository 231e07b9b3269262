"""Company › Audit: who did what, to be filtered and exported."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from ...engine.reading import AuditFilter
from ..api.params import plain
from ..permits import Auditor
from ..services import Parts
from .filters import moment
from .rendering import page, zone

router = APIRouter()

PER_PAGE = 100
FIELDS = ("account", "action", "subject", "since", "until")


@router.get("/audit")
async def audit_page(request: Request, parts: Parts, me: Auditor) -> Response:
    values = {name: plain(request.query_params.get(name, "")) for name in FIELDS}
    faults: list[str] = []
    since = moment(values["since"], zone(request), faults)
    until = moment(values["until"], zone(request), faults, end=True)
    where = AuditFilter(values["account"], values["action"], values["subject"], since, until)
    text = request.query_params.get("before", "")
    before = int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
    found = await parts.accounts.audit_page(me.scope, where, limit=PER_PAGE + 1, before=before)
    shown, more = found[:PER_PAGE], len(found) > PER_PAGE
    kept = {name: value for name, value in values.items() if value}
    exact = {"since": since.isoformat() if since else "", "until": until.isoformat() if until else ""}
    return page(
        request, "audit.html", entries=shown, values=values, faults=faults, first=before is None,
        actions=await parts.accounts.audit_actions(me.scope), query=urlencode(kept),
        next=urlencode({**kept, "before": shown[-1][0]}) if more else "",
        export=urlencode({name: value for name, value in {**kept, **exact}.items() if value}),
    )  # fmt: skip
