"""/api/v1/recordings/bulk: one thing done to many recordings, or said what it would do."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

from fastapi import APIRouter, Request
from pydantic import Field

from ...core.roles import Permission
from ..access import address_of, known_id, may
from ..deeds import MOST, checked, deed_of, do, refusals
from ..permits import Seer
from ..problems import Fault, Problem
from ..services import Parts
from .params import ListWhere
from .settings_bodies import Body

router = APIRouter(tags=["recordings"])


class BulkBody(Body):
    action: Literal["tag", "untag", "note", "hold", "trash"] = Field(
        description="`tag`, `untag`, `note` need the permission `annotate`, `hold` `hold`, `trash` `delete`."
    )
    recordings: Annotated[list[str], Field(max_length=MOST)] = Field(
        [], description="Their ids; those that the account does not see are left out."
    )
    matching: bool = Field(
        False, description=f"Instead of `recordings`: all that the query's filters match, {MOST} at most."
    )
    value: str = Field(
        "", max_length=8000, description="The tag, the note, the hold's id, or why they are deleted."
    )
    preview: bool = Field(False, description="Only say what would be done.")


class BulkView(Body):
    chosen: int = Field(description="So many there were that the account sees.")
    done: int = Field(description="So many it was, or would be, done to.")
    refused: dict[str, str] = Field(description="The others' ids, and why.")
    preview: bool


@router.post("/recordings/bulk", summary="Do one thing to many recordings, or see what it would do")
async def post_bulk(request: Request, parts: Parts, me: Seer, where: ListWhere, body: BulkBody) -> BulkView:
    """Each one's change is in the audit. 422 if none is chosen."""
    deed_of(request, body.action)
    if parts.lists is None:
        raise Problem(503, "This server keeps no lists.")
    if body.matching:
        where = replace(where, text="", spoken=may(request, Permission.LISTEN))
        ids = await parts.lists.matching(me.scope, where, MOST)
    else:
        ids = await parts.lists.reached(me.scope, [known_id(i, "recording") for i in body.recordings])
    if not ids:
        fault = Fault(where="body.recordings", problem="none of them is there, or none was named")
        raise Problem(422, "No recording is chosen.", errors=[fault])
    if body.preview:
        refused = await refusals(parts, me, body.action, ids)
    else:
        value = await checked(parts, me, body.action, body.value.strip())
        refused = await do(parts, me, body.action, value, ids, address_of(request))
    return BulkView(chosen=len(ids), done=len(ids) - len(refused), refused=refused, preview=body.preview)
