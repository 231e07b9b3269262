"""Live events for one account: filtered by what it may see, and only as long as it may."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

from ..engine.levels import LiveLevels, Strips
from ..engine.ports import Control, LiveCall, LiveEvent
from ..engine.reading import Account
from .live_levels import LevelTeller
from .live_view import all_visible, visible

#: So often a stream asks whether its account may still see it, and puts right what it has missed.
RECHECK_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Change:
    """``call`` None: it has ended, or the account may no longer see it. Without a ``call_id``: all that is
    up has been told, and what was not among it is up no more; or, with ``levels``, how loud it is
    (`live_levels`)."""

    call_id: str
    call: LiveCall | None
    levels: str = ""

    @property
    def complete(self) -> bool:
        return not self.call_id and not self.levels


async def changes(
    control: Control,
    account: Account,
    still: Callable[[], Awaitable[Account | None]],
    *,
    recheck: float = RECHECK_SECONDS,
    levels: LiveLevels | None = None,
) -> AsyncGenerator[Change]:
    """First every call that is up, then each change. Ends when the account loses its access:
    ``still`` says who it is now, None for nobody. ``levels``: whose strips to tell besides, about once a
    second.

    Close it when done (``aclosing``): that is what takes the reader out of the engine's feed.
    """
    clock, told = asyncio.get_running_loop().time, False
    shown: dict[str, LiveCall] = {}
    async with control.events() as events, levels.watching() if levels else _nothing() as strips:
        # One task outlives the waits: cancelling a pending anext would end the iterator.
        following, looking = asyncio.ensure_future(_next(events)), asyncio.ensure_future(anext(strips))
        teller = LevelTeller()
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
                await asyncio.wait(
                    {following, looking}, timeout=max(0.0, due - clock()), return_when=asyncio.FIRST_COMPLETED
                )
                if looking.done():
                    if text := teller.tell(shown.values(), looking.result(), time.time()):
                        yield Change("", None, text)
                    looking = asyncio.ensure_future(anext(strips))
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
            looking.cancel()


@contextlib.asynccontextmanager
async def _nothing() -> AsyncIterator[AsyncIterator[Strips]]:
    async def never() -> AsyncIterator[Strips]:
        await asyncio.Event().wait()
        yield {}

    yield never()


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
