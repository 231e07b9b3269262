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

from .direction import Direction, SeenLeg, direction_of
from .media_kinds import Kind
from .options import DEFAULT_OPTIONS, NewUser, TenantOptions
from .parties import Side
from .rules import ROUTE_SCOPES, PolicyRule, PolicyScope, Route
from .voices import STRENGTH, Entry, Saying, Voice, entry_of


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
    RECOVERED = "recovered"
    TWICE = "recorded_twice"


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
        return is_forbidden(self.rule)


def is_forbidden(rule: str) -> bool:
    """Whether a decision's, or a recording's, rule is one that forbids."""
    return rule.endswith(".forbid")


_ON, _ON_DEMAND = STRENGTH[Saying.ON], STRENGTH[Saying.ON_DEMAND]

#: What a tenant says about new users if it has not said anything.
_UNSAID = NewUser()

#: So many rules that did not decide are named in a reason.
NAMED_BESIDES = 3


@dataclass(frozen=True)
class Policy:
    """All settings that decide, as they stand now. Replaced whole, never changed in place."""

    record_external: bool = False
    rules: tuple[PolicyRule, ...] = ()
    options: Mapping[str, TenantOptions] = field(default_factory=dict)
    _system: tuple[Entry, ...] = field(init=False, compare=False, repr=False)
    _tenants: dict[str | None, Entry] = field(init=False, compare=False, repr=False)
    _users: dict[tuple[str | None, str], Entry] = field(init=False, compare=False, repr=False)
    _routes: dict[tuple[str, str], list[Entry]] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "rules", tuple(self.rules))
        entries = [entry_of(rule) for rule in self.rules]
        of = {scope: [e for e in entries if e.rule.scope is scope] for scope in PolicyScope}
        routes: dict[tuple[str, str], list[Entry]] = {}
        for entry in entries:
            if entry.rule.scope in ROUTE_SCOPES:
                routes.setdefault((entry.rule.tenant or "", entry.rule.name), []).append(entry)
        object.__setattr__(self, "_system", tuple(of[PolicyScope.SYSTEM]))
        object.__setattr__(self, "_tenants", {e.rule.tenant: e for e in of[PolicyScope.TENANT]})
        users = {(e.rule.tenant, e.rule.name): e for e in of[PolicyScope.USER]}
        object.__setattr__(self, "_users", users)
        object.__setattr__(self, "_routes", routes)

    def user(self, tenant: str | None, user: str | None) -> PolicyRule | None:
        """The user's own rule; for one who has none yet, the tenant's for new users if it says any."""
        entry = self._user(tenant, user) if tenant and user else None
        return entry.rule if entry else None

    def _user(self, tenant: str, user: str) -> Entry | None:
        entry = self._users.get((tenant, user))
        if entry is None and tenant in self.options:
            # Known from a first call or not yet at all: the settings must not begin with the second.
            new = self.options[tenant].new_user
            if new != _UNSAID:
                rule = PolicyRule(PolicyScope.USER, tenant, user, new.audio, new.video, mode=new.mode)
                entry = self._users[tenant, user] = entry_of(rule)
        return entry

    def options_of(self, tenant: str | None) -> TenantOptions:
        return self.options.get(tenant or "", DEFAULT_OPTIONS)

    def applying(self, tenant: str, legs: Iterable[Member]) -> list[PolicyRule]:
        """The rules that are about this tenant's side of the conversation, each once; whatever
        their directions. From the general to the particular."""
        return [entry.rule for entry in self._applying(tenant, legs)]

    def _applying(self, tenant: str, legs: Iterable[Member]) -> list[Entry]:
        found = list(self._system)
        of_tenant = self._tenants.get(tenant)
        if of_tenant is not None:
            found.append(of_tenant)
        users = []
        for leg in legs:
            party = leg.party
            if party.trunk:
                self._add_routes(found, tenant, PolicyScope.TRUNK, party.trunk)
            for route in leg.routes:
                if route.tenant is None or route.tenant == tenant:
                    self._add_routes(found, tenant, route.scope, route.name)
            if party.side is Side.INTERNAL and party.tenant == tenant and party.user:
                of_user = self._user(tenant, party.user)
                if of_user is not None and of_user not in users:
                    users.append(of_user)
        return found + users

    def _add_routes(self, found: list[Entry], tenant: str, scope: PolicyScope, name: str) -> None:
        for owner in (tenant, ""):  # a trunk may be the system's
            for entry in self._routes.get((owner, name), ()):
                if entry.rule.scope is scope and entry not in found:
                    found.append(entry)


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
    inside = any([leg.party.side is Side.INTERNAL for leg in legs])
    if not inside and not policy.record_external:
        return _leave(
            Cause.EXTERNAL_ONLY,
            "only external parties are in the conversation and calls between external numbers "
            "are not recorded",
        )
    if kind is Kind.VIDEO and not video_call:
        return _leave(Cause.NOT_VIDEO, "it is not a video call")
    said = _said(policy, kind, tenant, legs, call_id)
    if kind is Kind.VIDEO:
        sound = _said(policy, Kind.AUDIO, tenant, legs, call_id)
        if sound and sound[0].saying is Saying.FORBID:
            said = sound  # a video has the sound in it
    first = said[0] if said else None
    strength = first.strength if first else -1
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
    if first is None:
        return _leave(Cause.NOBODY_WANTS, f"no rule about this call says anything of {kind}")
    why = "; ".join([voice.words for voice in said[: 1 + NAMED_BESIDES]])
    if first.saying is Saying.FORBID or strength < _ON_DEMAND:
        return _leave(first.code, why)
    if first.saying is Saying.ON_DEMAND:
        return Decision(Verdict.PROVISIONAL, first.code, f"kept only if it is started before the end: {why}")
    return Decision(Verdict.RECORD, first.code, f"recorded because {why}")


def _said(policy: Policy, kind: Kind, tenant: str, legs: tuple[Member, ...], call_id: str) -> list[Voice]:
    """What the rules that apply say, the strongest first."""
    found: list[Voice] = []
    direction: Direction | None = None
    for entry in policy._applying(tenant, legs):
        if not entry.everywhere:
            direction = direction or direction_of(legs, tenant)
            if direction not in entry.rule.directions:
                continue
        voice = entry.voice(kind, call_id)
        if voice is not None:
            found.append(voice)
    if len(found) > 1:
        found.sort(key=_weakness)
    return found


def _weakness(voice: Voice) -> int:
    return -voice.strength


def _leave(rule: str, why: str) -> Decision:
    return Decision(Verdict.LEAVE, rule, f"not recorded because {why}")


def without_video(decision: Decision, kind: Kind) -> Decision:
    """What becomes of it on a switch that records no video."""
    if decision.record and kind is Kind.VIDEO:
        reason = "not recorded because this switch cannot record video"
        return Decision(Verdict.LEAVE, Cause.UNSUPPORTED, reason)
    return decision
