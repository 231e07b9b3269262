"""Calls for the tests, made by the real desk out of facts, and saved as the engine would."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from controller.catalog import SqlCatalog
from controller.core import commands as c
from controller.core import facts as f
from controller.core.calls import Call
from controller.core.desk import Desk
from controller.core.effects import Effects
from controller.core.media_kinds import OPERATIONS
from controller.core.parties import Party, Side
from controller.core.policy import Policy
from controller.core.requests import (
    Actor,
    ControlOutcome,
    ControlRequest,
    LegActor,
    LegTarget,
    Means,
    NameTarget,
)
from tests.policies import policy_of, tenant_rule

BEGIN = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
EVERYBODY = policy_of(
    tenant_rule("red.example", True, True), tenant_rule("blue.example", True, True), external=True
)


def inside(user: str, tenant: str = "red.example", name: str = "") -> Party:
    return Party(Side.INTERNAL, tenant, user, user, name or f"{user} of {tenant}")


def outside(number: str, name: str = "", tenant: str | None = None) -> Party:
    return Party(Side.EXTERNAL, tenant, None, number, name, "trunk-1")


class Ids:
    """``id000001``, ``id000002`` …; a copy goes on from where it was copied."""

    def __init__(self, prefix: str) -> None:
        self._prefix, self._last = prefix, 0

    def __call__(self) -> str:
        self._last += 1
        return f"{self._prefix}{self._last:06}"


class Story:
    """One switch's desk with a clock; every change is collected for the next `save`."""

    def __init__(self, policy: Policy = EVERYBODY, *, begin: datetime = BEGIN, prefix: str = "id") -> None:
        self.at = begin
        self.desk = Desk(Ids(prefix), policy)
        self.changed: dict[str, Call] = {}
        self.merged: dict[str, str] = {}
        self.answer_captures = True

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    def apply(self, fact: f.Fact) -> None:
        self._take(self.desk.apply(fact))

    def start(self, leg: str, party: Party, *, origin: str | None = None, **more: object) -> None:
        self.apply(f.LegStarted(leg, self.at, party, calling=origin is None, origin=origin, **more))  # type: ignore[arg-type]

    def answer(self, *legs: str) -> None:
        for leg in legs:
            self.apply(f.LegAnswered(leg, self.at))

    def bridge(self, name: str, *legs: str) -> None:
        for leg in legs:
            self.apply(f.BridgeEntered(leg, name, self.at))

    def hang_up(self, *legs: str, cause: str = "NORMAL_CLEARING") -> None:
        for leg in legs:
            self.apply(f.LegHungUp(leg, self.at, cause))

    def tick(self) -> None:
        for call in tuple(self.desk.book):
            self._take(self.desk.tick(call, self.at))

    def talk(
        self, a: str, caller: Party, b: str, called: Party, *, seconds: float = 60, **more: object
    ) -> str:
        """A whole call between two; the call's id."""
        self.start(a, caller, **more)
        self.start(b, called, origin=a)
        self.wait(2)
        self.answer(b, a)
        self.bridge(f"bridge-{a}", a, b)
        call = self.desk.book.call_of(a)
        assert call is not None
        self.wait(seconds)
        self.hang_up(b, a)
        return call.call_id

    def ask(
        self, operation: str, leg: str, *, actor: Actor | None = None, means: Means = Means.FEATURE_CODE
    ) -> ControlOutcome:
        target = LegTarget(leg) if actor is None else NameTarget(leg)
        request = ControlRequest(
            "request", self.at, OPERATIONS[operation], target, actor or LegActor(leg), means
        )
        outcome, effects = self.desk.request(request)
        self._take(effects)
        return outcome

    def _take(self, effects: Effects) -> None:
        self.changed.update(effects.changed)
        for gone in effects.merged:
            self.changed.pop(gone, None)
        self.merged.update(effects.merged)
        answers: Mapping[type, type] = {
            c.OpenCapture: f.CaptureOpened,
            c.CloseCapture: f.CaptureClosed,
            c.MaskCapture: f.CaptureMasked,
            c.UnmaskCapture: f.CaptureUnmasked,
        }
        for _, command in effects.commands:
            if isinstance(command, c.PlaySound) and command.sound is c.Sound.ANNOUNCEMENT:
                if self.answer_captures:
                    self.wait(0.01)
                    self.apply(f.AnnouncementPlayed(command.leg_id, command.tenant, self.at))
                continue
            answer = answers.get(type(command))
            if answer is not None and self.answer_captures:
                self.wait(0.01)
                self.apply(answer(command.capture_id, self.at))  # type: ignore[union-attr]

    async def save(self, catalog: SqlCatalog, switch: str = "switch") -> None:
        calls, merged = list(self.changed.values()), dict(self.merged)
        self.changed, self.merged = {}, {}
        await catalog.save(switch, calls, merged)

    @property
    def running(self) -> list[Call]:
        return sorted(self.desk.book, key=lambda call: call.call_id)
