"""Live events for one account: filtered by what it may see, and only as long as it may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

from ..engine.ports import LiveCall, LiveEvent
from ..engine.reading import Account
from .access import current
from .live_view import all_visible, visible
from .services import Web
from .sessions import Session

#: So often a stream asks whether its account may still see it.
RECHECK_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Change:
    """``call`` None: it has ended, or the account may no longer see it."""

    call_id: str
    call: LiveCall | None


async def changes(
    web: Web, account: Account, session: Session | None, *, recheck: float = RECHECK_SECONDS
) -> AsyncIterator[Change]:
    """First every call that is up, then each change. Ends when the account loses its access."""
    control = web.services.control
    clock = asyncio.get_running_loop().time
    async with control.events() as events:
        shown: set[str] = set()
        for call in all_visible(control.live_calls(), account.scope):
            shown.add(call.call_id)
            yield Change(call.call_id, call)
        due = clock() + recheck
        # One task outlives the waits: cancelling a pending anext would end the iterator.
        following = asyncio.ensure_future(_next(events))
        try:
            while True:
                await asyncio.wait({following}, timeout=max(0.0, due - clock()))
                if clock() >= due:
                    now = await current(web, account.account_id, session)
                    if now is None:
                        return
                    account, due = now, clock() + recheck
                if not following.done():
                    continue
                event = following.result()
                if event is None:
                    return
                following = asyncio.ensure_future(_next(events))
                seen = visible(event.call, account.scope) if event.call else None
                if seen is not None:
                    shown.add(event.call_id)
                    yield Change(event.call_id, seen)
                elif event.call_id in shown:
                    shown.discard(event.call_id)
                    yield Change(event.call_id, None)
        finally:
            following.cancel()


async def _next(events: AsyncIterator[LiveEvent]) -> LiveEvent | None:
    return await anext(events, None)
