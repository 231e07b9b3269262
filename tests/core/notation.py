"""The scenario notation: a pasted table of what happens, what the switch is told, what is left.

A file in tests/core/scenarios is one scenario::

    # Why this scenario is there.
    policy: user 101@acme audio; tenant beta audio video; external
    at | what happens            | what the switch is told
    0  | alice calls             |
    2  | alice + xena in B1      | open R1.1 audio of acme on alice
    9  | alice hangs up          |
    --
    R1 audio of acme (user.on) 2-9: 1 on alice 2-9

A policy's clauses: ``external``; ``<scope> <name>[@<tenant>] <audio|video …> [<setting>] [<mode>]
[sample=<percent>] [<direction> …]`` with the setting ``on`` where none is named; and
``option <tenant> <key>=<value> …``.

``restart saved all but R1`` and ``restart saved nothing`` are deaths before a write.

``switch: hold stops capture`` is FreeSWITCH's way, ``switch: records no video`` Asterisk's; ``switch:
tells of codes`` and ``switch: tells of sounds`` put the codes that are bound and the sounds that are
played into the third column. "alone" says of a capture that it takes only what its own leg's party
says; "left" and "right" where its own voice goes in stereo.

The cast: alice, anna, adam are users 101, 102, 103 of acme; bert, bea are 101, 102 of beta; xena,
xavi, xaver are outside; trunk is outside, on a number of acme's. A digit behind a name is another
leg of the same party (``alice2``). Captures are called R<recording>.<segment> in the order in
which they were first opened. The model switch answers every command at once unless told otherwise.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

from controller.core import facts as f
from controller.core.calls import Call
from controller.core.commands import (
    BindFeatureCodes,
    CaptureCommand,
    CloseCapture,
    KeepCapture,
    Layout,
    OpenCapture,
    PlaySound,
)
from controller.core.desk import Desk
from controller.core.direction import Direction
from controller.core.effects import Effects
from controller.core.media_kinds import OPERATIONS, Kind
from controller.core.options import TenantOptions, options_from
from controller.core.parties import Party, Side
from controller.core.policy import Policy
from controller.core.recording import Pause, Recording, interrupted, segment_path
from controller.core.requests import (
    Actor,
    ControlRequest,
    DialledCode,
    LegActor,
    LegTarget,
    Means,
    NameTarget,
    SystemActor,
    TenantActor,
    UserActor,
)
from controller.core.rules import EVERY_DIRECTION, Mode, PolicyRule, PolicyScope, Route, Setting

from .model_switch import VERBS, ModelLeg, ModelSwitch

START = datetime(2026, 11, 22, 12, tzinfo=UTC)
CAST = {
    name: Party(Side.INTERNAL, tenant, user, user)
    for name, tenant, user in (
        ("alice", "acme", "101"), ("anna", "acme", "102"), ("adam", "acme", "103"),
        ("bert", "beta", "101"), ("bea", "beta", "102"),
    )
} | {
    "xena": Party(Side.EXTERNAL, number="+49301", name="${uuid}"),
    "half": Party(Side.EXTERNAL),
    "xavi": Party(Side.EXTERNAL, number="+49302", name="101"),
    "xaver": Party(Side.EXTERNAL, number="101", user="101"),
    "trunk": Party(Side.EXTERNAL, "acme", number="+49303", trunk="gw"),
}  # fmt: skip
KINDS_OF_SWITCH = {"hold stops capture", "records no video", "tells of codes", "tells of sounds"}
ADDRESSES = {"101": "192.0.2.1", "102": "192.0.2.2", "103": "192.0.2.3"}


@dataclass(frozen=True)
class Row:
    at: int
    happens: str
    told: str


@dataclass(frozen=True)
class Scenario:
    why: str
    policy: str
    rows: tuple[Row, ...]
    left: tuple[str, ...]
    switch: frozenset[str] = frozenset()


def read(path: Path) -> Scenario:
    text = path.read_text(encoding="utf-8")
    table, _, left = text.partition("\n--\n")
    why, policy, rows = [], "", []
    switch: set[str] = set()
    at = 0
    for line in table.splitlines():
        if line.startswith("#"):
            why.append(line.strip("# "))
        elif line.startswith("policy:"):
            policy = line.removeprefix("policy:").strip()
        elif line.startswith("switch:"):
            switch |= {c.strip() for c in line.removeprefix("switch:").split(";")}
            assert switch <= KINDS_OF_SWITCH, f"{path.name}: {line!r}"
        elif line.strip() and not line.startswith("at "):
            cells = [c.strip() for c in line.split("|")]
            assert len(cells) in (2, 3), f"{path.name}: {line!r}"
            at = int(cells[0] or at)
            rows.append(Row(at, cells[1], cells[2] if len(cells) == 3 else ""))
    assert why, f"{path.name} does not say why it is there"
    assert rows, f"{path.name} is empty"
    return Scenario(
        " ".join(why),
        policy,
        tuple(rows),
        tuple(x.strip() for x in left.splitlines() if x.strip()),
        frozenset(switch),
    )


def policy_of(text: str) -> Policy:
    rules: list[PolicyRule] = []
    options: dict[str, TenantOptions] = {}
    external = False
    for clause in filter(None, (c.strip() for c in text.split(";"))):
        what, *words = clause.split()
        if what == "external":
            external = True
        elif what == "option":
            options[words[0]] = options_from(dict(_option(word) for word in words[1:]))
        else:
            rules.append(_rule(PolicyScope(what), words))
    return Policy(external, tuple(rules), options)


def _option(word: str) -> tuple[str, object]:
    key, _, value = word.partition("=")
    if value.isdigit():
        return key, int(value)
    return key, {"yes": True, "no": False}.get(value, value)


def _rule(scope: PolicyScope, words: list[str]) -> PolicyRule:
    name = "" if scope is PolicyScope.SYSTEM else words.pop(0)
    name, _, tenant = ("", "", name) if scope is PolicyScope.TENANT else name.partition("@")
    said, mode, sample, kinds = Setting.ON, Mode.ALWAYS_PAUSE, 100.0, set()
    directions: set[Direction] = set()
    for word in words:
        if word in ("audio", "video"):
            kinds.add(word)
        elif word in set(Setting):
            said = Setting(word)
        elif word in set(Mode):
            mode = Mode(word)
        elif word in set(Direction):
            directions.add(Direction(word))
        elif word.startswith("sample="):
            sample = float(word.removeprefix("sample="))
        else:
            raise AssertionError(f"unknown word {word!r} in a rule")
    audio, video = (said if k in kinds else Setting.INHERIT for k in ("audio", "video"))
    return PolicyRule(
        scope, tenant or None, name, audio, video, frozenset(directions) or EVERY_DIRECTION, mode, sample
    )


class Stage:
    """Plays a scenario against a desk and a model switch."""

    def __init__(self, policy: str, switch: frozenset[str] = frozenset()) -> None:
        self.switch = ModelSwitch(hold_stops_capture="hold stops capture" in switch)
        self._video_supported = "records no video" not in switch
        self._tells_of_codes = "tells of codes" in switch
        self._tells_of_sounds = "tells of sounds" in switch
        self._ids = count(1)
        self.desk = self._new_desk(policy_of(policy))
        self.at = START
        self.numbers: dict[str, int] = {}  # recording id → its number in the notation
        self.calls: dict[str, Call] = {}
        self.told: list[str] = []
        self.silent = False
        self.unanswered: list[f.CaptureFact] = []
        self._requests = count(1)

    def _new_desk(self, policy: Policy) -> Desk:
        return Desk(
            lambda: f"id{next(self._ids)}",
            policy,
            video_supported=self._video_supported,
            hold_stops_capture=self.switch.hold_stops_capture,
        )

    def play(self, row: Row) -> str:
        """Let a row happen; what the switch was told, in the notation."""
        self.at = START + timedelta(seconds=row.at)
        self.told = []
        for action, pattern in self._ACTIONS:
            match = re.fullmatch(pattern, row.happens)
            if match:
                action(self, **match.groupdict())
                return "; ".join(self.told)
        raise AssertionError(f"not in the notation: {row.happens!r}")

    # ── what can happen ───────────────────────────────────────────────────────────────────

    def calls_in(
        self, who: str, how: str, origin: str | None, video: str | None, alias: str | None, half: str | None,
        pipe: str | None, nameless: str | None,
    ) -> None:  # fmt: skip
        party = CAST[who.rstrip("0123456789")]
        leg = ModelLeg(
            who, party, how == "calls", origin, (alias,) if alias else (),
            ADDRESSES.get(party.user or ""), video is not None, half is None, nameless is None,
            pipe=pipe or "",
        )  # fmt: skip
        self.switch.legs[who] = leg
        self.apply(
            f.LegStarted(
                who, self.at, party, leg.calling, origin, leg.aliases,
                address=leg.address, video=leg.video, recordable=leg.recordable,
                addressable=leg.addressable, pipe=leg.pipe,
            )
        )  # fmt: skip

    def answers(self, who: str) -> None:
        self.switch.legs[who].answered = True
        self.apply(f.LegAnswered(who, self.at))

    def identified(self, who: str, whom: str, address: str | None) -> None:
        """The switch says who is on a leg: perhaps later than at its start, perhaps wrongly."""
        self.apply(f.LegIdentified(who, self.at, CAST[whom], address=address))

    def bridged(self, who: str, bridge: str) -> None:
        for leg in who.split(" + "):
            self.switch.legs[leg].bridge_id = bridge
            self.apply(f.BridgeEntered(leg, bridge, self.at))

    def leaves(self, who: str) -> None:
        bridge = self.switch.legs[who].bridge_id
        assert bridge is not None
        self.switch.legs[who].bridge_id = None
        self.apply(f.BridgeLeft(who, bridge, self.at))

    def held(self, who: str, what: str) -> None:
        self.switch.legs[who].held = what == "held"
        self.apply(f.LegHeld(who, self.at) if what == "held" else f.LegUnheld(who, self.at))

    def video(self, who: str, state: str) -> None:
        self.switch.legs[who].video = state == "on"
        self.apply(f.LegVideoChanged(who, self.at, state == "on"))

    def hangs_up(self, who: str) -> None:
        for leg in who.split(" + "):
            self.switch.hang_up(leg)
            self.apply(f.LegHungUp(leg, self.at, "NORMAL_CLEARING"))

    def asks(self, actor: str, operation: str, about: str | None, address: str | None) -> None:
        who: Actor
        if actor == "system":
            who = SystemActor("the operator")
        elif actor.startswith("tenant "):
            who = TenantActor(actor.removeprefix("tenant "), "a supervisor")
        elif "@" in actor:
            user, _, tenant = actor.partition("@")
            who = UserActor(tenant, user, address)
        else:
            who = LegActor(actor)
        target = NameTarget(about) if about else LegTarget(actor)
        means = Means.API if about else Means.FEATURE_CODE
        request = ControlRequest(
            f"q{next(self._requests)}", self.at, OPERATIONS[operation], target, who, means
        )
        self._ask(request)

    def _ask(self, request: ControlRequest) -> None:
        before = self._state()
        outcome, effects = self.desk.request(request)
        self.told.append("done" if outcome.accepted else f"no: {outcome.refusal and outcome.refusal.name}")
        if not outcome.accepted:
            assert not effects.commands, "a refusal tells the switch nothing"
            assert self._state() == before, "a refusal changes nothing"
            assert outcome.reason
        self.follow(effects)

    def policy_changes(self, policy: str) -> None:
        self.follow(self.desk.set_policy(policy_of(policy), self.at))

    def comes_through(self, who: str, scope: str, name: str) -> None:
        self.apply(f.LegRouted(who, self.at, (Route(PolicyScope(scope.replace(" ", "_")), name),)))

    def has_heard(self, who: str, tenant: str, error: str | None) -> None:
        self.apply(f.AnnouncementPlayed(who, tenant, self.at, error or ""))

    def dials(self, who: str, code: str) -> None:
        """A code as a call of its own, or (``presses``) what a Record key sends."""
        request = ControlRequest(
            "q", self.at, DialledCode(code), LegTarget(who), LegActor(who), Means.FEATURE_CODE
        )
        self._ask(request)

    def presses(self, who: str, state: str) -> None:
        verb = "start" if state == "on" else "stop"
        request = ControlRequest(
            "q", self.at, OPERATIONS[f"{verb}-recording"], LegTarget(who), LegActor(who), Means.RECORD_KEY
        )
        self._ask(request)

    def tick(self) -> None:
        for call in self.desk.agenda.by(self.at):
            self.follow(self.desk.tick(call, self.at))

    def refuses(self, what: str, verb: str) -> None:
        (self.switch.refusing.add if what == "refuses" else self.switch.refusing.discard)(verb)

    def silence(self, what: str) -> None:
        """A silent switch does as it is told, but its answers come only when it speaks again."""
        self.silent = what == "goes silent"
        while self.unanswered and not self.silent:
            self.apply(self.unanswered.pop(0))

    def restart(self, unsaved: str | None, under: str | None, blind: str | None) -> None:
        """The controller dies; another one loads what was saved and connects, perhaps under another
        policy."""
        calls = [copy.deepcopy(call) for call in self.desk.book]
        if unsaved == "nothing":
            self.calls = {i: c for i, c in self.calls.items() if c.call_id not in {x.call_id for x in calls}}
            calls = []
        elif unsaved:
            for call in calls:
                self._lose(call, unsaved.removeprefix("all but R"))
        if under:
            self.desk.policy = policy_of(under)
        self.desk = self._new_desk(self.desk.policy)
        self.desk.restore(calls)
        self.reconnect(blind)

    def _lose(self, call: Call, unsaved: str) -> None:
        """Of a recording, or of its last segment, nothing was saved."""
        number, _, segment = unsaved.partition(".")
        recording = next(r for r in call.recordings if self.numbers[r.recording_id] == int(number))
        if segment:
            recording.segments = [s for s in recording.segments if s.number < int(segment)]
        else:
            call.recordings.remove(recording)
            call.requested, call.stopped = set(), set()

    def reconnect(self, blind: str | None) -> None:
        self.unanswered = []
        self.apply(self.switch.snapshot(self.at, masks_readable=blind is None))

    def missed(self, action: str) -> None:
        """Something happens while the link is down: the switch knows, the desk does not."""
        desk, told = self.desk, self.told
        self.desk = copy.deepcopy(desk)
        self.switch, real = copy.deepcopy(self.switch), self.switch
        self.play(Row(int((self.at - START).total_seconds()), action, ""))
        real.legs, self.desk, self.told = self.switch.legs, desk, told
        real.captures = {i: c for i, c in real.captures.items() if c.leg_id in real.legs}
        for capture_id, capture in real.captures.items():
            capture.masked = getattr(self.switch.captures.get(capture_id), "masked", capture.masked)
        self.switch = real

    def dies(self) -> None:
        """It says nothing any more, and so much only to whoever connects again."""
        self.switch.die(self.at)

    def stopped(self, number: str, segment: str) -> None:
        """Somebody else ends a capture, and nobody hears of it."""
        recording_id = next(r for r, n in self.numbers.items() if n == int(number))
        del self.switch.captures[f"{recording_id}.{segment}"]

    def stray(self, who: str) -> None:
        path = segment_path("nobody", "forgotten", 1, Kind.AUDIO, self.at)
        self.switch.execute(OpenCapture("forgotten.1", who, path, Kind.AUDIO), self.at)

    def repeats(self, capture: str, what: str) -> None:
        """A fact about a capture that comes late or twice."""
        number, _, segment = capture.removeprefix("R").partition(".")
        recording_id = next(r for r, n in self.numbers.items() if n == int(number))
        kind = {"opened": f.CaptureOpened, "masked": f.CaptureMasked, "unmasked": f.CaptureUnmasked,
                "closed": f.CaptureClosed}[what]  # fmt: skip
        self.apply(kind(f"{recording_id}.{segment}", self.at))

    _WHO = r"(?P<who>[a-z]+\d*)"
    _ACTIONS = (
        (calls_in, _WHO + r" (?P<how>calls|is called)(?: for (?P<origin>\w+))?(?P<video> with video)?"
                   r"(?: as (?P<alias>\S+))?(?P<half> by a half-leg)?(?: of (?P<pipe>\w+))?"
                   r"(?P<nameless> by a leg that no command can name)?"),
        (answers, _WHO + " answers"),
        (identified, _WHO + r" is said to be (?P<whom>[a-z]+)(?: at (?P<address>\S+))?"),
        (bridged, r"(?P<who>[a-z0-9 +]+) in (?P<bridge>B\d)"),
        (leaves, _WHO + " leaves"),
        (held, _WHO + " (?P<what>held|unheld)"),
        (video, _WHO + " video (?P<state>on|off)"),
        (hangs_up, r"(?P<who>[a-z0-9 +]+) hangs? up"),
        (asks, r"(?P<actor>tenant \w+|[\w@]+) asks (?P<operation>[a-z-]+)"
               r"(?: about (?P<about>\S+))?(?: from (?P<address>\S+))?"),
        (comes_through, _WHO + r" comes through (?P<scope>queue|ring group|receptionist|inbound rule|"
                        r"outbound rule|trunk) (?P<name>\w+)"),
        (has_heard, _WHO + r" has heard (?P<tenant>\w+)(?: not: (?P<error>.*))?"),
        (dials, _WHO + r" dials (?P<code>\S+)"),
        (presses, _WHO + r" presses record (?P<state>on|off)"),
        (policy_changes, "policy:(?P<policy>.*)"),
        (tick, "tick"),
        (refuses, "switch (?P<what>refuses|accepts) (?P<verb>open|close|mask|unmask)"),
        (silence, "switch (?P<what>goes silent|speaks)"),
        (restart, r"restart(?: saved (?P<unsaved>nothing|all but R[0-9.]+))?(?: under (?P<under>.*))?"
                  r"(?P<blind> blind)?"),
        (reconnect, "reconnect(?P<blind> blind)?"),
        (missed, "missed: (?P<action>(?!somebody stops).*)"),
        (dies, "switch dies"),
        (stopped, r"missed: somebody stops R(?P<number>\d+)\.(?P<segment>\d+)"),
        (stray, _WHO + " has a stray capture"),
        (repeats, r"(?P<capture>R\d+\.\d+) (?P<what>opened|masked|unmasked|closed) again"),
    )  # fmt: skip

    # ── what follows ──────────────────────────────────────────────────────────────────────

    def apply(self, fact: f.Fact) -> None:
        self.follow(self.desk.apply(fact))

    def follow(self, effects: Effects) -> None:
        self.calls.update(effects.changed)
        for gone in effects.merged:
            self.calls.pop(gone, None)
        for _, command in effects.commands:
            if isinstance(command, BindFeatureCodes) and self._tells_of_codes:
                self.told.append(f"codes on {command.leg_id}")
            if isinstance(command, PlaySound) and self._tells_of_sounds:
                self.told.append(f"play {command.sound} to {command.leg_id}")
            if isinstance(command, KeepCapture):
                self.switch.execute(command, self.at)
            if not isinstance(command, CaptureCommand):
                continue
            self.told.append(self._words(command))
            answer = self.switch.execute(command, self.at)
            assert answer is not None
            if self.silent:
                self.unanswered.append(answer)
            else:
                self.apply(answer)

    def _words(self, command: CaptureCommand) -> str:
        recording_id, _, number = command.capture_id.rpartition(".")
        if isinstance(command, CloseCapture) and recording_id not in self.numbers:
            return f"close {command.capture_id}"
        label = f"R{self.numbers.setdefault(recording_id, len(self.numbers) + 1)}.{number}"
        if isinstance(command, OpenCapture):
            tenant = command.path.partition("/")[0]
            alone = ", its own voice only" if command.own_voice_only else ""
            side = "" if command.layout is Layout.MONO else f", {command.layout.removeprefix('own_')}"
            return f"open {label} {command.kind} of {tenant} on {command.leg_id}{side}{alone}"
        return f"{VERBS[type(command)]} {label}"

    # ── what is left ──────────────────────────────────────────────────────────────────────

    def recordings(self) -> list[str]:
        found = [r for call in self.calls.values() for r in call.recordings if r.segments]
        return [self._summary(r) for r in sorted(found, key=lambda r: self.numbers[r.recording_id])]

    def _summary(self, recording: Recording) -> str:
        parts = [
            f"{s.number} on {s.leg_id}{' alone' if s.own_voice_only else ''} "
            + (self._span(s.opened_at, s.closed_at) if s.opened_at else str(s.state))
            + (f" ({s.cause})" if interrupted(s.cause) else "")
            for s in recording.segments
        ]  # fmt: skip
        parts += [self._pause(p) for p in recording.pauses]
        label = f"R{self.numbers[recording.recording_id]}"
        fate = "provisional " if recording.provisional else ""
        return (
            f"{label} {fate}{recording.kind} of {recording.tenant} ({recording.rule}) "
            f"{self._span(recording.started_at, recording.ended_at)}: {', '.join(parts)}"
        )

    def _pause(self, pause: Pause) -> str:
        ended = f" to {pause.ended_by}" if pause.ended_by else ""
        return f"paused {self._span(pause.masked_at, pause.ended_at)} by {pause.asked_by}{ended}"

    @staticmethod
    def _span(start: datetime | None, end: datetime | None) -> str:
        first, last = ("?" if t is None else f"{(t - START).total_seconds():g}" for t in (start, end))
        return f"{first}-{last}"

    def _state(self) -> str:
        return repr([(c, c.legs, c.recordings) for c in self.desk.book])
