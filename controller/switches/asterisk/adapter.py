"""Asterisk as a `Switch`: connect, resynchronise, report facts, carry out commands."""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from ...config import AsteriskConfig, ConfigError
from ...core import facts as f
from ...core.commands import Announce, BindFeatureCodes, Command, KeepCapture, PlaySound
from ...core.requests import ControlOutcome, ControlRequest
from ...engine.backoff import Backoff
from ...engine.ports import LinkState, SwitchDown, SwitchStatus
from ...engine.spool_eyes import SpoolEyes
from ..underway import UnderWay
from .answers import Answers, send_result
from .connection import AmiConnection, ConnectionLost, UnsafeValue
from .ear import Ear
from .ended_unheard import EndedUnheard
from .headers import Headers, text, timestamp
from .messages import RefusedInput
from .opening import open_ami
from .questions import Questions
from .recorder import Recorder
from .resync import channel_event, system_name, take_snapshot, variable
from .seal import Damaged, Seal
from .standby import AsteriskStandby
from .translate import Translator
from .verbs import FEATURES

log = structlog.get_logger(__name__)

#: How often the switch is asked for a sign of life, and how long it may take.
HEARTBEAT_S = 5.0

_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class AsteriskSwitch:
    """One Asterisk over AMI. See `engine.ports.Switch` for the contract."""

    kind = "asterisk"
    video_supported = False
    #: The held party goes on sending, which keeps MixMonitor on the holding leg going.
    hold_stops_capture = False

    def __init__(
        self,
        config: AsteriskConfig,
        new_id: Callable[[], str],
        now: Callable[[], datetime],
        elsewhere: SpoolEyes | None = None,
    ) -> None:
        """``elsewhere``: who sees the spool, where it is on another machine."""
        self.name = config.name
        self._config = config
        self._now = now
        self._timeout_s = config.command_timeout_ms / 1000
        self._translator = Translator(config, new_id, now)
        self._recorder = Recorder(config, now, self._channel_of, elsewhere)
        self._ear = Ear(config, new_id, now, self._channel_of, spool_here=elsewhere is None)
        self._answers = Answers()
        self._under_way = UnderWay()
        self.standby = AsteriskStandby(config, lambda: self._ami, new_id, self._take_stock)
        self._ami: AmiConnection | None = None
        self._status = SwitchStatus(config.name, self.kind, LinkState.CONNECTING, now())
        self._on_fact: Callable[[f.Fact], None] = lambda fact: None
        self._on_request: Callable[[ControlRequest], None] = lambda request: None
        self._held_back: list[Headers] | None = None
        self._questions: Questions | None = None
        self._seal = Seal()
        self._cut: dict[str, list[Headers]] = {}

    @property
    def status(self) -> SwitchStatus:
        return self._status

    # ── the connection's life ─────────────────────────────────────────────────────────────

    async def run(
        self, on_fact: Callable[[f.Fact], None], on_request: Callable[[ControlRequest], None]
    ) -> None:
        self._on_fact, self._on_request = on_fact, on_request
        self._set_status(LinkState.CONNECTING)  # not as it was when this was last run
        backoff = Backoff()
        while True:
            try:
                reason = await self._session(backoff)
            except (ConnectionLost, ConfigError) as error:
                reason = str(error)
            except TimeoutError:
                reason = "Asterisk does not answer on AMI"
            except BaseExceptionGroup as group:  # of the snapshot's tasks
                if group.split((ConnectionLost, TimeoutError))[1] is not None:
                    raise
                reason = "the connection broke while Asterisk was being asked for its channels"
            self._set_status(LinkState.DOWN, error=reason)
            await asyncio.sleep(backoff.next())

    async def _session(self, backoff: Backoff) -> str:
        """One connection from its opening to its end; returns why it ended."""
        self._held_back = []
        ami = await open_ami(self._config, self._events)
        try:
            settings = await ami.action("CoreSettings", self._timeout_s)
            self._seal, self._cut = Seal(), {}
            self._seal.system_name = await system_name(ami, self._timeout_s)
            snapshot = await self._snapshot(ami)
            await asyncio.to_thread(self._ear.prepare)
            self._ami = ami
            self._questions = Questions(
                self.name, ami, self._translator, self._recorder, self._now, self._timeout_s, self._on_fact
            )
            self._set_status(LinkState.UP, version=_short(text(settings, "AsteriskVersion")))
            backoff.reset()
            self._begin_with(snapshot)
            heartbeat = asyncio.create_task(self._heartbeat(ami))
            try:
                either: set[asyncio.Future[Any]] = {ami.closed, heartbeat}
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            finally:
                heartbeat.cancel()
            if ami.closed.done():
                return ami.closed.result()
            return "Asterisk does not answer any more (frozen, or the network is cut)"
        finally:
            self._ami = None
            self._held_back = None
            tasks = self._questions.cancel() if self._questions is not None else []
            self._questions = None
            await ami.close()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _snapshot(self, ami: AmiConnection) -> f.SwitchSnapshot:
        with self._under_way.watching() as unsure:
            snapshot, ids = await take_snapshot(
                ami, self._translator, self._now, self._timeout_s, self._config.seen_by_switch
            )
        snapshot = replace(snapshot, unsure=frozenset(unsure))
        for channel in self._translator.channels.values():
            self._seal.know(channel.name, channel.leg_id)
        self._recorder.take_over(snapshot.captures, ids, unsure=unsure)
        return snapshot

    def _begin_with(self, snapshot: f.SwitchSnapshot) -> None:
        """Report it, and after it what has happened meanwhile."""
        self._on_fact(snapshot)
        held_back, self._held_back = self._held_back or [], None
        for event in held_back:
            self._take(event, before=snapshot.at)

    async def _take_stock(self) -> None:
        """Report what is true on the switch now, in the middle of a connection."""
        ami = self._ami
        if ami is None:
            raise SwitchDown(f"{self.name} is not connected")
        self._held_back = []
        try:
            self._begin_with(await self._snapshot(ami))
        except ConnectionLost as error:
            raise SwitchDown(str(error)) from error
        finally:
            # Whatever failed, the connection goes on: what has come meanwhile is taken as it is.
            held_back, self._held_back = self._held_back, None
            for event in held_back or ():
                self._take(event)

    async def _heartbeat(self, ami: AmiConnection) -> None:
        """Ends when the switch gives no sign of life; a frozen peer shows in no other way."""
        unheard = EndedUnheard(self._translator)
        with contextlib.suppress(TimeoutError, ConnectionLost):
            while True:
                await asyncio.sleep(HEARTBEAT_S)
                await ami.action("Ping", HEARTBEAT_S)
                for leg_id in await unheard.look(ami, HEARTBEAT_S):
                    log.warning("switch.hangup_unheard", switch=self.name, leg=leg_id)
                    self._translator.channels.pop(leg_id, None)
                    self._on_fact(f.LegHungUp(leg_id, self._now()))
                    self._recorder.forget_leg(leg_id)

    def _set_status(self, state: LinkState, *, version: str = "", error: str = "") -> None:
        if (state, error) != (self._status.state, self._status.error):
            level = 20 if state is LinkState.UP else 30
            log.log(level, "switch.link", switch=self.name, state=str(state), error=error or None)
            self._status = SwitchStatus(
                self.name, self.kind, state, self._now(), version or self._status.version, error
            )

    # ── events in ─────────────────────────────────────────────────────────────────────────

    def _events(self, events: list[Headers]) -> None:
        for event in events:
            if self._held_back is not None:
                self._held_back.append(event)
            elif self._ami is not None:
                self._take(event)

    def _take(self, event: Headers, before: datetime | None = None) -> None:
        try:
            self._event(event, before)
        except Exception:
            # An error of ours about one event may not cost those that came with it.
            log.exception("switch.event_failed", switch=self.name, said=text(event, "Event")[:40])

    def _event(self, event: Headers, before: datetime | None = None) -> None:
        """One event. Facts older than ``before`` are in the snapshot already; requests are not, nor
        are all holds, see holds.py."""
        checked = self._seal.check(event)
        if checked is None:
            # List rows of our own queries pass here as well and carry no name; they are no events.
            if "ActionID" not in event and text(event, "Event") != "FullyBooted":
                log.warning("ami.forged", switch=self.name, said=text(event, "Event")[:40])
            return
        if isinstance(checked, Damaged):
            waiting = self._cut.get(checked.channel)
            if waiting is None:
                self._cut[checked.channel] = waiting = []
                log.warning("ami.damaged", switch=self.name, channel=checked.channel[:80])
                if self._questions is not None:
                    self._questions.ask(self._look_up(checked.channel))
            waiting.append(event)
            return
        whole, event = event, checked
        name = text(event, "Event")
        if self._ear.ended(event):
            return
        if before is None or name in ("Hold", "Unhold") or timestamp(event, before) >= before:
            for fact in self._translator.facts(event):
                self._on_fact(fact)
                if isinstance(fact, f.LegHungUp):
                    self._recorder.forget_leg(fact.leg_id)
            if self._questions is not None:
                self._questions.follow(name, text(event, "Uniqueid"), cut=event is not whole)
        try:
            request = self._translator.request(event)
        except RefusedInput as error:
            log.warning("control.refused", switch=self.name, reason=error.reason, who=error.who)
            return
        if request is not None:
            self._answers.note(request, event)
            self._on_request(request)

    async def _look_up(self, name: str) -> None:
        """A channel whose event was cut by the line ends in its caller's number: ask who it is.

        What comes of it meanwhile waits for the answer, which makes it legible.
        """
        try:
            event = None if self._ami is None else await channel_event(self._ami, name, self._timeout_s)
        finally:
            waiting = self._cut.pop(name, [])
        if event is not None:
            for late in (event, *waiting):
                self._take(late)

    def _channel_of(self, leg_id: str) -> str | None:
        channel = self._translator.channels.get(leg_id)
        return channel.name if channel is not None and channel.recordable else None

    # ── commands out ──────────────────────────────────────────────────────────────────────

    async def execute(self, command: Command) -> f.CaptureFact | f.AnnouncementPlayed | None:
        ami = self._ami
        if ami is None:
            raise SwitchDown(f"{self.name} is not connected")
        try:
            match command:
                case BindFeatureCodes(leg_id=leg_id):
                    await self._bind(ami, leg_id)
                case Announce():
                    fields = [("Leg-Id", command.leg_id)] if command.leg_id else []
                    await self._tell(ami, [*fields, *command.fields])
                case KeepCapture():
                    await self._recorder.keep(ami, command)
                case PlaySound():
                    return await self._ear.play(ami, command)
                case _:
                    with self._under_way.telling(command.capture_id):
                        return await self._recorder.execute(ami, command)
        except ConnectionLost as error:
            raise SwitchDown(f"{self.name}: {error}") from error
        except TimeoutError:
            log.warning("switch.unanswered", switch=self.name, command=type(command).__name__)
        except UnsafeValue as error:
            log.warning("switch.unsafe", switch=self.name, reason=str(error))
        return None

    async def message(self, outcome: ControlOutcome) -> None:
        asked = self._answers.take(outcome.request_id)
        if asked is None or self._ami is None:
            return
        fields = [
            ("Action", "answer"),
            ("Request-ID", asked.theirs),
            ("Accepted", "true" if outcome.accepted else "false"),
            ("Reason", outcome.reason),
            ("Call-ID", outcome.call_id or "-"),
        ]
        objection = ""
        try:
            if not asked.endpoint:
                await self._tell(self._ami, fields)
            elif outcome.answer:
                objection = await send_result(self._ami, asked, outcome, self._timeout_s)
        except (ConnectionLost, TimeoutError, UnsafeValue) as error:
            objection = str(error) or "no answer in time"
        if objection:
            log.warning(
                "control.unanswered", switch=self.name, who=asked.endpoint or "the bus", reason=objection
            )

    async def _bind(self, ami: AmiConnection, leg_id: str) -> None:
        """Let the party dial our codes; pjsip.conf should have done so, which is in time for every
        bridge. What is set here counts from the channel's next bridge on."""
        channel = self._channel_of(leg_id)
        if channel is None:
            return
        present = [
            n for n in (await variable(ami, channel, "DYNAMIC_FEATURES", self._timeout_s)).split("#") if n
        ]
        missing = [name for name in FEATURES if name not in present]
        if missing:
            await ami.action(
                "Setvar", self._timeout_s,
                Channel=channel, Variable="DYNAMIC_FEATURES", Value="#".join(present + missing),
            )  # fmt: skip

    async def _tell(self, ami: AmiConnection, fields: list[tuple[str, str]]) -> None:
        """A UserEvent on the bus. AMI's own word Action is taken, so ours is Recording-Action."""
        headers = {
            "Recording-Action" if key == "Action" else key: _CONTROL.sub(" ", value)[:500]
            for key, value in fields
        }
        await ami.action("UserEvent", self._timeout_s, UserEvent="TapelineRecording", **headers)


def _short(version: str) -> str:
    """Debian's packages say 22.10.1+dfsg+~cs6.17…; what people know it by ends at the first sign."""
    return re.split(r"[+~]", version, maxsplit=1)[0][:40]
