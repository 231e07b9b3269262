"""The driver of the demo: it has the scripted phones play the table of calls, and tells what they saw."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from ..core.media_control import JSON_TYPE, TEXT_TYPE
from .calls import CALLS, DemoCall, Hold, Pause, Side, Transfer, Way
from .phone import Dialog, Phone, PhoneError
from .speech import speech

Progress = Callable[[str], None]


class Lab(Protocol):
    """What the driver needs of a private switch. ``users``: extension → (password, tenant)."""

    sip_host: str
    sip_port: int
    users: dict[str, tuple[str, str]]
    trunk_ip: str
    trunk_port: int

    @property
    def trunk_entry(self) -> tuple[str, int]:
        """Where a call from the trunk's side is sent to."""


@dataclass(slots=True)
class AskedPause:
    """When the request's last packet left. ``resumed_at`` None: it was never resumed."""

    way: Way
    by: str
    paused_at: datetime
    resumed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Voice:
    """Whose track somebody speaks, from its beginning, and when its first packet left."""

    speaker: str
    since: datetime


@dataclass(slots=True)
class PlayedCall:
    """What happened, as the phones saw it. ``failure`` says what went wrong, empty: nothing.

    ``sip_call_ids``: of the caller's leg, the callee's, and of whoever it was transferred to.
    ``voices``: of the caller's number and the callee's. ``external_only_from`` is when a transfer
    had left only outside parties in the call. ``phones_late_ms``: how late our own latest packet
    left, on a machine that has too much to do.
    """

    call: DemoCall
    sip_call_ids: list[str] = field(default_factory=list)
    session_ids: dict[str, str] = field(default_factory=dict)
    voices: dict[str, Voice] = field(default_factory=dict)
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    pauses: list[AskedPause] = field(default_factory=list)
    holds: list[tuple[datetime, datetime]] = field(default_factory=list)
    transferred_at: datetime | None = None
    external_only_from: datetime | None = None
    phones_late_ms: int = 0
    failure: str = ""

    @property
    def parties(self) -> tuple[str, ...]:
        transfers = [s.to for s in self.call.steps if isinstance(s, Transfer)]
        return (self.call.caller, self.call.callee, *transfers)

    @property
    def recorded(self) -> bool:
        """Whether a recording is expected."""
        return self.call.recorded and self.answered_at is not None


@dataclass(frozen=True, slots=True)
class DemoPhones:
    users: Mapping[str, Phone]
    trunk: Phone

    def of(self, number: str) -> Phone:
        return self.trunk if number.startswith("+") else self.users[number]


@asynccontextmanager
async def open_phones(lab: Lab, network: str = "127.0.40") -> AsyncIterator[DemoPhones]:
    """Registered phones of all the lab's users, each on an address of its own, and the trunk's far
    end. Raises PhoneError if one cannot register."""
    server = (lab.sip_host, lab.sip_port)
    users = {
        number: Phone(number, f"{network}.{n}", server, password, domain=tenant)
        for n, (number, (password, tenant)) in enumerate(lab.users.items(), start=1)
    }
    trunk = Phone("trunk", lab.trunk_ip, lab.trunk_entry, port=lab.trunk_port)
    phones = [*users.values(), trunk]
    try:
        for phone in phones:
            await phone.start()
        await asyncio.gather(*(phone.register() for phone in users.values()))
        yield DemoPhones(users, trunk)
    finally:
        await asyncio.gather(*(phone.close() for phone in phones))


async def play(
    lab: Lab, phones: DemoPhones, progress: Progress, calls: Sequence[DemoCall] = CALLS
) -> list[PlayedCall]:
    """Play every call, all at once by their ``start_ms``; in the order of ``calls``.

    Never raises for a call that goes wrong: its ``failure`` says so and the others go on.
    """
    for call in calls:
        for number in (call.caller, call.callee):
            if not number.startswith("+") and number not in lab.users:
                raise PhoneError(f"the lab has no user {number}")
    for phone in (*phones.users.values(), phones.trunk):
        phone.auto_answer = False  # the script answers, with the right voice
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_play_one(call, phones, progress)) for call in calls]
    return [task.result() for task in tasks]


async def _play_one(call: DemoCall, phones: DemoPhones, progress: Progress) -> PlayedCall:
    played = PlayedCall(call)
    await asyncio.sleep(call.start_ms / 1000)
    player = _Player(call, phones, progress, played)
    try:
        await player.run()
    except (PhoneError, TimeoutError) as error:
        played.failure = str(error) or "nobody answered in time"
        progress(f"{call.caller} → {call.callee}: {played.failure}")
    finally:
        await player.hang_up()
    return played


