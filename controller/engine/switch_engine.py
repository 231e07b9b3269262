"""One switch's engine: facts into the desk, commands out through mailboxes, state to the catalog."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from ..core import facts as f
from ..core.calls import Call
from ..core.commands import Command
from ..core.desk import Desk
from ..core.effects import Effects
from ..core.policy import Policy
from ..core.requests import ControlRequest, Means
from . import tracing
from .backoff import LONGEST_S, Backoff
from .clock import ClockWatch
from .executing import executed
from .legacy import Legacy
from .live import LiveFeed
from .log_context import about
from .mailboxes import Mailboxes, mailbox
from .ports import (
    Catalog,
    ControlReport,
    EngineStats,
    LinkState,
    Switch,
    SwitchDown,
    SwitchStatus,
)
from .saver import Saver
from .settling import Settling
from .spool_eyes import SpoolEyes
from .standby import StandbyKeeper
from .tenure import Sole, Tenure
from .tracing import Place

log = structlog.get_logger(__name__)

#: How often it is looked what is due.
TICK_S = 1.0


class SwitchEngine:
    """Everything that happens on one switch, on the event loop. See docs/architecture.md."""

    def __init__(
        self,
        switch: Switch,
        make_desk: Callable[[Policy], Desk],
        catalog: Catalog,
        now: Callable[[], datetime],
        feed: LiveFeed,
        on_ended: Callable[[], None],
        new_id: Callable[[], str],
        *,
        spool: SpoolEyes | None = None,
        tenure: Tenure | None = None,
    ) -> None:
        self.switch = switch
        self.spool = spool
        self.stats = EngineStats()
        self.tenure = tenure or Sole()
        self._make_desk = make_desk
        self._on_ended = on_ended
        self._catalog = catalog
        self._now = now
        self._feed = feed
        self._new_id = new_id
        self._settling = Settling(lambda: self.desk)
        self._answers: set[asyncio.Task[None]] = set()
        self._broken: SwitchStatus | None = None
        self._acting = not self.tenure.leased
        self._running = False  # the adapter, so that its status is of now and not of an earlier lease
        self._idle_since = now()
        self._legacy = Legacy(catalog, switch.name, on_ended)
        self._begin(Policy())

    def _begin(self, policy: Policy) -> None:
        """With nothing in memory: what was known under an earlier lease may be wrong by now."""
        self.desk = self._make_desk(policy)
        self.saver = Saver(self._catalog, self.switch.name, self._on_ended, self.tenure)
        self.standby = StandbyKeeper(
            self.switch,
            self.desk,
            self._catalog,
            now=self._now,
            new_id=self._new_id,
            spool=self.spool,
            held=self.held_recordings,
            carry=self.carry,
            may_act=self.tenure.may_act,
        )
        self._mailboxes: Mailboxes[tuple[str, Command, Place | None]] = Mailboxes(self._carry_out)

    @property
    def status(self) -> SwitchStatus:
        """As the adapter tells it, unless the adapter itself has failed since; free, as long as this
        controller does not have the switch."""
        told = self.switch.status
        if not self._acting:
            return SwitchStatus(told.name, told.kind, LinkState.FREE, self._idle_since)
        if not self._running:
            return SwitchStatus(told.name, told.kind, LinkState.CONNECTING, told.since)
        return told if self._broken is None or told.state is LinkState.DOWN else self._broken

    @property
    def acting(self) -> bool:
        """Whether this controller has the switch now."""
        return self._acting and self.tenure.may_act()

    async def run(self) -> None:
        """Whenever the switch is ours: take over what the catalog holds as running, then work until it is
        ours no more. Until cancelled."""
        if not self.tenure.leased:
            await self._work()
        bequests = asyncio.create_task(self._legacy.run())
        try:
            while True:
                await self.tenure.won()
                await self._tenancy()
        finally:
            bequests.cancel()

    async def _tenancy(self) -> None:
        """From the moment in which the switch is ours to the one in which nothing of us acts any more."""
        self._begin(self.desk.policy)
        self._acting, ending = True, True
        work = asyncio.create_task(self._take_over())
        lost = asyncio.create_task(self.tenure.lost())
        try:
            await asyncio.wait({work, lost}, return_when=asyncio.FIRST_COMPLETED)
            ending = False
        finally:
            lost.cancel()
            work.cancel()
            [end, _] = await asyncio.gather(work, lost, return_exceptions=True)
            self._acting = self._running = False
            self._idle_since, self._broken = self._now(), None
            left = list(self.desk.book)
            self._legacy.add(self.saver.waiting_calls)
            self._begin(self.desk.policy)
            for call in left:
                self._feed.gone(call.call_id, tuple(call.tenants))
            await self.tenure.settled(ending=ending)
        if isinstance(end, BaseException) and not isinstance(end, asyncio.CancelledError):
            raise end

    async def _take_over(self) -> None:
        """As a start, but the database may go away in that very moment: then it is tried again."""
        backoff = Backoff()
        while True:
            try:
                self.desk.policy = await self._catalog.policy()
                calls = await self._catalog.open_calls(self.switch.name)
                break
            except Exception as error:
                log.error("switch.not_taken_over", switch=self.switch.name, error=str(error)[:300])
                await asyncio.sleep(backoff.next())
        await self._work(calls)

    async def _work(self, calls: list[Call] | None = None) -> None:
        if calls is None:
            calls = await self._catalog.open_calls(self.switch.name)
        self.desk.restore(calls)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.saver.run())
                tasks.create_task(self._tick())
                tasks.create_task(self._keep_connected())
                tasks.create_task(self.standby.run())
        finally:
            await self._mailboxes.close()
            if self.tenure.may_write():
                await self.saver.flush()

    async def _keep_connected(self) -> None:
        """The adapter at work. It goes on through everything that a switch can do to it; what it fails at
        all the same is an error of ours, which may not take the other switches along."""
        loop, backoff = asyncio.get_running_loop(), Backoff()
        while True:
            began = loop.time()
            self._running = True
            try:
                await self.switch.run(self.fact, self.request)
                raise RuntimeError("the adapter has ended by itself")
            except Exception as error:
                log.exception("switch.failed", switch=self.switch.name)
                reason = f"an error of the controller's own, see its log: {type(error).__name__}: {error}"
            told = self.switch.status
            self._broken = SwitchStatus(
                told.name, told.kind, LinkState.DOWN, self._now(), told.version, reason[:300]
            )
            if loop.time() - began > LONGEST_S:
                backoff.reset()
            await asyncio.sleep(backoff.next())

    def held_recordings(self) -> set[str]:
        """Those that are in memory: of the running calls, and of whatever is not saved yet."""
        calls = [*self.desk.book, *self.saver.waiting_calls, *self._legacy.calls]
        return {recording.recording_id for call in calls for recording in call.recordings}

    # ── in ────────────────────────────────────────────────────────────────────────────────

    def fact(self, fact: f.Fact) -> None:
        if not self.tenure.may_act():
            return  # whoever has the switch now has heard it as well
        self.stats.facts += 1
        if isinstance(fact, f.SwitchSnapshot):
            self._broken = None  # the adapter is connected again
        try:
            effects = self.desk.apply(fact)
        except Exception:
            # An error of ours about one call may not end the recording of all the others.
            with about(capture=getattr(fact, "capture_id", "")):
                log.exception("desk.failed", switch=self.switch.name, fact=type(fact).__name__)
            return
        self.carry(effects)

    def request(self, request: ControlRequest) -> None:
        """A request from the switch's own side; the answer goes back the way it came."""
        if not self.tenure.may_act():
            return
        report = self._decide(request)
        if request.means is Means.BUS or report.outcome.answer:
            answer = asyncio.get_running_loop().create_task(self._answer(request, report))
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)

    async def _answer(self, request: ControlRequest, report: ControlReport) -> None:
        """The bus hears at once what was decided, an app what came of it."""
        outcome = report.outcome
        if request.means is not Means.BUS and not await self._settling.settled(report):
            outcome = replace(outcome, reason=f"{outcome.reason}; the switch has not confirmed it yet")
        if self.tenure.may_act():
            await self.switch.message(outcome)

    async def control(self, request: ControlRequest) -> ControlReport:
        """A request from our side; waits until the switch has answered its commands. Raises SwitchDown if
        the switch is not ours."""
        if not self.acting:
            raise SwitchDown(f"this controller does not have switch {self.switch.name} any more; try again")
        began = asyncio.get_running_loop().time()
        report = self._decide(request)
        settled = await self._settling.settled(report)
        took = asyncio.get_running_loop().time() - began
        result = "refused" if not report.outcome.accepted else "confirmed" if settled else "late"
        self.stats.control(str(request.operation), result, took)
        return ControlReport(report.outcome, self._settling.captures(report))

    def _decide(self, request: ControlRequest) -> ControlReport:
        self.stats.requests += 1
        outcome, effects = self.desk.request(request)
        self.carry(effects)
        facts = {
            "switch": self.switch.name,
            "operation": str(request.operation),
            "means": str(request.means),
            "call": outcome.call_id,
            "recordings": list(outcome.recording_ids),
            "reason": outcome.reason,
            "request": request.request_id,
        }
        if outcome.accepted:
            log.info("control.accepted", **facts)
        else:
            self.stats.refused[str(outcome.refusal)] = self.stats.refused.get(str(outcome.refusal), 0) + 1
            log.warning("control.refused", **facts)
        return ControlReport(outcome, self._settling.captures(ControlReport(outcome)))

    # ── out ───────────────────────────────────────────────────────────────────────────────

    def carry(self, effects: Effects) -> None:
        """Send the commands at once; the catalog and the live page hear of it afterwards."""
        for call_id, command in effects.commands:
            self.stats.commands += 1
            self._mailboxes.put(mailbox(call_id, command), (call_id, command, tracing.here()))
        self.saver.put(effects.changed, effects.merged)
        for call in effects.changed.values():
            self._feed.publish(self.switch.name, call, self.desk.policy)
        for gone, keep in effects.merged.items():
            survivor = effects.changed.get(keep)
            self._feed.gone(gone, tuple(survivor.tenants) if survivor else ())
        self._settling.changed()

    async def _carry_out(self, item: tuple[str, Command, Place | None]) -> None:
        call_id, command, place = item
        # A mailbox's task was made by whoever put the first command in; each has a place of its own.
        with about(call=call_id, capture=getattr(command, "capture_id", "")), tracing.under(place):
            fact = await executed(self.switch, call_id, command, self.stats, self.tenure.may_act, self._now)
            if fact is not None:
                self.fact(fact)

    async def _tick(self) -> None:
        clock = ClockWatch(self._now, asyncio.get_running_loop().time)
        while True:
            await asyncio.sleep(TICK_S)
            if not self.tenure.may_act():
                continue
            at = self._now()
            if by := clock.jumped():
                log.warning("clock.set", switch=self.switch.name, by_s=round(by.total_seconds(), 1))
                self.carry(self.desk.clock_set(by))
            for call in self.desk.agenda.by(at):
                try:
                    effects = self.desk.tick(call, at)
                except Exception:
                    with about(call=call.call_id):
                        log.exception("desk.failed", switch=self.switch.name, fact="tick")
                    continue
                self.carry(effects)
