"""All switches together: what the web and the scripts talk to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial

import structlog

from ..core.authority import find_call
from ..core.calls import Call
from ..core.desk import Desk
from ..core.media_kinds import Operation
from ..core.policy import Policy
from ..core.requests import Actor, ControlOutcome, ControlRequest, Means, Refusal, Target
from .keeper import Keeper
from .levels import LiveCapture, captures_of
from .live import LiveFeed, live_call
from .ports import Catalog, ControlReport, LiveCall, LiveEvent, Switch, SwitchStatus
from .room import RoomWatch
from .spool_eyes import SpoolEyes
from .switch_engine import SwitchEngine

log = structlog.get_logger(__name__)

POLICY_POLL_S = 3.0


def _desk(switch: Switch, new_id: Callable[[], str], policy: Policy) -> Desk:
    return Desk(
        new_id, policy, video_supported=switch.video_supported, hold_stops_capture=switch.hold_stops_capture
    )


class Engine:
    """Implements `ports.Control`. ``on_ended`` is told when calls that ended have been saved; ``keeper`` has
    the leases of the switches where there are other controllers."""

    def __init__(
        self,
        switches: Sequence[Switch],
        catalog: Catalog,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        on_ended: Callable[[], None] = lambda: None,
        *,
        keeper: Keeper | None = None,
        spools: Mapping[str, SpoolEyes] | None = None,
    ) -> None:
        """``spools``: by a switch's name, what is to be seen of its spool."""
        self.keeper = keeper
        self._catalog = catalog
        self._now = now
        self._new_id = new_id
        self.feed = LiveFeed()
        self.engines = [
            SwitchEngine(
                switch,
                partial(_desk, switch, new_id),
                catalog,
                now,
                self.feed,
                on_ended,
                new_id,
                spool=(spools or {}).get(switch.name),
                tenure=keeper.tenure(switch.name) if keeper else None,
            )
            for switch in switches
        ]
        self.rooms = [RoomWatch(engine, engine.spool, now) for engine in self.engines if engine.spool]

    async def run(self) -> None:
        """Work until cancelled. The settings are read first: nothing is decided without them."""
        await self.reload_policy()
        keeping = asyncio.create_task(self.keeper.run()) if self.keeper else None
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._watch_policy())
                for engine in self.engines:
                    tasks.create_task(engine.run())
                for room in self.rooms:
                    tasks.create_task(room.run())
        finally:
            # Only now: as long as anything acts, its lease is renewed.
            if self.keeper and keeping:
                keeping.cancel()
                await self.keeper.sign_off()

    def held_recordings(self) -> set[str]:
        """Every recording that is in memory; of the others the catalog knows all there is to know."""
        return {recording for engine in self.engines for recording in engine.held_recordings()}

    def live_calls(self) -> list[LiveCall]:
        calls = [live_call(e.switch.name, call, e.desk.policy) for e in self.engines for call in e.desk.book]
        return sorted(calls, key=lambda c: c.started_at)

    def captures(self) -> list[LiveCapture]:
        """The audio captures that run."""
        return [c for e in self.engines for c in captures_of(e.switch.name, e.desk.book)]

    async def control(
        self, operation: Operation, target: Target, actor: Actor, means: Means
    ) -> ControlReport:
        request = ControlRequest(self._new_id(), self._now(), operation, target, actor, means)
        # The same name may be known to several switches (a call that goes through two of them).
        fitting = [e for e in self._acting() if isinstance(find_call(e.desk.book, request), Call)]
        if len(fitting) == 1:
            return await fitting[0].control(request)
        calls, why = self._fitting(request)
        return self.refused(operation, means, why if why and not calls else Refusal.AMBIGUOUS)

    def fitting(
        self, operation: Operation, target: Target, actor: Actor, means: Means
    ) -> tuple[int, Refusal | None]:
        """How many calls such a request would be about, and why none if none is."""
        return self._fitting(ControlRequest("", self._now(), operation, target, actor, means))

    def _fitting(self, request: ControlRequest) -> tuple[int, Refusal | None]:
        found = [find_call(e.desk.book, request) for e in self._acting()]
        calls = sum(isinstance(f, Call) for f in found)
        refusals = [f for f in found if isinstance(f, Refusal)]
        why = next((r for r in refusals if r is not Refusal.NO_SUCH_CALL), Refusal.NO_SUCH_CALL)
        return calls, None if calls else why

    def refused(self, operation: Operation, means: Means, why: Refusal) -> ControlReport:
        """The answer to a request that no call of ours is meant by, or several."""
        log.warning("control.refused", operation=str(operation), means=str(means), reason=str(why))
        return ControlReport(ControlOutcome(self._new_id(), False, str(why), refusal=why))

    def _acting(self) -> list[SwitchEngine]:
        return [engine for engine in self.engines if engine.acting]

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        return self.feed.reader()

    def switches(self) -> list[SwitchStatus]:
        return [engine.status for engine in self.engines]

    def records_video(self) -> dict[str, bool]:
        return {engine.switch.name: engine.switch.video_supported for engine in self.engines}

    async def reload_policy(self) -> None:
        policy = await self._catalog.policy()
        for engine in self.engines:
            if engine.desk.policy != policy:
                engine.carry(engine.desk.set_policy(policy, self._now()))

    async def _watch_policy(self) -> None:
        """Settings may be changed by another process (the command line, another controller)."""
        while True:
            await asyncio.sleep(POLICY_POLL_S)
            try:
                await self.reload_policy()
            except Exception as error:
                # The settings in force stay in force; the database's return brings the new ones.
                log.error("policy.unreadable", error=str(error)[:300])
