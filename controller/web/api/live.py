"""/api/v1/live: the calls that are up, their changes, and control of their recordings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.sse import EventSourceResponse, ServerSentEvent
from pydantic import BaseModel, Field

from ...core.media_kinds import OPERATIONS
from ...core.requests import Means
from ...engine.ports import LiveCall
from ...engine.reading import Account
from ..access import CameBy, address_of
from ..live_cards import Shared
from ..live_control import ControlView, carry_out
from ..live_stream import changes
from ..live_view import all_visible
from ..permits import LiveController, Watcher
from ..problems import Fault, Problem
from ..services import Parts, Services
from .listing import Listed, cut, moment
from .params import Before, Limit

router = APIRouter(tags=["live"])


class ControlBody(BaseModel):
    operation: str = Field(
        description="What to do.",
        examples=["pause-audio-recording"],
        json_schema_extra={"enum": [*sorted(OPERATIONS)]},
    )


class LivePage(Listed[LiveCall]):
    """The latest begun first."""


class LiveChange(BaseModel):
    call_id: str
    call: LiveCall | None = Field(description="The call as it is now; null when it has ended.")


_BODIES: Shared[tuple[str, LiveCall | None]] = Shared(
    lambda of: LiveChange(call_id=of[0], call=of[1]).model_dump_json()
)


@router.get("/live", summary="The calls that are up now")
async def live(parts: Parts, me: Watcher, limit: Limit = 200, before: Before = None) -> LivePage:
    found = all_visible(parts.control.live_calls(), me.scope)
    page, more = cut(found, lambda c: (moment(c.started_at), c.call_id), limit, before, backwards=True)
    return LivePage(items=page, next=more)


@router.get(
    "/live/events", response_class=EventSourceResponse, summary="Their changes, as server-sent events"
)
async def live_events(
    request: Request, parts: Parts, me: Watcher,
    levels: Annotated[bool, Query(description="How loud the recordings are, too.")] = False,
) -> AsyncIterator[ServerSentEvent]:  # fmt: skip
    """Events called ``call``: first one for every call that is up, then one for each change.

    With ``levels`` there is besides, about once a second, one called ``levels``: how loud each recording was
    in each quarter of a second (docs/reference/live-levels.md).
    """
    wanted = parts.levels if levels else None
    async with aclosing(changes(parts.control, me, CameBy(request).account, levels=wanted)) as stream:
        async for change in stream:
            if change.levels:
                yield ServerSentEvent(event="levels", raw_data=change.levels)
            elif change.complete:
                continue
            yield ServerSentEvent(event="call", raw_data=_BODIES.of((change.call_id, change.call)))


_REFUSALS: dict[int | str, dict[str, Any]] = {
    202: {"model": ControlView, "description": "Accepted; the switch has not confirmed it yet."},
}


@router.post("/live/recording", responses=_REFUSALS, summary="Control a recording, call named in the query")
async def control_named(
    request: Request, response: Response, parts: Parts, me: LiveController, body: ControlBody,
    name: Annotated[str, Query(max_length=256, description="As in the path of the other form.")],
) -> ControlView:  # fmt: skip
    return await _control(request, response, parts, me, name, body)


@router.post("/live/{name:path}/recording", responses=_REFUSALS, summary="Control a running call's recording")
async def control(
    request: Request, response: Response, parts: Parts, me: LiveController, name: str, body: ControlBody
) -> ControlView:
    """``name`` is our call id, the switch's id of one of the legs, or the SIP Call-ID.

    The answer says what was done to which captures, once the switch has answered.
    """
    return await _control(request, response, parts, me, name, body)


async def _control(
    request: Request, response: Response, parts: Services, me: Account, name: str, body: ControlBody
) -> ControlView:
    operation = OPERATIONS.get(body.operation)
    if operation is None:
        fault = Fault(where="body.operation", problem=f"must be one of {', '.join(sorted(OPERATIONS))}")
        raise Problem(422, "There is no such operation.", errors=[fault])
    view = await carry_out(parts, me, name, operation, Means.API, address_of(request))
    response.status_code = 200 if view.confirmed else 202
    return view
