"""Any order, repetition and loss of facts, and a switch that refuses: what must hold all the same.

The model switch is the truth. What happens on it becomes facts, which the machine delivers in any
order, twice, or never; the desk's commands are carried out at once, refused, or answered late.
``settle`` is a reconnection: a snapshot, the answers to what follows, and a later tick.
"""

from __future__ import annotations

import copy
import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from controller.core import facts as f
from controller.core.calls import Call
from controller.core.desk import Desk
from controller.core.effects import Effects
from controller.core.media_kinds import OPERATIONS, Kind
from controller.core.policy import OFF, Policy, Switches
from controller.core.reconcile import paused
from controller.core.recording import Recording
from controller.core.requests import ControlRequest, LegActor, LegTarget, Means

from .model_switch import ModelLeg, ModelSwitch
from .notation import CAST

BRIDGES = ["B1", "B2", "B3"]
_users = st.sampled_from([Switches(True, True), Switches(True, False), Switches(False, True), OFF])
_forced = st.sampled_from([OFF, OFF, Switches(True, True), Switches(True, False)])
_policies = st.builds(
    lambda external, acme, beta, alice, bert: Policy(
        external, {"acme": acme, "beta": beta}, {("acme", "101"): alice, ("beta", "101"): bert}
    ),
    st.booleans(), _forced, _forced, _users, _users,
)  # fmt: skip
_which = st.integers(0, 9)  # of the legs, or of the facts that wait; taken modulo their number
_fates = st.sampled_from(["now"] * 5 + ["late", "twice", "lost"])
_people = st.sampled_from(["alice", "bert", "xena", "trunk", "anna", "xavi", "alice", "bert"])


