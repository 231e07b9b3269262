"""Whether a conversation is recorded: one pure function over all rules that apply to it.

1. Between external parties only, nothing is recorded unless the system says
   *Record the call between external numbers* (mission.md 4).
2. A video recording needs a video call.
3. Of everything that the rules say about the conversation, the strongest counts:
   forbid, require, on, on demand, off. In which scope it was said makes no difference, so that a
   tenant's *on* forces its users, and no rule that is added takes a *forbid* back.
4. A start asked for by somebody who may counts as *on*; a stop holds against all but *require*.

docs/reference/policy.md holds the truth tables, which are executed as tests.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from .direction import SeenLeg, direction_of
from .media_kinds import Kind
from .options import DEFAULT_OPTIONS, TenantOptions
from .rules import Mode, PolicyRule, PolicyScope, Route, Setting, sample_point


class Member(SeenLeg, Protocol):
    """A leg in the conversation, as far as a decision depends on it; a `calls.Leg` is one."""

    @property
    def routes(self) -> Iterable[Route]: ...


class Verdict(StrEnum):
    RECORD = "record"
    #: Recorded from the start, and destroyed at the end unless somebody starts it meanwhile.
    PROVISIONAL = "provisional"
    LEAVE = "leave"


class Cause(StrEnum):
    """What decided where no rule's setting did. See `Decision.rule`."""

    REQUESTED = "requested"
    STOPPED = "stopped_on_request"
    NOBODY_WANTS = "nobody_wants"
    EXTERNAL_ONLY = "external_only"
    EXTERNAL_CONTINUED = "external_continued"
    NOT_VIDEO = "not_a_video_call"
    UNSUPPORTED = "unsupported_by_switch"


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict and why, for one tenant and kind.

    ``rule`` is stable and for machines: a Cause, or ``<scope>.<saying>`` such as
    ``tenant.require`` or ``user.on_demand`` (see `Saying`). ``reason`` is a whole sentence.
    """

    verdict: Verdict
    rule: str
    reason: str

    @property
    def record(self) -> bool:
        """Whether anything is captured (a provisional recording is)."""
        return self.verdict is not Verdict.LEAVE

    @property
    def required(self) -> bool:
        """Nobody may stop it."""
        return self.rule.endswith(".require")

    @property
    def forbidden(self) -> bool:
        return self.rule.endswith(".forbid")


class Saying(StrEnum):
    """What a rule comes to for one call: its setting, seen through the mode and the sample."""

    OFF = "off"
    NOT_SAMPLED = "not_sampled"
    NEVER = "never"
    ON_DEMAND_START = "on_demand_start"
    ON_DEMAND = "on_demand"
    ON = "on"
    REQUIRE = "require"
    FORBID = "forbid"


_STRENGTH = {saying: n for n, saying in enumerate(Saying)}
_ON = _STRENGTH[Saying.ON]
_OF_MODE = {
    Mode.NEVER: Saying.NEVER,
    Mode.ALWAYS: Saying.ON,
    Mode.ALWAYS_PAUSE: Saying.ON,
    Mode.ON_DEMAND: Saying.ON_DEMAND,
    Mode.ON_DEMAND_START: Saying.ON_DEMAND_START,
}
_SETTINGS = {Setting.OFF: Saying.OFF, Setting.REQUIRE: Saying.REQUIRE, Setting.FORBID: Saying.FORBID}
_WORDS = {
    Saying.OFF: "has {} off",
    Saying.NOT_SAMPLED: "has {} on for a sample that this call is not in",
    Saying.NEVER: "is never recorded for its own sake",
    Saying.ON_DEMAND_START: "records {} from the moment of a start",
    Saying.ON_DEMAND: "records {} on demand",
    Saying.ON: "has {} on",
    Saying.REQUIRE: "requires {}",
    Saying.FORBID: "forbids {}",
}

#: So many rules that did not decide are named in a reason.
NAMED_BESIDES = 3


@dataclass(frozen=True)
class Policy:
    """All settings that decide, as they stand now. Replaced whole, never changed in place."""

    record_external: bool = False
    rules: tuple[PolicyRule, ...] = ()
    options: Mapping[str, TenantOptions] = field(default_factory=dict)
    _system: tuple[PolicyRule, ...] = field(init=False, compare=False, repr=False)
    _tenants: dict[str, PolicyRule] = field(init=False, compare=False, repr=False)
    _users: dict[tuple[str, str], PolicyRule] = field(init=False, compare=False, repr=False)
    _routes: dict[tuple[str, str, str], PolicyRule] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        def index(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        index("rules", tuple(self.rules))
        index("_system", tuple(r for r in self.rules if r.scope is PolicyScope.SYSTEM))
        index("_tenants", {r.tenant: r for r in self.rules if r.scope is PolicyScope.TENANT})
        index("_users", {(r.tenant, r.name): r for r in self.rules if r.scope is PolicyScope.USER})
        routes = (r for r in self.rules if r.name and r.scope is not PolicyScope.USER)
        index("_routes", {(r.tenant or "", r.scope.value, r.name): r for r in routes})

    def user(self, tenant: str | None, user: str | None) -> PolicyRule | None:
        return self._users.get((tenant or "", user or ""))

    def options_of(self, tenant: str | None) -> TenantOptions:
        return self.options.get(tenant or "", DEFAULT_OPTIONS)

    def applying(self, tenant: str, legs: Iterable[Member]) -> list[PolicyRule]:
        """The rules that are about this tenant's side of the conversation, each once; whatever
        their directions. From the general to the particular."""
        found: dict[int, PolicyRule] = {id(r): r for r in self._system}
        of_tenant = self._tenants.get(tenant)
        if of_tenant is not None:
            found[id(of_tenant)] = of_tenant
        for leg in legs:
            party = leg.party
            if party.trunk:
                self._add_route(found, tenant, PolicyScope.TRUNK, party.trunk)
            for route in leg.routes:
                if route.tenant is None or route.tenant == tenant:
                    self._add_route(found, tenant, route.scope, route.name)
            if party.internal and party.tenant == tenant and party.user:
                of_user = self._users.get((tenant, party.user))
                if of_user is not None:
                    found[id(of_user)] = of_user
        return list(found.values())

    def _add_route(self, found: dict[int, PolicyRule], tenant: str, scope: PolicyScope, name: str) -> None:
        for owner in (tenant, ""):  # a trunk may be the system's
            rule = self._routes.get((owner, scope.value, name))
            if rule is not None:
                found[id(rule)] = rule


def saying(rule: PolicyRule, kind: Kind, call_id: str) -> Saying | None:
    """What a rule comes to for a call that it is about; None if it says nothing."""
    setting = rule.of(kind)
    if setting is Setting.INHERIT:
        return None
    if setting is not Setting.ON:
        return _SETTINGS[setting]
    said = _OF_MODE[rule.mode]
    if rule.sample_percent < 100 and sample_point(call_id, rule) >= rule.sample_percent:
        return Saying.NOT_SAMPLED if said is not Saying.NEVER else said
    return said


def decide(
    policy: Policy,
    kind: Kind,
    tenant: str,
    legs: Iterable[Member],
    *,
    call_id: str = "",
    video_call: bool = False,
    already_recorded: bool = False,
    requested: bool = False,
    stopped: bool = False,
) -> Decision:
    """What the policy says about the conversation of these legs, for one tenant.

    ``call_id`` decides whether the call is in a sample. ``already_recorded``: the call has a
    recording of this tenant and kind, which a transfer continues where the parties that caused it
    have left. ``requested`` and ``stopped``: somebody who may has asked for a start or a stop.
    Never raises; always gives a reason.
    """
    legs = tuple(legs)
    inside = any(leg.party.internal for leg in legs)
    if not inside and not policy.record_external:
        return _leave(
            Cause.EXTERNAL_ONLY,
            "only external parties are in the conversation and calls between external numbers "
            "are not recorded",
        )
    if kind is Kind.VIDEO and not video_call:
        return _leave(Cause.NOT_VIDEO, "it is not a video call")
    said = _said(policy, kind, tenant, legs, call_id)
    rule, strongest = said[0] if said else (None, None)
    strength = _STRENGTH[strongest] if strongest else -1
    if stopped and strength <= _ON:
        return _leave(Cause.STOPPED, "it was stopped on request")
    if requested and strength <= _ON:
        return Decision(Verdict.RECORD, Cause.REQUESTED, "recorded because it was started on request")
    if already_recorded and not inside and strength < _ON:
        return Decision(
            Verdict.RECORD,
            Cause.EXTERNAL_CONTINUED,
            "recorded because it was recorded before the transfer, and calls between external numbers are",
        )
    if rule is None or strongest is None:
        return _leave(Cause.NOBODY_WANTS, f"no rule about this call says anything of {kind}")
    why = _sentence(said, kind)
    if strongest is Saying.FORBID or strength < _STRENGTH[Saying.ON_DEMAND]:
        return _leave(f"{rule.scope.value}.{strongest.value}", f"{why}")
    code = f"{rule.scope.value}.{strongest.value}"
    if strongest is Saying.ON_DEMAND:
        return Decision(Verdict.PROVISIONAL, code, f"kept only if it is started before the end: {why}")
    return Decision(Verdict.RECORD, code, f"recorded because {why}")


def _said(
    policy: Policy, kind: Kind, tenant: str, legs: tuple[Member, ...], call_id: str
) -> list[tuple[PolicyRule, Saying]]:
    """What the rules that apply say, the strongest first."""
    rules = policy.applying(tenant, legs)
    if not rules:
        return []
    direction = direction_of(legs, tenant)
    found = []
    for rule in rules:
        what = saying(rule, kind, call_id) if direction in rule.directions else None
        if what is not None:
            found.append((rule, what))
    found.sort(key=lambda one: -_STRENGTH[one[1]])
    return found


def _sentence(said: list[tuple[PolicyRule, Saying]], kind: Kind) -> str:
    parts = [f"{rule.subject} {_WORDS[what].format(kind)}" for rule, what in said[: 1 + NAMED_BESIDES]]
    return "; ".join(parts)


def _leave(rule: str, why: str) -> Decision:
    return Decision(Verdict.LEAVE, rule, f"not recorded because {why}")
