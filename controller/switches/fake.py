"""A switch in memory: legs, bridges and captures without telephony, for tests and for trying the API out.

It is held to the same contract as the real ones (tests/contract). Whoever drives it makes calls
(`call`, `start_leg`, `bridge`, `hang_up` …); the engine commands it as it would any switch.
Captures become small real WAV files in the spool: a tone where sound would be, exact silence
where it was masked. Faults come on command: see `fault`, `disconnect` and `crash`.
"""

from __future__ import annotations

import asyncio
import itertools
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ..core import facts as f
from ..core.commands import (
    CloseCapture,
    Command,
    KeepCapture,
    MaskCapture,
    OpenCapture,
    PlaySound,
    Sound,
    UnmaskCapture,
)
from ..core.media_kinds import Kind
from ..core.parties import Party
from ..core.requests import ControlOutcome, ControlRequest
from ..engine.ports import LinkState, SwitchDown, SwitchStatus
from .fake_audio import write_wav
from .fake_standby import FakeStandby
from .notes import note_of, read_note


@dataclass(slots=True)
class FakeLeg:
    """A leg as it stands now; ``history`` holds the facts that led here, for a snapshot."""

    started: f.LegStarted
    answered_at: datetime | None = None
    bridge_id: str | None = None
    held: bool = False


@dataclass(slots=True)
class FakeCapture:
    """A running capture. ``spans`` are (from when, masked) in order; the last one is still on."""

    command: OpenCapture
    file: Path
    spans: list[tuple[datetime, bool]] = field(default_factory=list)
    kept: bool = False

    @property
    def masked(self) -> bool:
        return self.spans[-1][1]


@dataclass(frozen=True, slots=True)
class Fault:
    """How a kind of command fails: see `FakeSwitch.fault`."""

    refuse: str = ""
    delay_s: float = 0.0
    lose: bool = False


