"""All switches of all controllers, as the web may ask for them (engine.ports.Control)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from ..core.media_kinds import Operation
from ..core.requests import Actor, Means, NameTarget, Refusal, Target
from ..engine.engine import Engine
from ..engine.keeper import Keeper
from ..engine.leasing import Controller
from ..engine.live import LiveFeed, reading
from ..engine.ports import ControlReport, LinkState, LiveCall, LiveEvent, SwitchDown, SwitchStatus
from .client import PeerClient
from .mirror import Mirror
from .wire import Asked

log = structlog.get_logger(__name__)


class ClusterControl:
    """``kinds``: every switch of the configuration and its kind; ``video``: which of them record video."""

    def __init__(
        self, engine: Engine, keeper: Keeper, client: PeerClient, kinds: Mapping[str, str],
        video: Mapping[str, bool],
    ) -> None:  # fmt: skip
        self._engine = engine
        self._keeper = keeper
        self._client = client
        self._kinds = dict(kinds)
        self._video = dict(video)
        self._feed = LiveFeed()
        self._mirror = Mirror(client, self.others, self._feed, self._known)
        self._began = datetime.now(UTC)
        self._telling: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Follow the others. Never returns by itself; cancel it to stop."""
        await self._mirror.run()

    def others(self) -> list[Controller]:
        return self._keeper.others()

    # ── what is up ────────────────────────────────────────────────────────────────────────

    def live_calls(self) -> list[LiveCall]:
        calls = {call.call_id: call for call in (*self._mirror.calls(), *self._engine.live_calls())}
        return sorted(calls.values(), key=lambda c: c.started_at)

    def _known(self, call_id: str) -> LiveCall | None:
        own = next((c for c in self._engine.live_calls() if c.call_id == call_id), None)
        return own or self._mirror.call(call_id)

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        return reading(self._engine.feed, self._feed)

    def switches(self) -> list[SwitchStatus]:
        own = {s.name: s for s in self._engine.switches()}
        return [self._status(name, kind, own.get(name)) for name, kind in self._kinds.items()]

    def _status(self, name: str, kind: str, own: SwitchStatus | None) -> SwitchStatus:
        if own is not None and own.state is not LinkState.FREE:
            return replace(own, holder=self._keeper.me.label)
        since = own.since if own is not None else self._began
        holder = self._keeper.cluster.holder_of(name)
        if holder is None or holder.name == self._keeper.me.name:
            return SwitchStatus(name, kind, LinkState.FREE, since, error="no controller has it now")
        told = self._mirror.switch(holder.name, name)
        if told is None:
            why = f"its controller {holder.label} cannot be heard from here"
            return SwitchStatus(name, kind, LinkState.CONNECTING, since, error=why, holder=holder.label)
        return replace(told, holder=holder.label)

    def records_video(self) -> Mapping[str, bool]:
        return self._video

    # ── control ───────────────────────────────────────────────────────────────────────────

    async def control(
        self, operation: Operation, target: Target, actor: Actor, means: Means
    ) -> ControlReport:
        """Wherever the call is. Raises SwitchDown if that cannot be found out, or not be reached."""
        peers = [peer for peer in self.others() if peer.switches]
        assert isinstance(target, NameTarget)
        asked = Asked.of(operation, target, actor, means)
        here, refusal = self._engine.fitting(operation, target, actor, means)
        found = await asyncio.gather(*(self._client.fits(peer, asked) for peer in peers))
        there = [(peer, fit) for peer, fit in zip(peers, found, strict=True) if fit is not None]
        fitting = [(peer, fit.calls) for peer, fit in there if fit.calls]
        if here + sum(calls for _, calls in fitting) > 1:
            return self._engine.refused(operation, means, Refusal.AMBIGUOUS)
        # While they were asked, the switch may have come to us; what follows is all of one moment.
        here, refusal = self._engine.fitting(operation, target, actor, means)
        if here:
            return await self._engine.control(operation, target, actor, means)
        if fitting:
            return await self._client.control(fitting[0][0], asked)
        self._raise_if_unasked({peer.name for peer, _ in there})
        refusals = [refusal, *(fit.refusal for _, fit in there)]
        why = next((r for r in refusals if r not in (None, Refusal.NO_SUCH_CALL)), None)
        return self._engine.refused(operation, means, why or Refusal.NO_SUCH_CALL)

    def _raise_if_unasked(self, answered: set[str]) -> None:
        """Nobody knows the call; but of these switches nobody has been asked."""
        for name in self._kinds:
            if self._keeper.acts(name):
                continue
            holder = self._keeper.cluster.holder_of(name)
            if holder is None or holder.name == self._keeper.me.name:
                raise SwitchDown(f"no controller has switch {name} now; one takes it over within seconds")
            if holder.name not in answered:
                raise SwitchDown(f"the controller {holder.label} of switch {name} does not answer")

    async def reload_policy(self) -> None:
        await self._engine.reload_policy()
        for peer in self.others():
            telling = asyncio.create_task(self._client.reload(peer))
            self._telling.add(telling)
            telling.add_done_callback(self._telling.discard)
