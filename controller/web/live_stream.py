"""Live events for one account: filtered by what it may see, and only as long as it may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from ..engine.ports import Control, LiveCall, LiveEvent
from ..engine.reading import Account
from .live_view import all_visible, visible

#: So often a stream asks whether its account may still see it, and puts right what it has missed.
RECHECK_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Change:
    """``call`` None: it has ended, or the account may no longer see it. Without a ``call_id``: all that is
    up has been told, and what was not among it is up no more."""

    call_id: str
    call: LiveCall | None

    @property
    def complete(self) -> bool:
        return not self.call_id


async def changes(
    control: Control,
    account: Account,
    still: Callable[[], Awaitable[Account | None]],
    *,
    recheck: float = RECHECK_SECONDS,
) -> AsyncGenerator[Change]:
    """First every call that is up, then each change. Ends when the account loses its access:
    ``still`` says who it is now, None for nobody.

    Close it when done (``aclosing``): that is what takes the reader out of the engine's feed.
    """
    clock, told = asyncio.get_running_loop().time, False
    shown: dict[str, LiveCall] = {}
    async with control.events() as events:
        # One task outlives the waits: cancelling a pending anext would end the iterator.
        following = asyncio.ensure_future(_next(events))
        due = clock()
        try:
            while True:
                if clock() >= due:
                    now = await still()
                    if now is None:
                        return
                    account, due = now, clock() + recheck
                    # The feed drops the oldest for a slow reader, an end of a call perhaps.
                    for change in _missed(control.live_calls(), account, shown):
                        yield change
                    if not told:
                        told = True
                        yield Change("", None)
                await asyncio.wait({following}, timeout=max(0.0, due - clock()))
                if not following.done():
                    continue
                event = following.result()
                if event is None:
                    return
                following = asyncio.ensure_future(_next(events))
                seen = visible(event.call, account.scope) if event.call else None
                if seen is not None:
                    if shown.get(event.call_id) != seen:
                        shown[event.call_id] = seen
                        yield Change(event.call_id, seen)
                elif event.call_id in shown:
                    del shown[event.call_id]
                    yield Change(event.call_id, None)
        finally:
            following.cancel()


def _missed(live: list[LiveCall], account: Account, shown: dict[str, LiveCall]) -> list[Change]:
    """What must be said so that the reader knows exactly the calls that are up, as they are now."""
    up = {call.call_id: call for call in all_visible(live, account.scope)}
    found = [Change(call_id, None) for call_id in shown if call_id not in up]
    # Newest last: the page puts each new card on top.
    found += [Change(i, call) for i, call in reversed(up.items()) if shown.get(i) != call]
    shown.clear()
    shown.update(up)
    return found


async def _next(events: AsyncIterator[LiveEvent]) -> LiveEvent | None:
    return await anext(events, None)