class _Player:
    def __init__(self, call: DemoCall, phones: DemoPhones, progress: Progress, played: PlayedCall) -> None:
        self.call, self.phones, self.played = call, phones, played
        self._progress = progress
        self._dialogs: dict[Side, Dialog] = {}
        self._third: Dialog | None = None

    def _say(self, text: str) -> None:
        self._progress(f"{self.call.caller} → {self.call.callee}: {text}")

    async def run(self) -> None:
        await self._connect()
        for step in sorted(self.call.steps, key=lambda s: s.from_ms):
            await self._until(step.from_ms)
            if isinstance(step, Pause):
                await self._pause(step)
            elif isinstance(step, Hold):
                await self._hold(step)
            else:
                await self._transfer(step)
        if self._third is None:
            await self._until(self.call.talk_ms)
        await self.hang_up()
        self.played.ended_at = _now()
        self.played.phones_late_ms = max(d.rtp.latest_ms for d in self._dialogs.values())
        self._say("ended")

    async def hang_up(self) -> None:
        """Whoever is still there hangs up."""
        for dialog in (*self._dialogs.values(), self._third):
            if dialog is None or dialog.ended.is_set():
                continue
            try:
                await dialog.hangup()
            except (PhoneError, TimeoutError) as error:
                self.played.failure = self.played.failure or f"hanging up: {error}"

    async def _connect(self) -> None:
        call, played = self.call, self.played
        from_user = call.caller if call.caller.startswith("+") else None
        caller = await self.phones.of(call.caller).dial(
            call.callee, source=speech.source(_speaker(call, Side.CALLER)),
            from_user=from_user, display_name=call.caller_name or None,
        )  # fmt: skip
        self._dialogs[Side.CALLER] = caller
        played.sip_call_ids.append(caller.call_id)
        self._say(f"calls ({call.title})")
        callee = await self._incoming(call.callee)
        self._dialogs[Side.CALLEE] = callee
        played.sip_call_ids.append(callee.call_id)
        callee.rtp.play(speech.source(_speaker(call, Side.CALLEE)))
        await asyncio.sleep(0.4)  # it rings, so that the catalog shows a time to answer
        callee.answer()
        await caller.answered()
        played.answered_at = _at(caller.answered_at)
        for side, number in ((Side.CALLER, call.caller), (Side.CALLEE, call.callee)):
            dialog = self._dialogs[side]
            since = dialog.rtp.first_sent_at or dialog.answered_at
            played.voices[number] = Voice(_speaker(call, side), _at(since))
            session_id = dialog.session_id
            if session_id is not None and not number.startswith("+"):
                played.session_ids[number] = session_id

    async def _incoming(self, number: str) -> Dialog:
        """The call for this number. A trunk's phone has many numbers, a user's only one."""
        if not number.startswith("+"):
            return await self.phones.of(number).next_call()
        return await self.phones.trunk.next_call(where=lambda d: d.called == number)

    async def _until(self, ms: int) -> None:
        assert self.played.answered_at is not None
        await asyncio.sleep(max(0.0, self.played.answered_at.timestamp() + ms / 1000 - time.time()))

    def _number(self, side: Side) -> str:
        return self.call.caller if side is Side.CALLER else self.call.callee

    async def _pause(self, step: Pause) -> None:
        by = self._number(step.by)
        asked = AskedPause(step.way, by, _at(await self._ask(step, "pause")))
        self.played.pauses.append(asked)
        self._say(f"{by} paused by {step.way}")
        await self._until(step.to_ms)
        asked.resumed_at = _at(await self._ask(step, "resume"))
        self._say(f"{by} resumed by {step.way}")

    async def _ask(self, step: Pause, verb: str) -> float:
        """Returns time.time() at which the request's last packet left. Raises PhoneError."""
        dialog, operation = self._dialogs[step.by], f"{verb}-audio-recording"
        if step.way is Way.CODE:
            return await dialog.send_digits("*48" if verb == "pause" else "*49")
        if step.way is Way.DIALOG:
            reply = await dialog.message(operation, TEXT_TYPE)
        else:
            if dialog.session_id is None:
                raise PhoneError("the switch sent no X-Session-Id, so no MESSAGE can name this call")
            body = json.dumps({"operation": operation, "session_id": dialog.session_id})
            reply = await dialog.phone.message(self._number(step.by), body, JSON_TYPE)
        if reply.status >= 300:
            raise PhoneError(f"{step.way} was answered {reply.status} {reply.reason}")
        return reply.sent_at

    async def _hold(self, step: Hold) -> None:
        dialog = self._dialogs[step.by]
        await dialog.hold()
        began = _now()
        self._say(f"{self._number(step.by)} holds")
        await self._until(step.to_ms)
        await dialog.unhold()
        self.played.holds.append((began, _now()))
        self._say(f"{self._number(step.by)} is back")

    async def _transfer(self, step: Transfer) -> None:
        self._say(f"{self._number(step.by)} transfers to {step.to}")
        self.played.transferred_at = _now()
        leaving = asyncio.ensure_future(self._dialogs[step.by].transfer(step.to))
        coming = asyncio.ensure_future(self._incoming(step.to))
        try:
            await asyncio.wait((leaving, coming), return_when=asyncio.FIRST_COMPLETED)
            if not coming.done():
                self._check_transfer(step, leaving.result())
            third = self._third = await coming
            self.played.sip_call_ids.append(third.call_id)
            third.rtp.play(speech.source(speech.AGENT))
            third.answer()
            answered = _now()
            self._check_transfer(step, await leaving)
        finally:
            leaving.cancel()
            coming.cancel()
        staying = self._number(Side.CALLEE if step.by is Side.CALLER else Side.CALLER)
        if staying.startswith("+") and step.to.startswith("+"):
            self.played.external_only_from = answered
        await asyncio.sleep(step.then_ms / 1000)

    @staticmethod
    def _check_transfer(step: Transfer, status: int) -> None:
        if status >= 300:
            raise PhoneError(f"the transfer to {step.to} was answered {status}")


def _speaker(call: DemoCall, side: Side) -> str:
    """Outside people are customers; between two users the one who is called plays the customer."""
    customer = Side.CALLER if call.caller.startswith("+") else Side.CALLEE
    return speech.CUSTOMER if side is customer else speech.AGENT


def _at(seconds: float | None) -> datetime:
    return datetime.fromtimestamp(time.time() if seconds is None else seconds, UTC)


def _now() -> datetime:
    return datetime.now(UTC)
