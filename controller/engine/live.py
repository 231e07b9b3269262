"""The running calls as people see them, and who is told when they change."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from datetime import datetime

from ..core.calls import Call
from ..core.captures import CaptureState
from ..core.limits import ends_at
from ..core.policy import Policy
from ..core.reconcile import silenced
from ..core.recording import Recording
from .ports import LiveCall, LiveEvent, LiveParty, LiveRecording

#: Without a pause a capture is so only for an announcement.
_SILENT = (CaptureState.MASKING, CaptureState.PAUSED)

#: Events that a slow reader may be behind before it loses the oldest.
BACKLOG = 256


def live_call(switch: str, call: Call, policy: Policy | None = None) -> LiveCall:
    """``policy``: to say when a pause ends by itself."""
    return LiveCall(
        call.call_id,
        switch,
        call.started_at,
        call.answered_at,
        tuple(
            LiveParty(
                leg.leg_id,
                str(leg.party.side),
                leg.party.tenant,
                leg.party.user,
                leg.party.number,
                leg.party.name,
                leg.held,
                _held_since(call, leg.leg_id) if leg.held else None,
            )
            for leg in call.live_legs
            if leg.recordable
        ),
        tuple(_live_recording(call, r, policy) for r in call.recordings),
        tuple(call.tenants),
        tuple(dict.fromkeys(route for leg in call.live_legs for route in leg.routes)),
    )


def _held_since(call: Call, leg_id: str) -> datetime | None:
    return next((e.at for e in reversed(call.journey) if e.leg_id == leg_id and e.what == "held"), None)


def _live_recording(call: Call, recording: Recording, policy: Policy | None) -> LiveRecording:
    running, pause = recording.running, recording.open_pause
    state = "ended" if recording.ended_at else str(running.state) if running else "waiting"
    if running and running.state in _SILENT and not silenced(call, recording.kind):
        state = "waiting"  # somebody who has joined is still being told
    return LiveRecording(
        recording.recording_id,
        recording.tenant,
        str(recording.kind),
        state,
        pause is not None,
        pause.asked_at if pause else None,
        recording.reason,
        recording.provisional,
        recording.rule,
        pause.asked_by if pause else "",
        ends_at(call, recording.kind, policy) if pause and policy else None,
    )


class LiveFeed:
    """Hands every change to every reader. A reader that is slow loses the oldest."""

    def __init__(self) -> None:
        self._readers: set[asyncio.Queue[LiveEvent]] = set()

    def publish(self, switch: str, call: Call, policy: Policy | None = None) -> None:
        if not self._readers:
            return
        shown = live_call(switch, call, policy) if call.ended_at is None else None
        self.tell(LiveEvent(call.call_id, shown, tuple(call.tenants)))

    def gone(self, call_id: str, tenants: tuple[str, ...]) -> None:
        """A call that has become part of another one, or is another controller's now."""
        self.tell(LiveEvent(call_id, None, tenants))

    def tell(self, event: LiveEvent) -> None:
        for queue in self._readers:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(event)

    def reader(self) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        return reading(self)

    def add(self, queue: asyncio.Queue[LiveEvent]) -> None:
        self._readers.add(queue)

    def discard(self, queue: asyncio.Queue[LiveEvent]) -> None:
        self._readers.discard(queue)


@contextlib.asynccontextmanager
async def reading(*feeds: LiveFeed) -> AsyncIterator[AsyncIterator[LiveEvent]]:
    """Everything that these feeds tell from now on."""
    queue: asyncio.Queue[LiveEvent] = asyncio.Queue(BACKLOG)
    for feed in feeds:
        feed.add(queue)

    async def events() -> AsyncIterator[LiveEvent]:
        while True:
            yield await queue.get()

    try:
        yield events()
    finally:
        for feed in feeds:
            feed.discard(queue)
