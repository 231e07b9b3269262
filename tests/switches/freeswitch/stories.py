"""A captured stream told as a table: facts and requests, and under them what the core makes of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from datetime import datetime

from controller.core import commands as c
from controller.core import facts as f
from controller.core.desk import Desk
from controller.core.effects import Effects
from controller.core.parties import Party
from controller.core.policy import Policy
from controller.core.requests import ControlRequest, LegTarget
from controller.switches.freeswitch.connection import Event
from controller.switches.freeswitch.requests import RefusedInput
from controller.switches.freeswitch.translate import Translator
from tests.policies import policy_of, tenant_rule

from .captured import LATER

RECORD = policy_of(tenant_rule("test.io", True, True))


class Story:
    """Legs are L1, L2 … and bridges B1, B2 … in order of appearance; ``>`` marks a command. Commands
    are answered as a switch that can do everything would, at the time of the event."""

    def __init__(self, translator: Translator, policy: Policy = RECORD) -> None:
        self.translator = translator
        ids = itertools.count(1)
        self.desk = Desk(lambda: f"R{next(ids)}", policy, hold_stops_capture=True)
        self.lines: list[str] = []
        self._names: dict[str, str] = {}
        self._at: datetime = LATER

    def tell(self, events: Iterable[Event]) -> list[str]:
        for event in events:
            for fact in self.translator.facts(event):
                self._at = fact.at
                self._say(self._fact(fact))
                self._effects(self.desk.apply(fact))
            try:
                request = self.translator.request(event)
            except RefusedInput as error:
                self._say(f"refused: {error.reason}, of {self._names.get(error.who, error.who)}")
                continue
            if request is not None:
                self._request(request)
        return self.lines

    def _say(self, line: str | None) -> None:
        if line is not None and (line not in self.lines or line.startswith("> ")):
            self.lines.append(line)

    def _request(self, request: ControlRequest) -> None:
        target = request.target
        name = target.leg_id if isinstance(target, LegTarget) else target.name
        outcome, effects = self.desk.request(request)
        verdict = "accepted" if outcome.accepted else outcome.reason
        self.lines.append(f"{request.means}: {request.operation} of {self._names.get(name, name)}: {verdict}")
        self._effects(effects)

    def _effects(self, effects: Effects) -> None:
        for _, command in effects.commands:
            answer: f.CaptureFact | None = None
            match command:
                case c.OpenCapture():
                    self._say(f"> open {command.capture_id} ({command.kind}) on {self._leg(command.leg_id)}")
                    answer = f.CaptureOpened(command.capture_id, self._at)
                case c.CloseCapture():
                    self._say(f"> close {command.capture_id}")
                    answer = f.CaptureClosed(command.capture_id, self._at)
                case c.MaskCapture():
                    self._say(f"> mask {command.capture_id}")
                    answer = f.CaptureMasked(command.capture_id, self._at)
                case c.UnmaskCapture():
                    self._say(f"> unmask {command.capture_id}")
                    answer = f.CaptureUnmasked(command.capture_id, self._at)
                case c.BindFeatureCodes():
                    self._say(f"> bind {self._leg(command.leg_id)}")
            if answer is not None:
                self._effects(self.desk.apply(answer))

    def _leg(self, key: str) -> str:
        return self._short("L", key)

    def _short(self, kind: str, key: str) -> str:
        return self._names.setdefault(
            key, f"{kind}{sum(1 for v in self._names.values() if v[0] == kind) + 1}"
        )

    def _fact(self, fact: f.Fact) -> str | None:
        match fact:
            case f.LegStarted():
                way = f"calls {fact.dialled}" if fact.calling else "is called"
                origin = f" for {self._leg(fact.origin)}" if fact.origin else ""
                return f"{self._leg(fact.leg_id)} {who(fact.party)} {way}{origin}"
            case f.LegIdentified(party=Party() as party):
                return f"{self._leg(fact.leg_id)} is {who(party)}, named {party.name!r}"
            case f.LegVideoChanged(video=True):
                return f"{self._leg(fact.leg_id)} has video"
            case f.LegAnswered():
                return f"{self._leg(fact.leg_id)} answered"
            case f.BridgeEntered():
                return f"{self._leg(fact.leg_id)} enters {self._short('B', fact.bridge_id)}"
            case f.BridgeLeft():
                return f"{self._leg(fact.leg_id)} leaves {self._short('B', fact.bridge_id)}"
            case f.LegHeld():
                return f"{self._leg(fact.leg_id)} held"
            case f.LegUnheld():
                return f"{self._leg(fact.leg_id)} unheld"
            case f.LegHungUp():
                return f"{self._leg(fact.leg_id)} hung up: {fact.cause}"
            case _:
                return None


def who(party: Party) -> str:
    if party.internal:
        return f"{party.user}@{party.tenant}"
    return f"{party.number} outside by {party.trunk}"
