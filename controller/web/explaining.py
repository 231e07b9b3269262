"""What the policy says of an imagined call, with every rule that has a say. Pure; core decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ..core.direction import Direction, direction_of
from ..core.media_kinds import Kind, Verb
from ..core.parties import Party, Side
from ..core.permission import may_start, mode_objection
from ..core.policy import Decision, Policy, Verdict, decide, without_video
from ..core.rules import PolicyRule, PolicyScope, Route, Setting
from ..core.voices import Saying, saying
from .language import N_

STRENGTH = {one: n for n, one in enumerate(Saying)}


@dataclass(frozen=True, slots=True)
class ImaginedLeg:
    """As much of a leg as a decision depends on (core.policy.Member)."""

    party: Party
    calling: bool
    routes: tuple[Route, ...] = ()
    answered_at: datetime | None = None
    recordable: bool = True


@dataclass(frozen=True, slots=True)
class Imagined:
    """A call between two, which came through these routes, as one tenant sees it.

    ``call_id``: for the samples; "" leaves open whether the call is in one. ``video_supported``: by the
    switch that it is on.
    """

    tenant: str
    caller: Party
    callee: Party
    routes: tuple[Route, ...] = ()
    video: bool = False
    call_id: str = ""
    video_supported: bool = True

    @property
    def legs(self) -> tuple[ImaginedLeg, ImaginedLeg]:
        return ImaginedLeg(self.caller, True, self.routes), ImaginedLeg(self.callee, False)


@dataclass(frozen=True, slots=True)
class Said:
    """A rule that is about the call. ``says`` None: nothing, or the call goes another way than the
    rule's directions (``direction_fits``). ``decided``: it made the decision."""

    rule: PolicyRule
    subject: str
    setting: Setting
    direction_fits: bool
    says: Saying | None
    decided: bool


@dataclass(frozen=True, slots=True)
class May:
    """What somebody in the call, or an administrator, may do to the recording of one kind."""

    who: str
    pause: bool
    start: bool
    stop: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """``otherwise``: for a call outside the samples, where that makes a difference; ``decision``
    is then for one inside."""

    kind: Kind
    decision: Decision
    otherwise: Decision | None
    said: tuple[Said, ...]
    may: tuple[May, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    call: Imagined
    direction: Direction
    answers: tuple[Answer, ...]


def explain(policy: Policy, call: Imagined) -> Explanation:
    """One answer for each kind, the decision being core.policy's own."""
    return Explanation(
        call, direction_of(call.legs, call.tenant), tuple(_answer(policy, call, kind) for kind in Kind)
    )


def _answer(policy: Policy, call: Imagined, kind: Kind) -> Answer:
    asked = policy if call.call_id else _with_samples(policy, 100.0)
    decision = _decide(asked, call, kind)
    other = decision if call.call_id else _decide(_with_samples(policy, 0.0), call, kind)
    return Answer(
        kind,
        decision,
        other if other != decision else None,
        _said(policy, call, kind, decision),
        _may(asked, call, kind, decision),
    )


def _with_samples(policy: Policy, percent: float) -> Policy:
    """The policy as it is for a call that is in every sample (100) or in none (0)."""
    rules = (r if r.sample_percent == 100 else replace(r, sample_percent=percent) for r in policy.rules)
    return Policy(policy.record_external, tuple(rules), policy.options)


def _decide(policy: Policy, call: Imagined, kind: Kind, *, requested: bool = False) -> Decision:
    decision = decide(
        policy,
        kind,
        call.tenant,
        call.legs,
        call_id=call.call_id,
        video_call=call.video,
        requested=requested,
    )
    return decision if call.video_supported else without_video(decision, kind)


def _said(policy: Policy, call: Imagined, kind: Kind, decision: Decision) -> tuple[Said, ...]:
    """The rules about the call from the general to the particular, as core.policy lists them."""
    direction = direction_of(call.legs, call.tenant)
    found: list[Said] = []
    for rule in policy.applying(call.tenant, call.legs):
        fits = direction in rule.directions
        asked = rule if call.call_id else replace(rule, sample_percent=100.0)
        says = saying(asked, kind, call.call_id) if fits else None
        found.append(Said(rule, rule.subject, rule.of(kind), fits, says, False))
    # Of several that say the same strongest thing, core.policy names the most general one.
    strongest = max((STRENGTH[s.says] for s in found if s.says), default=-1)
    for n, said in enumerate(found):
        if said.says and STRENGTH[said.says] == strongest:
            if decision.rule == f"{said.rule.scope}.{said.says}":
                found[n] = replace(said, decided=True)
            break
    return tuple(found)


def _may(policy: Policy, call: Imagined, kind: Kind, decision: Decision) -> tuple[May, ...]:
    startable = _decide(policy, call, kind, requested=True).record
    found = [May(N_("an administrator, the API"), True, startable, not decision.required)]
    for party in (call.caller, call.callee):
        if party.is_user(call.tenant, party.user):
            found.append(_user_may(policy, party, kind, decision, startable))
    if not (call.caller.internal and call.callee.internal):
        found.append(May(N_("an external party"), False, False, False))
    return tuple(found)


def _user_may(policy: Policy, party: Party, kind: Kind, decision: Decision, startable: bool) -> May:
    """As core.control answers a user: the mode says what, and others' wishes hold against a stop."""
    rule = user_rule(policy, party)
    return May(
        f"user {party.user}",
        mode_objection(rule, Verb.PAUSE) is None,
        startable and may_start(rule, kind),
        mode_objection(rule, Verb.STOP) is None and decision.verdict is not Verdict.RECORD,
    )


def user_rule(policy: Policy, party: Party) -> PolicyRule:
    """The user's rule, or the one that the user gets when first seen."""
    found = policy.user(party.tenant, party.user)
    if found is not None:
        return found
    new = policy.options_of(party.tenant).new_user
    return PolicyRule(PolicyScope.USER, party.tenant, party.user or "", new.audio, new.video, mode=new.mode)


def common_calls(tenant: str, user: str, *, video_supported: bool = True) -> Sequence[tuple[str, Imagined]]:
    """The three calls that a user has every day, to show what its settings come to. They are video
    calls, so that both kinds are decided by the rules, and where no switch records video by that."""
    me = Party(Side.INTERNAL, tenant, user, user)
    other = Party(Side.INTERNAL, tenant, None, N_("another extension"))
    stranger = Party(Side.EXTERNAL, None, None, N_("an outside number"))
    sides = (
        (N_("Calls out"), me, stranger),
        (N_("Calls in"), stranger, me),
        (N_("Calls to colleagues"), me, other),
    )
    return [
        (text, Imagined(tenant, caller, callee, video=True, video_supported=video_supported))
        for text, caller, callee in sides
    ]
