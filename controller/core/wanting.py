"""What the policy wants captured now: each conversation of a call, for whom, and on which leg."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .calls import Call, Leg
from .decided import Decided, standing
from .media_kinds import BOTH, Kind
from .policy import Decision, Policy, Verdict, decide, without_video
from .rules import Mode, PolicyRule, Setting

#: The rank of a leg that is not the tenant's own (see `_anchor_rank`).
STRANGER = 2


@dataclass(frozen=True, slots=True)
class Wanted:
    """One conversation that must be captured for one tenant and kind."""

    bridge_id: str
    legs: tuple[Leg, ...]  # everybody in it
    anchors: tuple[Leg, ...]  # the legs that may carry the capture, all of the best rank there is
    own_voice_only: bool  # of the anchor: what it says, not what it hears
    tenant: str
    kind: Kind
    decision: Decision

    @property
    def provisional(self) -> bool:
        return self.decision.verdict is Verdict.PROVISIONAL


def wanted(
    call: Call, policy: Policy, at: datetime, *, video_supported: bool, hold_stops_capture: bool
) -> list[Wanted]:
    """What the policy wants captured now. Keeps every change of a decision, the negative ones too, in
    the call.

    ``hold_stops_capture``: on this switch a capture stands still while its own leg holds the other
    (FreeSWITCH), so it must be on a leg that does not; with everybody on hold there is nothing to hear.
    """
    found: list[Wanted] = []
    for bridge_id, legs in call.bridges().items():
        if len(legs) < 2:
            continue
        able = [leg for leg in legs if leg.commanded]
        for tenant in _tenants(call, legs):
            for kind in BOTH:
                usable = [leg for leg in able if _may_carry(leg, kind, hold_stops_capture)]
                decision = decide_now(call, policy, tenant, kind, legs, video_supported)
                _keep(call, Decided(at, bridge_id, tenant, kind, tuple(x.leg_id for x in legs), decision))
                if decision.record and usable:
                    ranks = {leg.leg_id: _anchor_rank(leg, policy, tenant, kind) for leg in able}
                    best = min(ranks[leg.leg_id] for leg in usable)
                    anchors = tuple(leg for leg in usable if ranks[leg.leg_id] == best)
                    # Everybody whose call this is holds. What the others say goes on being recorded,
                    # but on such a leg a transfer's next party could be heard before the stop.
                    alone = best == STRANGER and min(ranks.values()) < STRANGER
                    found.append(Wanted(bridge_id, tuple(legs), anchors, alone, tenant, kind, decision))
    return found


def _keep(call: Call, new: Decided) -> None:
    """By conversation: what is decided about one says nothing of another one in the same call."""
    if standing(call.decided, new.bridge_id, new.tenant, new.kind) != new.decision:
        call.decided.append(new)


def _may_carry(leg: Leg, kind: Kind, hold_stops_capture: bool) -> bool:
    """A capture of video on a leg without any would be one of sound only."""
    return not (hold_stops_capture and leg.held) and (kind is Kind.AUDIO or leg.video)


def _anchor_rank(leg: Leg, policy: Policy, tenant: str, kind: Kind) -> int:
    """Best is the leg because of which the call is recorded: whoever it talks to, that is wanted.

    When it leaves the conversation its capture ends by itself, at once; one on the other leg would
    have to be stopped, and would hear the next party until it is.
    """
    if not leg.party.internal or leg.party.tenant != tenant:
        return STRANGER
    rule = policy.user(tenant, leg.party.user)
    return 0 if rule is not None and wants_itself(rule, kind) else 1


def wants_itself(rule: PolicyRule, kind: Kind) -> bool:
    """Whether a user's own rule is why that user's calls are recorded."""
    return rule.of(kind) in (Setting.ON, Setting.REQUIRE) and rule.mode is not Mode.NEVER


def _tenants(call: Call, legs: list[Leg]) -> list[str]:
    """Whose policy has a say: the tenants of the internal parties; without any, those of the
    numbers that the parties came in by and those whose recording the transfer continues."""
    inside = [leg.party.tenant for leg in legs if leg.party.internal and leg.party.tenant]
    if not inside:
        inside = [leg.party.tenant for leg in legs if leg.party.tenant]
        inside += [r.tenant for r in call.recordings]
    return list(dict.fromkeys(t for t in inside if t))


def decide_now(
    call: Call, policy: Policy, tenant: str, kind: Kind, legs: list[Leg], video_supported: bool
) -> Decision:
    """What is decided about the conversation of these legs, with all that was asked for in the call."""
    decision = decide(
        policy,
        kind,
        tenant,
        legs,
        call_id=call.call_id,
        video_call=any(leg.video for leg in legs),
        already_recorded=any(
            r.tenant == tenant and r.kind is kind and not r.provisional for r in call.recordings
        ),
        requested=(tenant, kind) in call.requested,
        stopped=(tenant, kind) in call.stopped,
    )
    return decision if video_supported else without_video(decision, kind)
