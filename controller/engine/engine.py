"""All switches together: what the web and the scripts talk to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import structlog

from ..core.authority import find_call
from ..core.calls import Call
from ..core.desk import Desk
from ..core.media_kinds import Operation
from ..core.requests import Actor, ControlOutcome, ControlRequest, Means, Refusal, Target
from .live import LiveFeed, live_call
from .ports import Catalog, ControlReport, LiveCall, LiveEvent, Switch, SwitchStatus
from .switch_engine import SwitchEngine

log = structlog.get_logger(__name__)

POLICY_POLL_S = 3.0


class Engine:
    """Implements `ports.Control`. ``on_ended`` is told when calls that ended have been saved."""

    def __init__(
        self,
        switches: Sequence[Switch],
        catalog: Catalog,
        now: Callable[[], datetime],
        new_id: Callable[[], str],
        on_ended: Callable[[], None] = lambda: None,
        written_at: Mapping[str, Callable[[str], datetime | None]] | None = None,
    ) -> None:
        """``written_at``: by a switch's name, when a file of its spool was last written."""
        self._catalog = catalog
        self._now = now
        self._new_id = new_id
        self._feed = LiveFeed()
        self.engines = [
            SwitchEngine(
                switch,
                Desk(
                    new_id,
                    video_supported=switch.video_supported,
                    hold_stops_capture=switch.hold_stops_capture,
                ),
                catalog,
                now,
                self._feed,
                on_ended,
                new_id,
                (written_at or {}).get(switch.name, lambda path: None),
            )
            for switch in switches
        ]

    async def run(self) -> None:
        """Work until cancelled. The settings are read first: nothing is decided without them."""
        await self.reload_policy()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._watch_policy())
            for engine in self.engines:
                tasks.create_task(engine.run())

    def held_recordings(self) -> set[str]:
        """Every recording that is in memory; of the others the catalog knows all there is to know."""
        return {recording for engine in self.engines for recording in engine.held_recordings()}

    def live_calls(self) -> list[LiveCall]:
        calls = [live_call(e.switch.name, call, e.desk.policy) for e in self.engines for call in e.desk.book]
        return sorted(calls, key=lambda c: c.started_at)

    async def control(
        self, operation: Operation, target: Target, actor: Actor, means: Means
    ) -> ControlReport:
        request = ControlRequest(self._new_id(), self._now(), operation, target, actor, means)
        # The same name may be known to several switches (a call that goes through two of them).
        fitting = [e for e in self.engines if isinstance(find_call(e.desk.book, request), Call)]
        if len(fitting) > 1:
            outcome = ControlOutcome(
                request.request_id, False, str(Refusal.AMBIGUOUS), refusal=Refusal.AMBIGUOUS
            )
            return ControlReport(outcome)
        if fitting:
            return await fitting[0].control(request)
        refusals = [find_call(e.desk.book, request) for e in self.engines]
        why = next(
            (r for r in refusals if isinstance(r, Refusal) and r is not Refusal.NO_SUCH_CALL),
            Refusal.NO_SUCH_CALL,
        )
        log.warning("control.refused", operation=str(operation), means=str(means), reason=str(why))
        return ControlReport(ControlOutcome(request.request_id, False, str(why), refusal=why))

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        return self._feed.reader()

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