class AnyOrder(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.at = datetime(2026, 11, 22, 12, tzinfo=UTC)
        self.switch = ModelSwitch()
        self.ids = (f"id{n}" for n in count(1))
        self.leg_numbers = count(1)
        self.post: list[f.Fact] = []  # late facts, on their way from the switch to the desk
        self.late_answers = False
        self.refused: set[str] = set()  # captures whose close has ever been refused
        self.seen: dict[str, Call] = {}  # every call as it was last told, by id
        self.merged: set[str] = set()

    @initialize(policy=_policies, video=st.booleans(), other=_people)
    def begin(self, policy: Policy, video: bool, other: str) -> None:
        self.desk = Desk(lambda: next(self.ids), policy, video_supported=video)
        for who in ("alice", other):
            self.leg_starts(who, video, False, 0, "now")
        for which in (0, 1):
            self.leg_enters(which, "B1", "now")

    # ── the desk ──────────────────────────────────────────────────────────────────────────

    def follow(self, effects: Effects) -> None:
        self.seen.update(effects.changed)
        self.merged |= set(effects.merged)
        for call_id, command in effects.commands:
            assert call_id
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
            video=video, recordable=not (half and origin > 7),
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
    @rule(which=_which, operation=st.sampled_from(sorted(OPERATIONS)))
    def somebody_asks(self, which: int, operation: str) -> None:
        leg = self.leg(which)
        outcome, effects = self.desk.request(
            ControlRequest(
                "q", self.at, OPERATIONS[operation], LegTarget(leg.leg_id), LegActor(leg.leg_id), Means.BUS
            )
        )
        assert outcome.reason
        if not leg.party.internal:
            assert not outcome.accepted, "an external party controls a recording"
        if not outcome.accepted:
            assert not effects.commands
        self.follow(effects)

    @precondition(lambda self: self.switch.captures)
    @rule(which=_which, verb=st.sampled_from(["pause", "pause", "resume"]))
    def a_pause_or_its_end(self, which: int, verb: str) -> None:
        self.somebody_asks(which, f"{verb}-recording")

    @rule(policy=_policies)
    def policy_changes(self, policy: Policy) -> None:
        self.follow(self.desk.set_policy(policy, self.at))

    @rule(seconds=st.integers(1, 6))
    def time_passes(self, seconds: int) -> None:
        self.at += timedelta(seconds=seconds)
        self.follow(self.desk.tick(self.at))

    @rule(masks_readable=st.booleans(), restart=st.booleans())
    def settle(self, masks_readable: bool, restart: bool) -> None:
        """A reconnection, perhaps of a restarted controller; afterwards all must be as it should."""
        self.post, self.late_answers, self.switch.refusing = [], False, set()
        if restart:
            calls = [copy.deepcopy(call) for call in self.desk.book]
            self.seen.update({c.call_id: c for c in calls})
            self.desk = Desk(
                lambda: next(self.ids), self.desk.policy, video_supported=self.desk.video_supported
            )
            self.desk.restore(calls)
        self.follow(self.desk.apply(self.switch.snapshot(self.at, masks_readable=masks_readable)))
        self.at += timedelta(seconds=6)
        self.follow(self.desk.tick(self.at))
        self.check_settled()

    # ── what must hold ────────────────────────────────────────────────────────────────────

    @invariant()
    def one_capture_per_recording(self) -> None:
        running = Counter(i.rpartition(".")[0] for i in self.switch.captures if i not in self.refused)
        assert all(n == 1 for n in running.values()), running

    def check_settled(self) -> None:
        book = self.desk.book
        assert {leg.leg_id for call in book for leg in call.live_legs} == set(self.switch.legs)
        recordings = {r.recording_id: r for call in book for r in call.recordings}
        served: Counter[tuple[str, str, Kind]] = Counter()
        for capture_id, capture in self.switch.captures.items():
            recording = recordings[capture_id.rpartition(".")[0]]
            call = book.call_of(capture.leg_id)
            assert call is not None
            assert recording.running is not None, "captured, and the desk does not know"
            assert recording.running.capture_id == capture_id, "two captures of one recording"
            assert capture.masked == paused(call, capture.kind), "masked and paused differ"
            assert not (capture.masked and capture.kind is Kind.VIDEO)
            bridge = self.switch.legs[capture.leg_id].bridge_id
            assert bridge is not None, "captured without anybody to talk to"
            served[bridge, recording.tenant, capture.kind] += 1
        for call in book:
            for r in call.recordings:
                assert len(r.unfinished) <= 1, "an old capture is not ended"
        for bridge, legs in self.switch.bridges().items():
            self.check_bridge(bridge, legs, served)
        assert not [key for key in served if served[key] != 1]

    def check_bridge(self, bridge: str, legs: list[ModelLeg], served: Counter[tuple[str, str, Kind]]) -> None:
        policy = self.desk.policy
        here = {(tenant, kind) for b, tenant, kind in served if b == bridge}
        inside = [leg.party for leg in legs if leg.party.internal]
        if not inside and not policy.record_external:
            assert not here, "external parties only are recorded against the rule"
        call = self.desk.book.call_of(legs[0].leg_id)
        assert call is not None
        assert all(self.desk.book.call_of(leg.leg_id) is call for leg in legs), "one bridge, two calls"
        talking = len(legs) > 1 and any(leg.recordable for leg in legs)
        for tenant in {p.tenant for p in inside if p.tenant}:
            users = [policy.users.get((tenant, p.user or ""), OFF) for p in inside if p.tenant == tenant]
            for kind in Kind:
                wanted = policy.tenants.get(tenant, OFF).of(kind) or any(u.of(kind) for u in users)
                wanted = wanted or (tenant, kind) in call.requested
                if kind is Kind.VIDEO:
                    wanted = wanted and any(leg.video for leg in legs) and self.desk.video_supported
                wanted = wanted and talking and (tenant, kind) not in call.stopped
                if paused(call, kind):
                    continue  # silence may be a masked capture or none; it is checked above
                assert wanted == ((tenant, kind) in here), (tenant, kind, wanted)

    def teardown(self) -> None:
        """Everybody hangs up: nothing may be left, and everything has an end."""
        if not hasattr(self, "desk"):
            return
        for number, leg_id in enumerate(list(self.switch.legs)):
            self.switch.hang_up(leg_id)
            self.happens(f.LegHungUp(leg_id, self.at), "lost" if number % 2 else "now")
        self.settle(masks_readable=True, restart=False)
        left = {k: v for k, v in vars(self.desk).items() if k in ("_recordings", "_bridged") and v}
        assert not left, left
        assert not {k: v for k, v in vars(self.desk.book).items() if v}
        for call in (c for i, c in self.seen.items() if i not in self.merged):
            assert call.ended_at is not None
            for recording in call.recordings:
                self.check_ended(recording)

    @staticmethod
    def check_ended(recording: Recording) -> None:
        assert recording.ended_at is not None
        assert [s.number for s in recording.segments] == list(range(1, len(recording.segments) + 1))
        assert all(s.state.final for s in recording.segments), recording.segments
        assert all(p.ended_at is not None for p in recording.pauses)
        assert all(p.asked_at <= p.ended_at for p in recording.pauses if p.ended_at)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=4000 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 400,
    stateful_step_count=50,
    deadline=None,
)
