"""What must hold whatever happens: of the desk's beliefs at any time, of the truth once it is settled."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from controller.core.calls import Call, Leg
from controller.core.captures import CaptureState
from controller.core.desk import Desk
from controller.core.media_kinds import Kind
from controller.core.options import Hears
from controller.core.policy import Policy
from controller.core.reconcile import paused, silenced
from controller.core.recording import Recording
from controller.core.requests import Means
from controller.core.rules import Mode, PolicyScope, Setting
from controller.core.sounds import ANNOUNCEMENT_LIMIT

from .model_switch import ModelLeg, ModelSwitch

AnyLeg = Leg | ModelLeg
#: How many captures there are of each (bridge, tenant, kind, provisional).
Served = Counter[tuple[str, str, Kind, bool]]


def anchors(
    policy: Policy, tenant: str, kind: Kind, legs: Sequence[AnyLeg], *, hold_stops: bool
) -> tuple[list[str], bool]:
    """The legs of a bridge that may carry a capture, and whether it takes their own voice only.

    The leg of who wants it; without one another of the tenant's own; without one a stranger's, which
    may not hear what its tenant's own leg would, if only that did not hold.
    """
    able = [leg for leg in legs if leg.recordable]
    own = [leg for leg in able if leg.party.internal and leg.party.tenant == tenant]
    usable = [leg for leg in able if carries(leg, kind, hold_stops=hold_stops)]
    usable_own = [leg for leg in own if leg in usable]
    wanting = [o for o in usable_own if _wants(policy, tenant, o, kind)]
    return [leg.leg_id for leg in wanting or usable_own or usable], bool(own) and not usable_own


def carries(leg: AnyLeg, kind: Kind, *, hold_stops: bool) -> bool:
    """A leg without video carries no capture of it."""
    return not (hold_stops and leg.held) and (kind is Kind.AUDIO or leg.video)


def _wants(policy: Policy, tenant: str, leg: AnyLeg, kind: Kind) -> bool:
    rule = policy.user(tenant, leg.party.user)
    return rule is not None and rule.of(kind) in (Setting.ON, Setting.REQUIRE) and rule.mode is not Mode.NEVER


def expected(desk: Desk, call: Call, tenant: str, kind: Kind, legs: Sequence[AnyLeg]) -> str:
    """What the rules come to, found another way than by `policy.decide`: "", "keep" or "perhaps"."""
    rules = [
        r
        for r in desk.policy.rules
        if r.tenant == tenant
        and (r.scope is PolicyScope.TENANT or any(p.party.is_user(tenant, r.name) for p in legs))
    ]
    said = {
        r.of(kind) if r.of(kind) is not Setting.ON or r.mode is Mode.ALWAYS_PAUSE else r.mode for r in rules
    }
    if any(r.audio is Setting.FORBID for r in rules):
        return ""  # of a video too: the sound is in it
    if kind is Kind.VIDEO and not (any(leg.video for leg in legs) and desk.video_supported):
        return ""
    if Setting.FORBID in said:
        return ""
    if Setting.REQUIRE in said:
        return "keep"
    if (tenant, kind) in call.stopped:
        return ""
    if (tenant, kind) in call.requested or Setting.ON in said:
        return "keep"
    return "perhaps" if Mode.ON_DEMAND in said else ""


def check_beliefs(desk: Desk, switch: ModelSwitch, now: datetime) -> None:
    """By the desk's own lights, whatever of the truth has reached it so far."""
    for call in desk.book:
        bridges = call.bridges()
        for kind in Kind:
            going = [r for r in call.recordings if r.kind is kind and r.ended_at is None]
            assert len({r.open_pause is None for r in going}) <= 1, "a pause reaches one, not all"
        _check_taken_back(call)
        for recording in call.recordings:
            assert recording.ended_at is None or recording.open_pause is None, "paused after its end"
            segment = recording.running
            if segment is None or not segment.state.settled:
                continue
            leg = call.legs[segment.leg_id]
            if segment.state is CaptureState.RECORDING:
                for other in bridges.get(leg.bridge_id or "", []):
                    assert not _being_told(desk, recording.tenant, other, now), "recorded, not told yet"
            legs = bridges.get(leg.bridge_id or "", [])
            assert leg.live, "captured after the hang-up"
            assert segment.bridge_id == leg.bridge_id, "one segment of two conversations"
            assert len(legs) > 1, "captured alone"
            best, alone = anchors(
                desk.policy, recording.tenant, recording.kind, legs, hold_stops=desk.hold_stops_capture
            )
            assert segment.leg_id in best, "captured on another leg than the best"
            assert segment.own_voice_only == alone, "a stranger's leg hears too much or too little"
            capture = switch.captures.get(segment.capture_id)
            if capture is not None:
                assert capture.leg_id == segment.leg_id
                assert capture.own_voice_only == alone, "the switch was told something else"


