"""/api/v1/calls: the CDR, with legs, journey and the reasons for and against recording."""

from __future__ import annotations

from fastapi import APIRouter

from ...engine.reading import Account, CallDetail
from ..access import known_id
from ..permits import Seer
from ..problems import Problem, not_found
from ..services import Parts, Services
from .params import Before, CallsWhere, Limit
from .views import CallPage

router = APIRouter(tags=["calls"])


@router.get("/calls", summary="Calls, newest first")
async def list_calls(
    parts: Parts, me: Seer, where: CallsWhere, limit: Limit = 50, before: Before = None
) -> CallPage:
    try:
        page = await parts.reader.calls(me.scope, where, limit=limit, before=before)
    except ValueError as error:
        raise Problem(422, "before is not a key that this list has given.") from error
    return CallPage(items=list(page.items), next=page.next, unfinished=page.unfinished, reached=page.reached)


async def find(parts: Services, me: Account, call_id: str) -> CallDetail:
    """The call, if the account may see it. Raises 404."""
    detail = await parts.reader.call(me.scope, known_id(call_id, "call"))
    if detail is None:
        raise not_found("call")
    return detail


@router.get("/calls/{call_id}", summary="One call: the CDR and why it was (not) recorded")
async def get_call(parts: Parts, me: Seer, call_id: str) -> CallDetail:
    return await find(parts, me, call_id)
