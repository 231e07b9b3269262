"""Any order, repetition and loss of facts, and a switch that refuses: what must hold all the same.

The model switch is the truth. What happens on it becomes facts, which the machine delivers in any
order, twice, or never; the desk's commands are carried out at once, refused, or answered late.
``settle`` is a reconnection: a snapshot, the answers to what follows, and a later tick.

Two switches: one where a hold touches no capture (Asterisk) and one where a capture stands still
while its own leg holds the other (FreeSWITCH).
"""

from __future__ import annotations

import copy
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from controller.core import facts as f
from controller.core.calls import Call
from controller.core.commands import BindFeatureCodes, PlaySound, Sound
from controller.core.desk import Desk
from controller.core.effects import Effects
from controller.core.media_kinds import OPERATIONS
from controller.core.options import Channels, Hears, PauseStyle, TenantOptions
from controller.core.policy import Policy
from controller.core.requests import ControlRequest, LegActor, LegTarget, Means, TenantActor
from controller.core.rules import Mode, PolicyRule, PolicyScope, Setting

from .model_switch import ModelLeg, ModelSwitch
from .notation import CAST
from .what_must_hold import check_beliefs, check_over, check_settled

pytestmark = pytest.mark.timeout(3600 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 120)

BRIDGES = ["B1", "B2", "B3"]
_on_off = st.sampled_from([Setting.ON, Setting.ON, Setting.OFF, Setting.INHERIT, Setting.FORBID])
_forced = st.sampled_from([*[Setting.INHERIT] * 4, Setting.ON, Setting.REQUIRE, Setting.FORBID])
_modes = st.sampled_from([Mode.ALWAYS_PAUSE] * 3 + [Mode.ON_DEMAND, Mode.ON_DEMAND_START])


def _user(tenant: str) -> st.SearchStrategy[PolicyRule]:
    return st.builds(
        lambda audio, video, mode: PolicyRule(PolicyScope.USER, tenant, "101", audio, video, mode=mode),
        _on_off, _on_off, _modes,
    )  # fmt: skip


def _tenant(tenant: str) -> st.SearchStrategy[PolicyRule]:
    return st.builds(
        lambda audio, video: PolicyRule(PolicyScope.TENANT, tenant, "", audio, video), _forced, _forced
    )


_options = st.builds(
    lambda style, channels, hears: TenantOptions(
        pause_style=style, channels=channels, announcement="notice", announce_to=hears
    ),
    st.sampled_from(PauseStyle), st.sampled_from(Channels),
    st.sampled_from([Hears.NOBODY, Hears.NOBODY, Hears.EXTERNAL, Hears.EVERYBODY]),
)  # fmt: skip
_policies = st.builds(
    lambda external, rules, acme, beta: Policy(external, rules, {"acme": acme, "beta": beta}),
    st.booleans(),
    st.tuples(_tenant("acme"), _tenant("beta"), _user("acme"), _user("beta")),
    _options, _options,
)  # fmt: skip
_which = st.integers(0, 9)  # of the legs, or of the facts that wait; taken modulo their number
_fates = st.sampled_from(["now"] * 5 + ["late", "twice", "lost"])
_people = st.sampled_from(["alice", "bert", "xena", "trunk", "anna", "xavi", "alice", "bert"])