def _being_told(desk: Desk, tenant: str, leg: Leg, now: datetime) -> bool:
    hears = desk.policy.options_of(tenant).announce_to
    inside = leg.party.internal and leg.party.tenant == tenant
    if hears is Hears.NOBODY or (inside and hears is Hears.EXTERNAL):
        return False
    since = leg.announced.get(tenant)
    return leg.recordable and since is not None and now - since < ANNOUNCEMENT_LIMIT


def _check_taken_back(call: Call) -> None:
    """What is to be destroyed because it was forbidden was forbidden, each of its conversations."""
    for recording in call.recordings:
        if not recording.rule.endswith(".forbid"):
            continue
        assert recording.provisional, "forbidden, and kept"
        held = {s.bridge_id for s in recording.segments if s.state is not CaptureState.FAILED}
        said = {
            d.bridge_id
            for d in call.decided
            if (d.tenant, d.kind) == (recording.tenant, recording.kind) and d.decision.forbidden
        }
        assert held <= said, "a lawful conversation is destroyed for what was said about another"


def check_settled(
    desk: Desk, switch: ModelSwitch, codes_on: Counter[str], *, forgotten: bool = False
) -> None:
    """The truth, after a reconnection whose commands have all been carried out. ``forgotten``: a
    recording's row was lost, and with it who had paused it."""
    book = desk.book
    assert {leg.leg_id for call in book for leg in call.live_legs} == set(switch.legs)
    served = _check_captures(desk, switch)
    for call in book:
        for r in call.recordings:
            assert len(r.unfinished) <= 1, "an old capture is not ended"
            assert forgotten or all(p.means is not Means.RECOVERY for p in r.pauses), "nobody asked for it"
    for leg in switch.legs.values():
        known = book.leg(leg.leg_id)
        assert known is not None
        assert known.party == leg.party, "another identity than the first"
        assert codes_on[leg.leg_id] == (leg.party.internal and leg.recordable), "codes"
    for bridge, legs in switch.bridges().items():
        _check_bridge(desk, bridge, legs, served)
    assert not [key for key in served if served[key] != 1]


def _check_captures(desk: Desk, switch: ModelSwitch) -> Served:
    recordings = {r.recording_id: r for call in desk.book for r in call.recordings}
    served: Served = Counter()
    for capture_id, capture in switch.captures.items():
        recording = recordings[capture_id.rpartition(".")[0]]
        call = desk.book.call_of(capture.leg_id)
        assert call is not None
        assert recording.running is not None, "captured, and the desk does not know"
        assert recording.running.capture_id == capture_id, "two captures of one recording"
        assert capture.masked == silenced(call, capture.kind), "masked and paused differ"
        assert not (capture.kind is Kind.VIDEO and paused(call, Kind.VIDEO)), "pictures in a pause"
        leg = switch.legs[capture.leg_id]
        assert leg.bridge_id is not None, "captured without anybody to talk to"
        assert not (switch.hold_stops_capture and leg.held), "captured on a leg that holds"
        served[leg.bridge_id, recording.tenant, capture.kind, recording.provisional] += 1
        best, alone = anchors(
            desk.policy,
            recording.tenant,
            capture.kind,
            switch.bridges()[leg.bridge_id],
            hold_stops=switch.hold_stops_capture,
        )
        assert capture.leg_id in best, "captured on another leg than the best"
        assert capture.own_voice_only == alone, "a stranger's leg hears too much or too little"
    return served


def _check_bridge(desk: Desk, bridge: str, legs: list[ModelLeg], served: Served) -> None:
    policy = desk.policy
    here = {(tenant, kind): provisional for b, tenant, kind, provisional in served if b == bridge}
    inside = [leg.party for leg in legs if leg.party.internal]
    if not inside and not policy.record_external:
        assert not here, "external parties only are recorded against the rule"
    call = desk.book.call_of(legs[0].leg_id)
    assert call is not None
    assert all(desk.book.call_of(leg.leg_id) is call for leg in legs), "one bridge, two calls"
    holding = desk.hold_stops_capture
    for tenant in {p.tenant for p in inside if p.tenant}:
        for kind in Kind:
            able = [leg for leg in legs if leg.recordable and carries(leg, kind, hold_stops=holding)]
            wanted = expected(desk, call, tenant, kind, legs) if len(legs) > 1 and able else ""
            if silenced(call, kind):
                continue  # silence may be a masked capture or none; it is checked above
            found = {True: "perhaps", False: "keep", None: ""}[here.get((tenant, kind))]
            assert wanted == found, (tenant, kind, wanted, found)


def check_over(call: Call) -> None:
    """Everybody has hung up: everything has an end."""
    assert call.ended_at is not None
    for recording in call.recordings:
        _check_ended(recording, call.ended_at)


def _check_ended(recording: Recording, over_at: datetime) -> None:
    assert recording.ended_at is not None
    assert recording.ended_at <= over_at
    numbers = [s.number for s in recording.segments]  # those before a lost row are the sweep's to find
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
    assert all(s.state.final for s in recording.segments), recording.segments
    assert all(p.ended_at is not None for p in recording.pauses)
    assert all(p.asked_at <= p.ended_at for p in recording.pauses if p.ended_at)
