"""A switch in memory that plays whole calls by a script, and nothing else: no files, no telephony, no clock.

Call number n begins n / ``rate`` seconds after the first, rings, is answered, talks and is hung up; one in
twenty is paused meanwhile and resumed. Whoever drives it says how far time has come (`play`); it tells all
that has happened until then, each with the time at which it was due, and carries out the engine's commands
at once. What has ended it forgets.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from controller.core import facts as f
from controller.core.commands import (
    CloseCapture,
    Command,
    MaskCapture,
    OpenCapture,
    UnmaskCapture,
)
from controller.core.media_kinds import OPERATIONS
from controller.core.parties import Party, Side
from controller.core.requests import ControlOutcome, ControlRequest, LegActor, Means, NameTarget
from controller.engine.ports import LinkState, SwitchStatus
from controller.switches.fake_standby import FakeStandby

TENANT = "acme.test"
USERS = 200
RING_S = 2.0
#: One in so many is paused, a third into its talk, for so long.
PAUSED, PAUSE_S = 20, 2.0

Step = Callable[["ScriptedSwitch", int, datetime], None]


class ScriptedSwitch:
    """A `Switch`. ``talk_s`` gives how long a call talks, by its number; ``on_opening`` hears of every
    `OpenCapture` with the time at which its call's parties came together, in seconds from the first call."""

    kind = "scripted"
    video_supported = False
    hold_stops_capture = False

    def __init__(
        self,
        name: str,
        began: datetime,
        *,
        calls: int,
        rate: float,
        talk_s: Callable[[int], float],
        on_opening: Callable[[float], None] = lambda due: None,
    ) -> None:
        self.name = name
        self.calls, self.rate = calls, rate
        self.begun = self.ended = self.pauses = 0
        self.refused: list[ControlOutcome] = []
        self.standby = FakeStandby(lambda: True, lambda: None)
        self._began, self._talk_s, self._on_opening = began, talk_s, on_opening
        self._now = 0.0
        self._order = itertools.count()
        #: (when, a number of its own, the call's number, what happens)
        self._due: list[tuple[float, int, int, Step]] = []
        #: By leg: when its call was put through; its capture, once it runs.
        self._bridged: dict[str, float] = {}
        self._captures: dict[str, str] = {}
        self._status = SwitchStatus(name, self.kind, LinkState.CONNECTING, began)
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
        self._status = SwitchStatus(self.name, self.kind, LinkState.UP, self._began, "scripted")
        on_fact(f.SwitchSnapshot(self._began))
        await asyncio.Event().wait()

    async def execute(self, command: Command) -> f.CaptureFact | None:
        at = self.now
        match command:
            case OpenCapture(capture_id=capture_id, leg_id=leg_id):
                if leg_id not in self._bridged:
                    return f.CaptureRefused(capture_id, at, "there is no such leg")
                self._captures[leg_id] = capture_id
                self._on_opening(self._bridged[leg_id])
                return f.CaptureOpened(capture_id, at)
            case CloseCapture(capture_id=capture_id, leg_id=leg_id):
                self._captures.pop(leg_id, None)
                return f.CaptureClosed(capture_id, at, "stopped")
            case MaskCapture(capture_id=capture_id):
                return f.CaptureMasked(capture_id, at)
            case UnmaskCapture(capture_id=capture_id):
                return f.CaptureUnmasked(capture_id, at)
            case _:
                return None

    async def message(self, outcome: ControlOutcome) -> None:
        if not outcome.accepted:
            self.refused.append(outcome)

    # ── the script ────────────────────────────────────────────────────────────────────────

    @property
    def live(self) -> int:
        return self.begun - self.ended

    @property
    def now(self) -> datetime:
        """By the script's own time."""
        return self._at(self._now)

    @property
    def over(self) -> bool:
        return self.ended == self.calls

    @property
    def captures(self) -> int:
        """How many run."""
        return len(self._captures)

    def play(self, until: float, at_most_s: float = math.inf) -> bool:
        """What is due by then, in seconds from the first call; False if that took longer than it may.
        The rest is for the next time, as a socket gives so much at once: who is late must come to its
        own work."""
        enough = time.perf_counter() + at_most_s
        while self.begun < self.calls and self.begun / self.rate <= until:
            self._plan(self.begun / self.rate, self.begun, _rings)
            self.begun += 1
        while self._due and self._due[0][0] <= until:
            self._now, _, number, step = heapq.heappop(self._due)
            step(self, number, self._at(self._now))
            if time.perf_counter() > enough:
                return False
        self._now = until
        return True

    def _plan(self, when: float, number: int, step: Step) -> None:
        heapq.heappush(self._due, (when, next(self._order), number, step))

    def _at(self, when: float) -> datetime:
        return self._began + timedelta(seconds=when)

    def _tell(self, *facts: f.Fact) -> None:
        for fact in facts:
            self._on_fact(fact)

    def _ask(self, number: int, operation: str, at: datetime) -> None:
        leg, _ = _legs(number)
        actor = LegActor(leg)
        target = NameTarget(leg)
        self._on_request(
            ControlRequest(f"{operation}{number}", at, OPERATIONS[operation], target, actor, Means.BUS)
        )


def _legs(number: int) -> tuple[str, str]:
    return f"a{number}", f"b{number}"


def _user(number: int) -> Party:
    extension = str(1000 + number % USERS)
    return Party(Side.INTERNAL, TENANT, extension, extension)


def _rings(switch: ScriptedSwitch, number: int, at: datetime) -> None:
    a, b = _legs(number)
    caller, callee = _user(number), _user(number + USERS // 2)
    switch._tell(
        f.LegStarted(a, at, caller, True, None, (f"{a}@sip",), callee.number, "127.0.0.1"),
        f.LegStarted(b, at, callee, False, a, (f"{b}@sip",), callee.number, "127.0.0.1"),
    )
    switch._plan(switch._now + RING_S, number, _answers)


def _answers(switch: ScriptedSwitch, number: int, at: datetime) -> None:
    a, b = _legs(number)
    switch._bridged[a] = switch._bridged[b] = switch._now
    switch._tell(
        f.LegAnswered(b, at),
        f.LegAnswered(a, at),
        f.BridgeEntered(a, f"bridge{number}", at),
        f.BridgeEntered(b, f"bridge{number}", at),
    )
    talk = switch._talk_s(number)
    if number % PAUSED == 0:
        switch._plan(switch._now + talk / 3, number, _pauses)
    switch._plan(switch._now + talk, number, _hangs_up)


def _pauses(switch: ScriptedSwitch, number: int, at: datetime) -> None:
    switch.pauses += 1
    switch._ask(number, "pause-recording", at)
    switch._plan(switch._now + PAUSE_S, number, _resumes)


def _resumes(switch: ScriptedSwitch, number: int, at: datetime) -> None:
    if _legs(number)[0] in switch._bridged:
        switch._ask(number, "resume-recording", at)


def _hangs_up(switch: ScriptedSwitch, number: int, at: datetime) -> None:
    legs = _legs(number)
    switch.ended += 1
    switch._tell(*(f.BridgeLeft(leg, f"bridge{number}", at) for leg in legs))
    for leg in legs:
        del switch._bridged[leg]
        capture_id = switch._captures.pop(leg, None)
        if capture_id is not None:
            switch._tell(f.CaptureClosed(capture_id, at, "hang-up"))
        switch._tell(f.LegHungUp(leg, at, "NORMAL_CLEARING"))