class FakeSwitch:
    """A `Switch` in memory. Everything but `run` and `execute` may be called at any time, also while
    it is out of touch: then the snapshot after the reconnection tells of it."""

    kind = "fake"
    video_supported = False
    hold_stops_capture = False

    def __init__(
        self, name: str, spool: Path, now: Callable[[], datetime], *, command_timeout_s: float = 2.0
    ) -> None:
        self.name = name
        self.legs: dict[str, FakeLeg] = {}
        self.captures: dict[str, FakeCapture] = {}
        #: Commands that arrived, in order; answers to requests on the bus.
        self.executed: list[Command] = []
        self.messages: list[ControlOutcome] = []
        self._spool = spool
        self._now = now
        self._timeout_s = command_timeout_s
        self._booted_at = now()
        self._faults: dict[type[Command], Fault] = {}
        self._ids = itertools.count(1)
        self._reachable = asyncio.Event()
        self._reachable.set()
        self._broken = asyncio.Event()
        self._connected = False
        self.standby = FakeStandby(lambda: self._connected, lambda: self._on_fact(self.snapshot()))
        self._status = SwitchStatus(name, self.kind, LinkState.CONNECTING, now())
        self._on_fact: Callable[[f.Fact], None] = lambda fact: None
        self._on_request: Callable[[ControlRequest], None] = lambda request: None

    # ── the switch's side of the contract ─────────────────────────────────────────────────

    @property
    def status(self) -> SwitchStatus:
        return self._status

    async def run(
        self, on_fact: Callable[[f.Fact], None], on_request: Callable[[ControlRequest], None]
    ) -> None:
        self._on_fact, self._on_request = on_fact, on_request
        try:
            while True:
                await self._reachable.wait()
                self._broken.clear()
                self._connected = True
                self._status = SwitchStatus(self.name, self.kind, LinkState.UP, self._now(), "fake")
                on_fact(self.snapshot())
                await self._broken.wait()
        finally:
            self._connected = False

    async def execute(self, command: Command) -> f.CaptureFact | f.AnnouncementPlayed | None:
        if not self._connected:
            raise SwitchDown(f"{self.name} is not connected")
        self.executed.append(command)
        fault = self._faults.get(type(command), Fault())
        await self._wait(self._timeout_s if fault.lose else fault.delay_s)
        reason = fault.refuse or ("no answer in time" if fault.lose else "")
        match command:
            case OpenCapture():
                return self._open(command, reason)
            case CloseCapture():
                return self._close(command, reason)
            case MaskCapture() | UnmaskCapture():
                return self._mask(command, reason)
            case KeepCapture(capture_id=capture_id):
                if capture_id in self.captures:
                    self.captures[capture_id].kept = True
                return None
            case PlaySound(leg_id=leg_id, sound=Sound.ANNOUNCEMENT, tenant=tenant):
                gone = "" if leg_id in self.legs else f"there is no leg {leg_id}"
                return f.AnnouncementPlayed(leg_id, tenant, self._now(), reason or gone)
            case _:
                return None

    async def message(self, outcome: ControlOutcome) -> None:
        self.messages.append(outcome)

    def snapshot(self) -> f.SwitchSnapshot:
        """What is true now, as a real switch would answer."""
        at = self._now()
        legs: dict[str, tuple[f.LegFact, ...]] = {}
        for leg_id, leg in self.legs.items():
            facts: list[f.LegFact] = [leg.started]
            if leg.answered_at is not None:
                facts.append(f.LegAnswered(leg_id, leg.answered_at))
            if leg.bridge_id is not None:
                facts.append(f.BridgeEntered(leg_id, leg.bridge_id, at))
            facts.append(f.LegHeld(leg_id, at) if leg.held else f.LegUnheld(leg_id, at))
            legs[leg_id] = tuple(facts)
        seen = tuple(
            f.CaptureSeen(
                c.command.capture_id,
                c.command.leg_id,
                c.command.path,
                c.masked,
                read_note(note_of(c.command, c.spans[0][0]), kept=c.kept),
            )
            for c in self.captures.values()
        )
        return f.SwitchSnapshot(at, legs, seen, booted_at=self._booted_at)

    # ── calls, for whoever drives it ──────────────────────────────────────────────────────

    def call(self, caller: Party, callee: Party, *, answered: bool = True) -> tuple[str, str]:
        """A whole call, ringing or (by default) up: (the caller's leg, the callee's)."""
        a = self.start_leg(caller, dialled=callee.number)
        b = self.start_leg(callee, calling=False, origin=a, dialled=callee.number)
        if answered:
            self.answer(b)
            self.answer(a)
            self.bridge(a, b)
        return a, b

    def start_leg(
        self,
        party: Party,
        *,
        calling: bool = True,
        origin: str | None = None,
        aliases: tuple[str, ...] = (),
        dialled: str = "",
        address: str | None = "127.0.0.1",
    ) -> str:
        leg_id = f"{self.name}-leg-{next(self._ids)}"
        started = f.LegStarted(
            leg_id, self._now(), party, calling, origin, (f"{leg_id}@sip", *aliases), dialled, address
        )
        self.legs[leg_id] = FakeLeg(started)
        self._tell(started)
        return leg_id

    def answer(self, leg_id: str) -> None:
        self.legs[leg_id].answered_at = at = self._now()
        self._tell(f.LegAnswered(leg_id, at))

    def bridge(self, *leg_ids: str) -> str:
        """These legs hear each other, and nobody else, from now on."""
        bridge_id = f"{self.name}-bridge-{next(self._ids)}"
        for leg_id in leg_ids:
            self.unbridge(leg_id)
            self.legs[leg_id].bridge_id = bridge_id
            self._tell(f.BridgeEntered(leg_id, bridge_id, self._now()))
        return bridge_id

    def unbridge(self, leg_id: str) -> None:
        bridge_id, self.legs[leg_id].bridge_id = self.legs[leg_id].bridge_id, None
        if bridge_id is not None:
            self._tell(f.BridgeLeft(leg_id, bridge_id, self._now()))

    def hold(self, leg_id: str, held: bool = True) -> None:
        self.legs[leg_id].held = held
        at = self._now()
        self._tell(f.LegHeld(leg_id, at) if held else f.LegUnheld(leg_id, at))

    def hang_up(self, *leg_ids: str, cause: str = "NORMAL_CLEARING") -> None:
        """End legs, and with each the captures on it."""
        for leg_id in leg_ids:
            self.unbridge(leg_id)
            for capture in [c for c in self.captures.values() if c.command.leg_id == leg_id]:
                self._finish(capture)
                self._tell(f.CaptureClosed(capture.command.capture_id, self._now(), "hang-up"))
            del self.legs[leg_id]
            self._tell(f.LegHungUp(leg_id, self._now(), cause))

    def ask(self, request: ControlRequest) -> None:
        """A request from the switch's own side: a code dialled, a MESSAGE, an event on the bus."""
        if self._connected:
            self._on_request(request)

    # ── faults ────────────────────────────────────────────────────────────────────────────

    def fault(
        self, command: type[Command], *, refuse: str = "", delay_s: float = 0.0, lose: bool = False
    ) -> None:
        """From now on refuse commands of this kind for a reason, answer late, or never answer
        (``lose``: the command does not take effect either). `heal` ends it."""
        self._faults[command] = Fault(refuse, delay_s, lose)

    def heal(self) -> None:
        self._faults.clear()

    def disconnect(self, error: str = "the connection was cut") -> None:
        """The controller is out of touch; calls and captures go on. `reconnect` ends it."""
        self._reachable.clear()
        self._connected = False
        self._broken.set()
        self._status = SwitchStatus(self.name, self.kind, LinkState.DOWN, self._now(), "fake", error)

    def reconnect(self) -> None:
        self._reachable.set()

    def crash(self) -> None:
        """Die in the middle of everything and be started again: no leg is left, the files' headers say 0."""
        self.disconnect("the switch has died")
        for capture in list(self.captures.values()):
            self._finish(capture)
            with capture.file.open("r+b") as file:
                for offset in (4, 40):
                    file.seek(offset)
                    file.write(struct.pack("<I", 0))
        self.legs.clear()
        self._booted_at = self._now()

    # ── inside ────────────────────────────────────────────────────────────────────────────

    def _tell(self, fact: f.Fact) -> None:
        if self._connected:
            self._on_fact(fact)

    async def _wait(self, seconds: float) -> None:
        """Let the loop have its turn as a real connection would; raises SwitchDown if it breaks."""
        if seconds <= 0:
            await asyncio.sleep(0)
        else:
            try:
                async with asyncio.timeout(seconds):
                    await self._broken.wait()
            except TimeoutError:
                return
        if not self._connected:
            raise SwitchDown(f"{self.name}: the connection broke")

    def _open(self, command: OpenCapture, reason: str) -> f.CaptureFact:
        file = self._spool / command.path
        if not reason:
            reason = self._cannot_open(command, file)
        if reason:
            return f.CaptureRefused(command.capture_id, self._now(), reason)
        at = self._now()
        file.parent.mkdir(parents=True, exist_ok=True)
        write_wav(file, [])
        self.captures[command.capture_id] = FakeCapture(command, file, [(at, False)])
        return f.CaptureOpened(command.capture_id, at)

    def _cannot_open(self, command: OpenCapture, file: Path) -> str:
        if command.kind is not Kind.AUDIO:
            return "this switch cannot record video"
        if command.leg_id not in self.legs:
            return f"there is no leg {command.leg_id}"
        if not file.resolve().is_relative_to(self._spool.resolve()):
            return "the path leads out of the spool"
        return "the file exists already" if file.exists() else ""

    def _close(self, command: CloseCapture, reason: str) -> f.CaptureFact:
        if reason:
            return f.CaptureCloseRefused(command.capture_id, self._now(), reason)
        capture = self.captures.get(command.capture_id)
        if capture is not None:
            self._finish(capture)
        return f.CaptureClosed(command.capture_id, self._now(), "stopped")

    def _mask(self, command: MaskCapture | UnmaskCapture, reason: str) -> f.CaptureFact:
        capture, at, wanted = (
            self.captures.get(command.capture_id),
            self._now(),
            isinstance(command, MaskCapture),
        )
        if capture is None:
            reason = reason or "the capture is not running"
        if capture is None or reason:
            refused = f.CaptureMaskRefused if wanted else f.CaptureUnmaskRefused
            return refused(command.capture_id, at, reason)
        if capture.masked != wanted:
            capture.spans.append((at, wanted))
        return (
            f.CaptureMasked(command.capture_id, at) if wanted else f.CaptureUnmasked(command.capture_id, at)
        )

    def _finish(self, capture: FakeCapture) -> None:
        del self.captures[capture.command.capture_id]
        ends = [begin for begin, _ in capture.spans[1:]] + [self._now()]
        spans = zip(capture.spans, ends, strict=True)
        write_wav(capture.file, [((end - begin).total_seconds(), masked) for (begin, masked), end in spans])
