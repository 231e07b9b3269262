"""Call Statistics › Live Calls: what is up now, and its recordings' buttons."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from ...core.media_kinds import OPERATIONS
from ...core.requests import Means
from ...engine.ports import SwitchDown
from ..access import Me, address_of
from ..live_control import ControlView, carry_out
from ..live_stream import changes
from ..live_view import all_visible
from ..problems import Problem, for_scripts
from ..services import Parts, web_of
from .rendering import page, render
from .words import sentence

router = APIRouter()


@router.get("/live")
async def live_page(request: Request, parts: Parts, me: Me) -> Response:
    return page(request, "live.html", calls=all_visible(parts.control.live_calls(), me.scope), said=None)


@router.get("/live/stream", response_class=EventSourceResponse)
async def live_stream(request: Request, me: Me) -> AsyncIterator[ServerSentEvent]:
    """The same cards as in the page, each drawn again when its call changes."""
    async with aclosing(changes(web_of(request), me, request.state.session)) as stream:
        async for change in stream:
            if change.call is None:
                yield ServerSentEvent(event="gone", raw_data=change.call_id)
            else:
                card = render(request, "live_call.html", call=change.call)
                yield ServerSentEvent(event="call", raw_data=card)


@router.post("/live/{call_id}/recording")
async def control(
    request: Request, parts: Parts, me: Me, call_id: str, operation: Annotated[str, Form(max_length=60)] = ""
) -> Response:
    """One of the buttons. A script gets JSON, a plain form the page with the answer on it."""
    wanted = OPERATIONS.get(operation)
    if wanted is None:
        raise Problem(422, "There is no such operation.")
    try:
        view = await carry_out(parts, me, call_id, wanted, Means.PAGE, address_of(request))
    except (Problem, SwitchDown) as error:
        if for_scripts(request):
            raise
        problem = error if isinstance(error, Problem) else Problem(503, "The switch cannot be reached now.")
        return _page(request, parts, me, problem.status, problem.detail, ok=False)
    if for_scripts(request):
        return JSONResponse({"ok": view.confirmed, "text": said(view)})
    return _page(request, parts, me, 200, said(view), ok=view.confirmed)


def said(view: ControlView) -> str:
    text = sentence(view.reason)
    return f"{text}." if view.confirmed else f"{text}, but the switch has not confirmed it yet."


def _page(request: Request, parts: Parts, me: Me, status: int, text: str, *, ok: bool) -> Response:
    calls = all_visible(parts.control.live_calls(), me.scope)
    return page(request, "live.html", status, calls=calls, said={"ok": ok, "text": text})
