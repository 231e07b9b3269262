"""The recording page's control for spans that are taken out for others."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from ...core.errors import InvalidPolicy
from ...core.redacting import moment_ms
from ...core.roles import Permission
from ...engine.reading import Account, RecordingRow
from ..access import address_of, may
from ..api.params import MAX_MS
from ..api.recordings import find
from ..api.redactions import redact, take_back
from ..permits import Redacter
from ..problems import Problem
from ..services import Parts, Services
from .forms import Sheet

router = APIRouter()


async def shown(request: Request, parts: Services, me: Account, row: RecordingRow) -> dict[str, Any]:
    """What redactions.html shows; nothing to whoever may not hear what is redacted."""
    if parts.redacting is None or not may(request, Permission.SEE_UNREDACTED):
        return {"may_redact": False, "redactions": ()}
    spans = await parts.redacting.chosen_spans(me.scope, row.recording_id)
    return {"may_redact": True, "redactions": spans or ()}


@router.post("/recordings/{recording_id}/redact")
async def redact_span(request: Request, parts: Parts, me: Redacter, recording_id: str) -> Response:
    # A recording out of reach is not there, whatever else is wrong.
    await find(parts, me, recording_id)
    sheet = await Sheet.sent(request)
    try:
        span = moment_ms("from", sheet.one("from")), moment_ms("to", sheet.one("to"))
    except InvalidPolicy as error:
        raise Problem(422, f"{error}.") from error
    await redact(parts, me, recording_id, span, sheet.one("why"), address_of(request))
    return RedirectResponse(f"/recordings/{recording_id}#redactions", 303)


@router.post("/recordings/{recording_id}/redact/take-back")
async def take_back_span(request: Request, parts: Parts, me: Redacter, recording_id: str) -> Response:
    await find(parts, me, recording_id)
    sheet = await Sheet.sent(request)
    sent = sheet.one("from_ms"), sheet.one("to_ms")
    if not all(x.isascii() and x.isdecimal() and len(x) <= len(str(MAX_MS)) for x in sent):
        raise Problem(422, "from_ms, to_ms: want a span of the list.")
    await take_back(parts, me, recording_id, (int(sent[0]), int(sent[1])), address_of(request))
    return RedirectResponse(f"/recordings/{recording_id}#redactions", 303)
