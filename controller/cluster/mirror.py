"""The other controllers' running calls and switches, as they tell them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ..engine.leasing import Controller
from ..engine.live import LiveFeed
from ..engine.ports import LiveCall, LiveEvent, SwitchStatus
from . import wire
from .client import PeerClient

#: How often it is looked who is there, and one that was lost is tried again.
LOOK_S = 0.5


@dataclass(slots=True)
class Seen:
    """Of one controller; ``switches`` are those that it has now."""

    calls: dict[str, LiveCall] = field(default_factory=dict)
    switches: dict[str, SwitchStatus] = field(default_factory=dict)


class Mirror:
    """``peers`` gives the others that live; ``known`` tells a call that we know from elsewhere."""

    def __init__(
        self, client: PeerClient, peers: Callable[[], Iterable[Controller]], feed: LiveFeed,
        known: Callable[[str], LiveCall | None],
    ) -> None:  # fmt: skip
        self._client = client
        self._peers = peers
        self._feed = feed
        self._known = known
        self._seen: dict[str, Seen] = {}

    def calls(self) -> list[LiveCall]:
        return [call for seen in list(self._seen.values()) for call in seen.calls.values()]

    def call(self, call_id: str) -> LiveCall | None:
        return next((seen.calls[call_id] for seen in self._seen.values() if call_id in seen.calls), None)

    def switch(self, holder: str, name: str) -> SwitchStatus | None:
        """As its holder tells it; None: that one cannot be heard, or has just lost it."""
        seen = self._seen.get(holder)
        return None if seen is None else seen.switches.get(name)

    async def run(self) -> None:
        """Never returns by itself; cancel it to stop."""
        following: dict[str, asyncio.Task[None]] = {}
        try:
            while True:
                peers = {p.name: p for p in self._peers() if p.address}
                for name in [n for n, task in following.items() if n not in peers or task.done()]:
                    following.pop(name).cancel()
                for name, peer in peers.items():
                    if name not in following:
                        following[name] = asyncio.create_task(self._follow(peer))
                await asyncio.sleep(LOOK_S)
        finally:
            for task in following.values():
                task.cancel()

    async def _follow(self, peer: Controller) -> None:
        seen = self._seen[peer.name] = Seen()
        try:
            async with contextlib.aclosing(self._client.live(peer)) as lines:
                async for told in lines:
                    self._take(seen, told)
        finally:
            if self._seen.get(peer.name) is seen:
                del self._seen[peer.name]
            for call in seen.calls.values():
                self._gone(call.call_id, call.tenants)

    def _take(self, seen: Seen, told: wire.Told) -> None:
        seen.switches = {s.name: s for s in told.switches}
        if told.calls is not None:
            up = {c.call_id: c for c in told.calls}
            for call in [c for i, c in seen.calls.items() if i not in up]:
                del seen.calls[call.call_id]
                self._gone(call.call_id, call.tenants)
            seen.calls = up
            for call in up.values():
                self._feed.tell(LiveEvent(call.call_id, call, call.tenants))
        if (event := told.event) is None:
            return
        if event.call is not None:
            seen.calls[event.call_id] = event.call
            self._feed.tell(event)
        else:
            seen.calls.pop(event.call_id, None)
            self._gone(event.call_id, event.tenants)

    def _gone(self, call_id: str, tenants: tuple[str, ...]) -> None:
        """Unless somebody else has it by now, or we: a switch may just have changed hands."""
        call = self._known(call_id)
        self._feed.tell(LiveEvent(call_id, call, call.tenants if call else tenants))
