"""Call Statistics › Live Calls: what is up now, and its recordings' buttons."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import JSONResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from ...core.media_kinds import OPERATIONS
from ...core.options import NewUser
from ...core.requests import Means
from ...core.rules import PolicyRule
from ...engine.ports import LiveCall, SwitchDown
from ...engine.reading import Account, UserSettings
from ..access import CameBy, address_of
from ..api.params import plain
from ..changes import tenant_settings, user_settings
from ..language import Language, language
from ..live_buttons import buttons, keepable
from ..live_cards import Shared
from ..live_control import ControlView, carry_out
from ..live_stream import changes
from ..live_view import all_visible
from ..permits import LiveController, Watcher
from ..problems import Problem, for_scripts
from ..services import Parts
from .rendering import form_token, fragment, page
from .words import sentence

router = APIRouter()


@router.get("/live")
async def live_page(request: Request, parts: Parts, me: Watcher) -> Response:
    return await _page(request, parts, me, 200, None)


@router.get("/live/stream", response_class=EventSourceResponse)
async def live_stream(
    request: Request, parts: Parts, me: Watcher, levels: bool = False
) -> AsyncIterator[ServerSentEvent]:
    """The same cards as in the page, each drawn again when its call changes; ``levels``: their strips too."""
    rule, token = await _own_rule(parts, me), form_token(request)
    wanted = parts.levels if levels else None
    async with aclosing(changes(parts.control, me, CameBy(request).account, levels=wanted)) as stream:
        async for change in stream:
            if change.levels:
                yield ServerSentEvent(event="levels", raw_data=change.levels)
            elif change.complete:
                yield ServerSentEvent(event="complete", raw_data="")
            elif change.call is None:
                yield ServerSentEvent(event="gone", raw_data=change.call_id)
            else:
                card = _CARDS.of(
                    (change.call, rule, parts.now().replace(second=0, microsecond=0), language())
                )
                yield ServerSentEvent(event="call", raw_data=card.replace(_TOKEN, token))


@router.post("/live/{call_id}/recording")
async def control(
    request: Request,
    parts: Parts,
    me: LiveController,
    call_id: str,
    operation: Annotated[str, Form(max_length=60)] = "",
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
        return await _page(request, parts, me, problem.status, {"ok": False, "text": problem.detail})
    if for_scripts(request):
        return JSONResponse({"ok": view.confirmed, "text": said(view)})
    return await _page(request, parts, me, 200, {"ok": view.confirmed, "text": said(view)})


def said(view: ControlView) -> str:
    text = sentence(view.reason)
    return f"{text}." if view.confirmed else f"{text}, but the switch has not confirmed it yet."


_HELP = {"buttons": buttons, "keepable": keepable}
#: In a card's form instead of the reader's own token; nobody can know it and have it shown as a name.
_TOKEN = secrets.token_hex(32)


def _card(of: tuple[LiveCall, PolicyRule | None, datetime, Language]) -> str:
    call, rule, now, _ = of  # the language is the one that is spoken now: none gets another's card
    drawn = fragment("live_call.html", call=call, rule=rule, now=now, csrf=_TOKEN, **_HELP)
    # Each line would be one of the event's own.
    return " ".join(line.strip() for line in drawn.splitlines() if line.strip())


_CARDS = Shared(_card)


async def _page(
    request: Request, parts: Parts, me: Account, status: int, told: dict[str, Any] | None
) -> Response:
    q = plain(request.query_params.get("q", ""), 100)
    calls = [c for c in all_visible(parts.control.live_calls(), me.scope) if _fits(c, q.casefold())]
    rule = await _own_rule(parts, me)
    return page(request, "live.html", status, calls=calls, q=q, said=told, rule=rule, **_HELP)


def _fits(call: LiveCall, wanted: str) -> bool:
    """A part of a name, number, user, queue or ring group, as the page's own script looks for it."""
    texts = [t for p in call.parties for t in (p.name, p.number, p.user or "")] + [
        r.name for r in call.routes
    ]
    return wanted in " ".join(texts).casefold()


async def _own_rule(parts: Parts, me: Account) -> PolicyRule | None:
    """The rule of the user that the account is, a new user's where there is none yet; None for an
    administrator."""
    if not (me.tenant and me.extension):
        return None
    found = await user_settings(parts, me.tenant, me.extension)
    if found is None:
        tenant = await tenant_settings(parts, me.tenant)
        new = tenant.options.new_user if tenant else NewUser()
        found = UserSettings(me.tenant, me.extension, "", new.audio, new.video, mode=new.mode)
    return found.rule
