"""FreeSWITCH as a `Switch`: connect, resynchronise, report facts, carry out commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog

from ...config import ConfigError, FreeSwitchConfig
from ...core import facts as f
from ...core.commands import (
    Announce,
    BindFeatureCodes,
    CloseCapture,
    Command,
    KeepCapture,
    MaskCapture,
    OpenCapture,
    PlaySound,
    UnmaskCapture,
)
from ...core.requests import ControlOutcome, ControlRequest
from ...engine.backoff import Backoff
from ...engine.ports import LinkState, SwitchDown, SwitchStatus
from ...engine.spool_eyes import SpoolEyes
from ..underway import UnderWay
from . import verbs
from .answers import answer, on_the_bus
from .captures import Captures
from .codes import Codes
from .connection import Event, EventSocket
from .ear import TELL_OF_SOUNDS, Ear
from .opening import Pair, open_pair
from .record_key import VARIABLE, may_be_the_key
from .replies import ConnectionLost
from .requests import ARE_REQUESTS, RefusedInput
from .resync import take_snapshot
from .routes import NOTE, to_note
from .standby import FreeSwitchStandby
from .translate import Translator
from .video import VideoWatch

log = structlog.get_logger(__name__)

#: How often the switch is asked for a sign of life, and how long it may take.
HEARTBEAT_S = 5.0


class FreeSwitch:
    """One FreeSWITCH over its event socket. See `engine.ports.Switch` for the contract."""

    kind = "freeswitch"
    video_supported = True
    #: switch_core_session_read_frame reads nothing from a leg that has put the other on hold (1.10.12).
    hold_stops_capture = True

    def __init__(
        self,
        config: FreeSwitchConfig,
        new_id: Callable[[], str],
        now: Callable[[], datetime],
        elsewhere: SpoolEyes | None = None,
    ) -> None:
        """``elsewhere``: who sees the spool, where it is on another machine."""
        self.name = config.name
        self._config = config
        self._now = now
        self._new_id = new_id
        self._translator = Translator(config, new_id, now)
        self._sockets: Pair | None = None
        #: Whether any event has come since this was last taken back.
        self._heard = False
        self._jobs: dict[str, asyncio.Future[str]] = {}
        self._status = SwitchStatus(config.name, self.kind, LinkState.CONNECTING, now())
        self._on_fact: Callable[[f.Fact], None] = lambda fact: None
        self._on_request: Callable[[ControlRequest], None] = lambda request: None
        self._held_back: list[Event] | None = None
        self._live: set[str] = set()
        self._video = VideoWatch(self._api, self._report, now)
        self._ear = Ear(self._api, now)
        self._codes = Codes(lambda text, raw: self._api(text, raw=raw))
        partner_of = self._translator.partner_of
        self._captures = Captures(
            config, self._api, self._background, now, self._ear, self._video, partner_of, elsewhere is None
        )
        self.standby = FreeSwitchStandby(config, self._api, new_id, self._look_again)
        self._under_way = UnderWay()
        self._beside: set[asyncio.Task[None]] = set()

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
            except (ConnectionLost, TimeoutError, SwitchDown, ConfigError) as error:
                reason = str(error) or "the event socket does not answer"
            self._set_status(LinkState.DOWN, error=reason)
            await asyncio.sleep(backoff.next())

    async def _session(self, backoff: Backoff) -> str:
        """One connection from its opening to its end; returns why it ended."""
        async with open_pair(self._config, self._events) as sockets:
            try:
                self._sockets = sockets
                self._held_back = []
                await asyncio.gather(
                    *(self._in_order(line, raw=True) for line in (*verbs.FILTERS, verbs.SUBSCRIPTION))
                )
                version = (await self._api("version short")).strip()[:40]
                await self._take_stock(version)
                backoff.reset()
                return await self._until_lost(sockets)
            finally:
                self._sockets = None
                self._held_back = None
                self._video.stop()
                self._codes.stop()
                for job in self._jobs.values():
                    if not job.done():
                        job.set_exception(SwitchDown(f"{self.name}: the connection broke"))
                self._jobs.clear()
                self._ear.lost()

    async def _until_lost(self, sockets: Pair) -> str:
        """Why."""
        closed = (sockets.events.closed, sockets.commands.closed)
        heartbeat = asyncio.create_task(self._heartbeat())
        try:
            ends: list[asyncio.Future[Any]] = [*closed, heartbeat]
            await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            heartbeat.cancel()
        for each in closed:
            if each.done():
                return each.result()
        return "FreeSWITCH does not answer any more (frozen, or the network is cut)"

    async def _take_stock(self, version: str = "") -> None:
        """Report what is true on the switch now; what happens meanwhile is reported after it."""
        with self._under_way.watching() as unsure:
            snapshot = await take_snapshot(self._in_order, self._translator, self._now, self._live)
        snapshot = replace(snapshot, unsure=frozenset(unsure))
        self._live = set(snapshot.legs)
        for fact in (each for facts in snapshot.legs.values() for each in facts):
            self._warn_of(fact)
        if self._sockets is not None:
            self._sockets.events.eager = bool(self._live)
        self._set_status(LinkState.UP, version=version)
        self._report(snapshot)
        held_back, self._held_back = self._held_back or [], None
        self._events(held_back)

    async def _look_again(self) -> None:
        """The same in the middle of a connection, which goes on whatever fails."""
        self._held_back = []
        try:
            await self._take_stock()
        finally:
            held_back, self._held_back = self._held_back, None
            self._events(held_back or [])

    async def _heartbeat(self) -> None:
        """Ends when the switch gives no sign of life; a half-open connection shows in no other way."""
        with contextlib.suppress(TimeoutError, ConnectionLost, SwitchDown):
            while True:
                self._heard = False
                await asyncio.sleep(HEARTBEAT_S)
                await self._api("hostname", timeout_s=HEARTBEAT_S)
                # Where events come, they are its sign of life: an answer would stand behind all of them.
                if not self._heard:
                    await self._in_order("hostname", timeout_s=HEARTBEAT_S)

    def _set_status(self, state: LinkState, *, version: str = "", error: str = "") -> None:
        if (state, error) != (self._status.state, self._status.error):
            log.log(
                20 if state is LinkState.UP else 30,
                "switch.link",
                switch=self.name,
                state=str(state),
                error=error or None,
            )
            self._status = SwitchStatus(
                self.name, self.kind, state, self._now(), version or self._status.version, error
            )

    # ── events in ─────────────────────────────────────────────────────────────────────────

    def _events(self, events: Iterable[Event]) -> None:
        for event in events:
            self._heard = True
            if event.get("Event-Name") == "BACKGROUND_JOB":
                job = self._jobs.pop(event.get("Job-UUID", ""), None)
                if job is not None and not job.done():
                    job.set_result(event.get("_body", ""))
            elif self._held_back is not None:
                self._held_back.append(event)
            else:
                try:
                    self._event(event)
                except Exception:
                    # An error of ours about one event may not cost those that came with it.
                    log.exception("switch.event_failed", switch=self.name, said=event.get("Event-Name"))

    def _warn_of(self, fact: f.Fact) -> None:
        if isinstance(fact, f.LegStarted) and not fact.addressable:
            reason = f"a channel's UUID is {fact.leg_id[:60]!r}: it can be told nothing"
            log.warning("switch.unsafe", switch=self.name, reason=reason)

    def _report(self, fact: f.Fact) -> None:
        self._video.note(fact)
        self._codes.note(fact)
        self._on_fact(fact)

    def _event(self, event: Event) -> None:
        """By its name: most events say nothing but facts, and there may be thousands a second."""
        name = event.get("Event-Name", "")
        if name in TELL_OF_SOUNDS:
            self._ear.event(event)
        elif name == "RECV_INFO" and may_be_the_key(event):
            self._aside(self._record_key(event))
        elif name == "CUSTOM":
            queue = to_note(event)
            if queue is not None:
                self._aside(self._note_queue(*queue))
        for fact in self._translator.facts(event):
            kind = type(fact)
            if kind is f.LegStarted or kind is f.LegHungUp:
                self._came_or_went(fact)
            self._report(fact)
        if name == "CUSTOM":
            self._video.event(event)
        if name in ARE_REQUESTS:
            self._request(event)

    def _came_or_went(self, fact: f.Fact) -> None:
        if isinstance(fact, f.LegStarted):
            self._live.add(fact.leg_id)
            self._warn_of(fact)
        elif isinstance(fact, f.LegHungUp):
            self._live.discard(fact.leg_id)
        if self._sockets is not None:
            self._sockets.events.eager = bool(self._live)

    def _request(self, event: Event) -> None:
        try:
            request = self._translator.request(event)
        except RefusedInput as error:
            log.warning("control.refused", switch=self.name, reason=error.reason, who=error.who)
            return
        if request is not None:
            self._on_request(request)

    # ── commands out ──────────────────────────────────────────────────────────────────────

    async def execute(self, command: Command) -> f.CaptureFact | f.AnnouncementPlayed | None:
        match command:
            case OpenCapture() | CloseCapture() | MaskCapture() | UnmaskCapture():
                with self._under_way.telling(command.capture_id):
                    return await self._captures.execute(command)
            case KeepCapture():
                await self._captures.keep(command)
                return None
            case BindFeatureCodes():
                await self._codes.bind(command)
                return None
            case PlaySound():
                return await self._ear.play(command)
            case Announce():
                await self._api(verbs.announce(command), raw=True)
                return None

    async def message(self, outcome: ControlOutcome) -> None:
        asker = self._translator.requests.askers.take(outcome.request_id)
        with contextlib.suppress(SwitchDown, TimeoutError):
            if asker is None:
                await self._api(verbs.announce(Announce(None, on_the_bus(outcome))), raw=True)
            elif outcome.answer:
                head, body = answer(asker, outcome)
                await self._api(head, raw=True, body=body)

    def _aside(self, work: Coroutine[Any, Any, None]) -> None:
        """Ask or tell the switch something that the next event need not wait for."""

        async def guarded() -> None:
            with contextlib.suppress(TimeoutError, SwitchDown, verbs.UnsafeArgument):
                await work

        task = asyncio.get_running_loop().create_task(guarded())
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def _record_key(self, event: Event) -> None:
        answer = await self._api(verbs.ask_variable(event["Unique-ID"], VARIABLE))
        request = self._translator.requests.record_key(event, answer.strip())
        if request is not None:
            self._on_request(request)

    async def _note_queue(self, leg_id: str, queue: str) -> None:
        await self._api(verbs.note_queue(leg_id, NOTE, queue))

    async def _api(
        self, text: str, *, raw: bool = False, body: str = "", timeout_s: float | None = None
    ) -> str:
        """One command and its answer, whatever events are under way. Raises SwitchDown, TimeoutError."""
        commands = None if self._sockets is None else self._sockets.commands
        return await self._send(commands, text, raw, body, timeout_s)

    async def _in_order(self, text: str, *, raw: bool = False, timeout_s: float | None = None) -> str:
        """The same where the answer has to stand among the events: behind all that happened before it."""
        events = None if self._sockets is None else self._sockets.events
        return await self._send(events, text, raw, "", timeout_s)

    async def _send(
        self, socket: EventSocket | None, text: str, raw: bool, body: str, timeout_s: float | None
    ) -> str:
        if socket is None:
            raise SwitchDown(f"{self.name} is not connected")
        try:
            return await socket.send(
                text if raw else f"api {text}", timeout_s or self._config.command_timeout_ms / 1000, body
            )
        except ConnectionLost as error:
            raise SwitchDown(str(error)) from error

    async def _background(self, text: str) -> str:
        """One command in a thread of the switch's own; its output when it has finished."""
        job_id = self._new_id().lower()
        job: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._jobs[job_id] = job
        try:
            await self._api(f"bgapi {text}\nJob-UUID: {job_id}", raw=True)
            async with asyncio.timeout(self._config.command_timeout_ms / 1000):
                return await job
        finally:
            self._jobs.pop(job_id, None)
