"""One switch's engine: facts into the desk, commands out through mailboxes, state to the catalog."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import structlog

from ..core import facts as f
from ..core.captures import CaptureState
from ..core.commands import (
    Announce,
    BindFeatureCodes,
    CloseCapture,
    Command,
    MaskCapture,
    OpenCapture,
    PlaySound,
    Sound,
    UnmaskCapture,
)
from ..core.desk import Desk
from ..core.effects import Effects
from ..core.errors import TapelineError
from ..core.requests import ControlRequest, Means
from .backoff import LONGEST_S, Backoff
from .live import LiveFeed
from .log_context import about
from .mailboxes import Mailboxes
from .ports import (
    LEG_GONE,
    CaptureReport,
    Catalog,
    ControlReport,
    EngineStats,
    LinkState,
    Switch,
    SwitchDown,
    SwitchStatus,
)
from .saver import Saver
from .standby import StandbyKeeper

log = structlog.get_logger(__name__)

#: How often refused commands are tried again.
TICK_S = 1.0
#: How long the answer to a request waits for the switch.
SETTLE_S = 2.0

_REFUSALS = (f.CaptureRefused, f.CaptureMaskRefused, f.CaptureCloseRefused)


class SwitchEngine:
    """Everything that happens on one switch, on the event loop. See docs/architecture.md."""

    def __init__(
        self,
        switch: Switch,
        desk: Desk,
        catalog: Catalog,
        now: Callable[[], datetime],
        feed: LiveFeed,
        on_ended: Callable[[], None],
        new_id: Callable[[], str],
        written_at: Callable[[str], datetime | None] = lambda path: None,
    ) -> None:
        """``written_at``: when a file of the switch's spool was last written, None without one."""
        self.switch = switch
        self.desk = desk
        self.stats = EngineStats()
        self._catalog = catalog
        self._now = now
        self._feed = feed
        self.saver = Saver(catalog, switch.name, on_ended)
        self.standby = StandbyKeeper(
            switch,
            desk,
            catalog,
            now=now,
            new_id=new_id,
            written_at=written_at,
            held=self.held_recordings,
            carry=self.carry,
        )
        self._mailboxes: Mailboxes[tuple[str, Command]] = Mailboxes(self._carry_out)
        self._changed: set[asyncio.Future[None]] = set()
        self._answers: set[asyncio.Task[None]] = set()
        self._broken: SwitchStatus | None = None

    @property
    def status(self) -> SwitchStatus:
        """As the adapter tells it, unless the adapter itself has failed since."""
        told = self.switch.status
        return told if self._broken is None or told.state is LinkState.DOWN else self._broken

    async def run(self) -> None:
        """Take over what the catalog holds as running, then work until cancelled."""
        self.desk.restore(await self._catalog.open_calls(self.switch.name))
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.saver.run())
                tasks.create_task(self._tick())
                tasks.create_task(self._keep_connected())
                tasks.create_task(self.standby.run())
        finally:
            await self._mailboxes.close()
            await self.saver.flush()

    async def _keep_connected(self) -> None:
        """The adapter at work. It goes on through everything that a switch can do to it; what it fails at
        all the same is an error of ours, which may not take the other switches along."""
        loop, backoff = asyncio.get_running_loop(), Backoff()
        while True:
            began = loop.time()
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
        calls = [*self.desk.book, *self.saver.waiting_calls]
        return {recording.recording_id for call in calls for recording in call.recordings}

    # ── in ────────────────────────────────────────────────────────────────────────────────

    def fact(self, fact: f.Fact) -> None:
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
        report = self._decide(request)
        if request.means is Means.BUS or report.outcome.answer:
            answer = asyncio.get_running_loop().create_task(self._answer(request, report))
            self._answers.add(answer)
            answer.add_done_callback(self._answers.discard)

    async def _answer(self, request: ControlRequest, report: ControlReport) -> None:
        """The bus hears at once what was decided, an app what came of it."""
        outcome = report.outcome
        if request.means is not Means.BUS and not await self._settle(report):
            outcome = replace(outcome, reason=f"{outcome.reason}; the switch has not confirmed it yet")
        await self.switch.message(outcome)

    async def control(self, request: ControlRequest) -> ControlReport:
        """A request from our side; waits until the switch has answered its commands."""
        began = asyncio.get_running_loop().time()
        report = self._decide(request)
        settled = await self._settle(report)
        took = asyncio.get_running_loop().time() - began
        result = "refused" if not report.outcome.accepted else "confirmed" if settled else "late"
        self.stats.control(str(request.operation), result, took)
        return ControlReport(report.outcome, self._captures(report))

    async def _settle(self, report: ControlReport) -> bool:
        """Wait until the switch has answered what the request led to; False if it takes too long."""
        deadline = asyncio.get_running_loop().time() + SETTLE_S
        while not self._settled(report):
            left = deadline - asyncio.get_running_loop().time()
            if left <= 0:
                return False
            change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._changed.add(change)
            await asyncio.wait({change}, timeout=left)
            self._changed.discard(change)
        return True

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
        return ControlReport(outcome, self._captures(ControlReport(outcome)))

    # ── out ───────────────────────────────────────────────────────────────────────────────

    def carry(self, effects: Effects) -> None:
        """Send the commands at once; the catalog and the live page hear of it afterwards."""
        for call_id, command in effects.commands:
            self.stats.commands += 1
            self._mailboxes.put(_mailbox(call_id, command), (call_id, command))
        self.saver.put(effects.changed, effects.merged)
        for call in effects.changed.values():
            self._feed.publish(self.switch.name, call, self.desk.policy)
        for gone, keep in effects.merged.items():
            survivor = effects.changed.get(keep)
            self._feed.gone(gone, tuple(survivor.tenants) if survivor else ())
        for change in self._changed:
            if not change.done():
                change.set_result(None)

    async def _carry_out(self, item: tuple[str, Command]) -> None:
        call_id, command = item
        with about(call=call_id, capture=getattr(command, "capture_id", "")):
            await self._execute(command)

    async def _execute(self, command: Command) -> None:
        began, result = asyncio.get_running_loop().time(), "done"
        try:
            fact = await self.switch.execute(command)
        except SwitchDown:
            result = "down"
            return  # what became of it is in the snapshot that follows the reconnection
        except Exception as error:
            result = "error"
            # One of the adapter's own errors says what is wrong; anything else needs its traceback.
            tell = log.warning if isinstance(error, TapelineError) else log.exception
            tell(
                "switch.command_failed",
                switch=self.switch.name,
                command=type(command).__name__,
                reason=str(error)[:200],
            )
            fact = _refusal(command, self._now(), f"{type(error).__name__}: {error}"[:200])
        else:
            result = "refused" if isinstance(fact, _REFUSALS) else "done"
        finally:
            took = asyncio.get_running_loop().time() - began
            self.stats.note(type(command).__name__, result, took)
        if fact is not None:
            if isinstance(fact, _REFUSALS):
                log.log(
                    logging.INFO if fact.reason == LEG_GONE else logging.ERROR,
                    "capture.refused",
                    switch=self.switch.name,
                    capture=fact.capture_id,
                    what=type(fact).__name__,
                    reason=fact.reason,
                )
            self.fact(fact)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            for call in tuple(self.desk.book):
                try:
                    effects = self.desk.tick(call, self._now())
                except Exception:
                    with about(call=call.call_id):
                        log.exception("desk.failed", switch=self.switch.name, fact="tick")
                    continue
                self.carry(effects)

    # ── what became of a request ──────────────────────────────────────────────────────────

    def _captures(self, report: ControlReport) -> tuple[CaptureReport, ...]:
        call = self.desk.book.calls.get(report.outcome.call_id or "")
        if call is None:
            return ()
        return tuple(
            CaptureReport(r.recording_id, r.segments[-1].capture_id, str(r.kind), str(r.segments[-1].state))
            for r in call.recordings
            if r.recording_id in report.outcome.recording_ids and r.segments
        )

    def _settled(self, report: ControlReport) -> bool:
        resting = {
            str(CaptureState.RECORDING),
            str(CaptureState.PAUSED),
            str(CaptureState.ENDED),
            str(CaptureState.FAILED),
        }
        return all(c.state in resting for c in self._captures(report))


def _mailbox(call_id: str, command: Command) -> str:
    """Captures in their call's order; the rest beside them, so that no capture waits for it."""
    if isinstance(command, Announce):
        return "bus"
    if isinstance(command, BindFeatureCodes):
        return f"leg {command.leg_id}"
    if isinstance(command, PlaySound):
        return f"ear {command.leg_id}"
    return call_id


def _refusal(command: Command, at: datetime, reason: str) -> f.CaptureFact | f.AnnouncementPlayed | None:
    match command:
        case PlaySound(leg_id=leg_id, sound=Sound.ANNOUNCEMENT, tenant=tenant):
            return f.AnnouncementPlayed(leg_id, tenant, at, reason)
        case OpenCapture(capture_id=capture_id):
            return f.CaptureRefused(capture_id, at, reason)
        case CloseCapture(capture_id=capture_id):
            return f.CaptureCloseRefused(capture_id, at, reason)
        case MaskCapture(capture_id=capture_id):
            return f.CaptureMaskRefused(capture_id, at, reason)
        case UnmaskCapture(capture_id=capture_id):
            return f.CaptureUnmaskRefused(capture_id, at, reason)
        case _:
            return None