class AnyOrder(RuleBasedStateMachine):
    hold_stops_capture = False

    def __init__(self) -> None:
        super().__init__()
        self.at = datetime(2026, 11, 22, 12, tzinfo=UTC)
        self.switch = ModelSwitch(hold_stops_capture=self.hold_stops_capture)
        self.ids = (f"id{n}" for n in count(1))
        self.desk = self.new_desk(Policy(), True)
        self.leg_numbers = count(1)
        self.post: list[f.Fact] = []  # late facts, on their way from the switch to the desk
        self.late_answers = False
        self.refused: set[str] = set()  # captures whose close has ever been refused
        self.seen: dict[str, Call] = {}  # every call as it was last told, by id
        self.merged: set[str] = set()
        self.codes_on: Counter[str] = Counter()
        self.forgotten = False  # a recording's row was lost once

    @initialize(policy=_policies, video=st.booleans(), other=_people)
    def begin(self, policy: Policy, video: bool, other: str) -> None:
        self.desk = self.new_desk(policy, video)
        for who in ("alice", other):
            self.leg_starts(who, video, False, 0, "now")
        for which in (0, 1):
            self.leg_enters(which, "B1", "now")

    def new_desk(self, policy: Policy, video: bool) -> Desk:
        return Desk(
            lambda: next(self.ids),
            policy,
            video_supported=video,
            hold_stops_capture=self.hold_stops_capture,
        )

    # ── the desk ──────────────────────────────────────────────────────────────────────────

    def follow(self, effects: Effects) -> None:
        self.seen.update(effects.changed)
        self.merged |= set(effects.merged)
        for call_id, command in effects.commands:
            assert call_id
            if isinstance(command, BindFeatureCodes):
                self.codes_on[command.leg_id] += 1
                assert self.codes_on[command.leg_id] == 1, "codes are bound a second time"
                leg = self.switch.legs.get(command.leg_id)
                assert leg is None or leg.party.internal, "an external party is given codes"
            if isinstance(command, PlaySound) and command.sound is Sound.ANNOUNCEMENT:
                self.post.append(f.AnnouncementPlayed(command.leg_id, command.tenant, self.at))
            answer = self.switch.execute(command, self.at)
            if isinstance(answer, f.CaptureCloseRefused):
                self.refused.add(answer.capture_id)
            if answer is not None:
                self.happens(answer, "late" if self.late_answers else "now")

    def happens(self, fact: f.Fact, fate: str) -> None:
        """A fact on its way to the desk: it may come now, later, twice, or never."""
        if fate in ("late", "twice"):
            self.post.append(fact)
        if fate in ("now", "twice"):
            self.follow(self.desk.apply(fact))

    # ── the world ─────────────────────────────────────────────────────────────────────────

    @rule(who=_people, video=st.booleans(), half=st.booleans(), origin=_which, fate=_fates)
    def leg_starts(self, who: str, video: bool, half: bool, origin: int, fate: str) -> None:
        leg_id = f"l{next(self.leg_numbers)}"
        origins = [None, *self.switch.legs]
        leg = ModelLeg(
            leg_id, CAST[who], origin % 2 == 0, origins[origin % len(origins)], (f"s-{origin}",),
            video=video, recordable=not (half and origin > 4),
        )  # fmt: skip
        self.switch.legs[leg_id] = leg
        started = f.LegStarted(
            leg_id, self.at, leg.party, leg.calling, leg.origin, leg.aliases,
            video=video, recordable=leg.recordable,
        )  # fmt: skip
        self.happens(started, fate)

    @precondition(lambda self: self.switch.legs)
    @rule(which=_which, bridge=st.sampled_from(BRIDGES), fate=_fates)
    def leg_enters(self, which: int, bridge: str, fate: str) -> None:
        leg = self.leg(which)
        leg.answered = True
        leg.bridge_id = bridge
        self.happens(f.LegAnswered(leg.leg_id, self.at), fate)
        self.happens(f.BridgeEntered(leg.leg_id, bridge, self.at), fate)

    @precondition(lambda self: len(self.switch.legs) > 1)
    @rule(one=_which, other=_which, bridge=st.sampled_from(BRIDGES), fate=_fates)
    def two_talk(self, one: int, other: int, bridge: str, fate: str) -> None:
        self.leg_enters(one, bridge, "now")
        self.leg_enters(other, bridge, fate)

    @precondition(lambda self: any(len(legs) > 1 for legs in self.switch.bridges().values()))
    @rule(which=_which, to=_people, blind=st.booleans(), fate=_fates)
    def transfer(self, which: int, to: str, blind: bool, fate: str) -> None:
        """One of those who talk gives the other to a third, who may come before or after it goes."""
        bridge, legs = next((b, legs) for b, legs in self.switch.bridges().items() if len(legs) > 1)
        giver = legs[which % len(legs)].leg_id
        if not blind:
            self.joins(to, bridge, fate)
        self.leg_changes(list(self.switch.legs).index(giver), "hangs up", fate)
        if blind:
            self.joins(to, bridge, fate)

    @precondition(lambda self: self.switch.captures)
    @rule(which=_which, who=_people, fate=_fates)
    def a_third_joins(self, which: int, who: str, fate: str) -> None:
        captured = list(self.switch.captures.values())[which % len(self.switch.captures)]
        bridge = self.switch.legs[captured.leg_id].bridge_id
        if bridge is not None:
            self.joins(who, bridge, fate)

    @rule(who=_people, other=_people, bridge=st.sampled_from(BRIDGES))
    def another_call(self, who: str, other: str, bridge: str) -> None:
        if bridge not in self.switch.bridges():
            self.joins(who, bridge, "now")
            self.joins(other, bridge, "now")

    @precondition(lambda self: len(self.switch.captures) > 1)
    @rule(which=_which, other=_which, fate=_fates)
    def two_calls_become_one(self, which: int, other: int, fate: str) -> None:
        """Somebody goes from one recorded conversation into another, as in an attended transfer."""
        captures = list(self.switch.captures.values())
        bridge = self.switch.legs[captures[which % len(captures)].leg_id].bridge_id
        mover = captures[other % len(captures)].leg_id
        if bridge is not None:
            self.leg_enters(list(self.switch.legs).index(mover), bridge, fate)

    def joins(self, who: str, bridge: str, fate: str) -> None:
        self.leg_starts(who, False, False, 0, "now")
        self.leg_enters(len(self.switch.legs) - 1, bridge, fate)

    @precondition(lambda self: self.switch.legs)
    @rule(which=_which, what=st.sampled_from(["leaves", "holds", "video", "hangs up"]), fate=_fates)
    def leg_changes(self, which: int, what: str, fate: str) -> None:
        leg = self.leg(which)
        if what == "leaves" and leg.bridge_id:
            left, leg.bridge_id = leg.bridge_id, None
            self.happens(f.BridgeLeft(leg.leg_id, left, self.at), fate)
        elif what == "holds":
            leg.held = not leg.held
            self.happens((f.LegHeld if leg.held else f.LegUnheld)(leg.leg_id, self.at), fate)
        elif what == "video":
            leg.video = not leg.video
            self.happens(f.LegVideoChanged(leg.leg_id, self.at, leg.video), fate)
        elif what == "hangs up":
            gone = [i for i, c in self.switch.captures.items() if c.leg_id == leg.leg_id]
            self.switch.hang_up(leg.leg_id)
            for capture_id in gone:
                self.happens(f.CaptureClosed(capture_id, self.at, "hang-up"), fate)
            self.happens(f.LegHungUp(leg.leg_id, self.at), fate)

    @precondition(lambda self: self.switch.legs)
    @rule(which=_which, who=_people, fate=_fates)
    def leg_is_identified(self, which: int, who: str, fate: str) -> None:
        """A party becomes known; once it is a user, whoever else the switch names is a mistake."""
        leg, party = self.leg(which), CAST[who]
        believed = self.desk.book.leg(leg.leg_id)
        if not leg.party.internal:
            leg.party = party
        elif believed is None or not believed.party.internal:
            return
        self.happens(f.LegIdentified(leg.leg_id, self.at, party), fate)

    @precondition(lambda self: self.switch.captures)
    @rule(which=_which, fate=_fates)
    def somebody_holds(self, which: int, fate: str) -> None:
        """One of those who are captured, or who talk to them, holds or comes back."""
        captured = list(self.switch.captures.values())[which % len(self.switch.captures)]
        bridge = self.switch.legs[captured.leg_id].bridge_id
        legs = [i for i, leg in self.switch.legs.items() if bridge and leg.bridge_id == bridge]
        chosen = legs[which % len(legs)] if legs else captured.leg_id
        self.leg_changes(list(self.switch.legs).index(chosen), "holds", fate)

    @rule(what=st.sampled_from(["open", "close", "mask", "unmask", "answers late"]))
    def switch_misbehaves(self, what: str) -> None:
        if what == "answers late":
            self.late_answers = not self.late_answers
        else:
            self.switch.refusing ^= {what}

    def leg(self, which: int) -> ModelLeg:
        return list(self.switch.legs.values())[which % len(self.switch.legs)]

    @precondition(lambda self: self.post)
    @rule(which=_which, all_of_it=st.booleans())
    def post_comes(self, which: int, all_of_it: bool) -> None:
        """Late facts: all in their order, or one out of order."""
        waiting, self.post = self.post, []
        if not all_of_it:
            chosen = waiting.pop(which % len(waiting))
            waiting, self.post = [chosen], waiting
        for fact in waiting:
            self.follow(self.desk.apply(fact))

    # ── people and time ───────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.switch.legs)
    @rule(which=_which, operation=st.sampled_from(sorted(OPERATIONS)), admin=st.booleans())
    def somebody_asks(self, which: int, operation: str, admin: bool = False) -> None:
        leg = self.leg(which)
        tenant = leg.party.tenant
        actor = TenantActor(tenant, "admin") if admin and tenant else LegActor(leg.leg_id)
        outcome, effects = self.desk.request(
            ControlRequest("q", self.at, OPERATIONS[operation], LegTarget(leg.leg_id), actor, Means.BUS)
        )
        assert outcome.reason
        if not leg.party.internal and isinstance(actor, LegActor):
            assert not outcome.accepted, "an external party controls a recording"
        if not outcome.accepted:
            assert not effects.commands
        self.follow(effects)

    @precondition(lambda self: self.switch.captures)
    @rule(which=_which, verb=st.sampled_from(["pause", "pause", "resume"]))
    def a_pause_or_its_end(self, which: int, verb: str) -> None:
        self.somebody_asks(which, f"{verb}-recording")

    @precondition(lambda self: self.switch.captures)
    @rule(
        which=_which,
        verbs=st.lists(st.sampled_from(["pause", "resume"]), min_size=1, max_size=2),
        done=st.booleans(),
        masks_readable=st.booleans(),
        restart=st.booleans(),
    )
    def link_breaks(
        self, which: int, verbs: list[str], done: bool, masks_readable: bool, restart: bool
    ) -> None:
        """It goes with a command under way, which the switch has carried out, or has not."""
        self.late_answers = True
        if not done:
            self.switch.refusing |= {"mask", "unmask"}
        for verb in verbs:
            if self.switch.captures:
                self.a_pause_or_its_end(which, verb)
        self.settle(masks_readable, restart)

    @rule(policy=_policies)
    def policy_changes(self, policy: Policy) -> None:
        self.follow(self.desk.set_policy(policy, self.at))

    def tick(self) -> None:
        """Of what is due; a tick of anything else, though it is never done, would change nothing."""
        for call in tuple(self.desk.book):
            is_due, before = call in self.desk.agenda.by(self.at), copy.deepcopy(call)
            effects = self.desk.tick(call, self.at)
            assert is_due or (effects, call) == (Effects(), before), "it was not due"
            self.follow(effects)

    @rule(seconds=st.integers(1, 6))
    def time_passes(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)
        self.tick()

    @rule(masks_readable=st.booleans(), restart=st.booleans(), unsaved=st.sampled_from([None, None, 0, 1]))
    def settle(self, masks_readable: bool, restart: bool, unsaved: int | None = None) -> None:
        """A reconnection, perhaps of a restarted controller, which perhaps does not know one of the
        recordings; afterwards all must be as it should."""
        self.post = [fact for fact in self.post if isinstance(fact, f.AnnouncementPlayed)]
        self.late_answers, self.switch.refusing = False, set()
        lost: set[str] = set()
        if restart:
            calls = [copy.deepcopy(call) for call in self.desk.book]
            running = [(c, r) for c in calls for r in c.recordings if r.running and r.ended_at is None]
            if unsaved is not None and running:
                call, recording = running[unsaved % len(running)]
                call.recordings.remove(recording)
                if recording.running and recording.running.leg_id in self.switch.legs:
                    lost = {recording.running.capture_id} & set(self.switch.captures)
                self.forgotten = True
                masks_readable = True  # a mask that nobody remembers is seen or not at all
            self.seen.update({c.call_id: c for c in calls})
            self.desk = self.new_desk(self.desk.policy, self.desk.video_supported)
            self.desk.restore(calls)
        self.follow(self.desk.apply(self.switch.snapshot(self.at, masks_readable=masks_readable)))
        for _ in range(2):  # what is refused meanwhile for the third time is tried again later
            self.at += timedelta(seconds=6)
            self.tick()
            while self.post:
                self.post_comes(0, all_of_it=True)  # everybody has heard what they are told
        check_settled(self.desk, self.switch, self.codes_on, forgotten=self.forgotten)
        known = {s.capture_id for c in self.desk.book for r in c.recordings for s in r.segments}
        assert lost <= known, "a recording whose row was lost is not one any more"

    # ── what must hold ────────────────────────────────────────────────────────────────────

    @invariant()
    def one_capture_per_recording(self) -> None:
        running = Counter(i.rpartition(".")[0] for i in self.switch.captures if i not in self.refused)
        assert all(n == 1 for n in running.values()), running

    @invariant()
    def beliefs(self) -> None:
        check_beliefs(self.desk, self.switch, self.at)

    def teardown(self) -> None:
        """Everybody hangs up: nothing may be left, and everything has an end."""
        for number, leg_id in enumerate(list(self.switch.legs)):
            self.switch.hang_up(leg_id)
            self.happens(f.LegHungUp(leg_id, self.at), "lost" if number % 2 else "now")
        self.settle(masks_readable=True, restart=False)
        left = {k: v for k, v in vars(self.desk).items() if k in ("_recordings", "_bridged") and v}
        assert not left, left
        assert not {k: v for k, v in vars(self.desk.book).items() if v}
        for call in (c for i, c in self.seen.items() if i not in self.merged):
            check_over(call)


class HoldStopsCapture(AnyOrder):
    """As on FreeSWITCH."""

    hold_stops_capture = True


_settings = settings(
    max_examples=2000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 120,
    stateful_step_count=50,
    deadline=None,
)
TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = _settings
TestHoldStopsCapture = HoldStopsCapture.TestCase
TestHoldStopsCapture.settings = _settings
