"""What a change of settings would have done to the calls of the last days: decided anew, by core's `decide`.

A call is taken as one conversation of all who answered, from beginning to end, without requests of its
parties: what it came to in each second of a transfer is not repeated here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from ..core.media_kinds import Kind
from ..core.options import TenantOptions
from ..core.parties import Party
from ..core.policy import Policy, decide
from ..core.rules import PolicyRule, PolicyScope, Route
from .people import Scope

#: So far back, and so many calls, the newest.
DAYS = 7
MOST = 500


@dataclass(frozen=True, slots=True)
class PastLeg:
    """As much of a leg as a decision depends on (core.policy.Member)."""

    party: Party
    calling: bool
    routes: tuple[Route, ...]
    answered_at: datetime | None
    recordable: bool = True


@dataclass(frozen=True, slots=True)
class PastCall:
    """A call that was answered."""

    call_id: str
    started_at: datetime
    legs: tuple[PastLeg, ...]
    video: bool

    @property
    def tenants(self) -> list[str]:
        return sorted({leg.party.tenant for leg in self.legs if leg.party.tenant})


@dataclass(frozen=True, slots=True)
class PastCalls:
    """The newest answered calls since ``since``. ``whole``: there were no more of them."""

    calls: tuple[PastCall, ...]
    since: datetime
    until: datetime
    whole: bool

    @property
    def days(self) -> float:
        """How many days they span; of a sample, to its oldest call."""
        first = self.since if self.whole or not self.calls else self.calls[-1].started_at
        return max((self.until - first) / timedelta(days=1), 1 / 24)


class PastReader(Protocol):
    """What a forecast is made of."""

    async def policy(self) -> Policy:
        """All settings that decide, as they are stored."""

    async def past_calls(self, scope: Scope, since: datetime, until: datetime, most: int) -> PastCalls:
        """Answered calls in which the scope's tenant has a leg, the newest first."""


@dataclass(frozen=True, slots=True)
class Count:
    """Calls that are recorded of one kind, in the sample."""

    kind: Kind
    before: int
    after: int
    more: int
    fewer: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """``users``: those in whose calls something changes, (tenant, user) → calls, most calls first."""

    calls: int
    days: float
    whole: bool
    counts: tuple[Count, ...]
    users: tuple[tuple[str, str, int], ...]

    @property
    def changes(self) -> bool:
        return any(count.more or count.fewer for count in self.counts)

    def a_day(self, calls: int) -> float:
        return calls / self.days


def changed(
    policy: Policy,
    rules: Iterable[PolicyRule],
    *,
    without: Iterable[PolicyRule] = (),
    record_external: bool | None = None,
    options: dict[str, TenantOptions] | None = None,
) -> Policy:
    """The policy as it would be with these rules instead of those of the same names."""
    new = {(r.scope, r.tenant, r.name): r for r in rules}
    gone = new.keys() | {(r.scope, r.tenant, r.name) for r in without}
    kept = [r for r in policy.rules if (r.scope, r.tenant, r.name) not in gone]
    external = policy.record_external if record_external is None else record_external
    return Policy(external, (*kept, *new.values()), {**policy.options, **(options or {})})


def concerning(policy: Policy, past: PastCalls) -> Policy:
    """Without the users who are in none of the calls: a tenant may have ten thousand."""
    seen = {(leg.party.tenant, leg.party.user) for call in past.calls for leg in call.legs}
    rules = (r for r in policy.rules if r.scope is not PolicyScope.USER or (r.tenant, r.name) in seen)
    return Policy(policy.record_external, tuple(rules), policy.options)


def forecast(past: PastCalls, before: Policy, after: Policy, tenant: str | None) -> Forecast:
    """``tenant`` None: for every tenant of each call."""
    counts = {kind: [0, 0, 0, 0] for kind in Kind}
    users: Counter[tuple[str, str]] = Counter()
    for call in past.calls:
        touched: set[tuple[str, str]] = set()
        for whose in [tenant] if tenant is not None else call.tenants:
            for kind in Kind:
                was, will = (_recorded(policy, kind, whose, call) for policy in (before, after))
                count = counts[kind]
                count[0] += was
                count[1] += will
                count[2] += will and not was
                count[3] += was and not will
                if was != will:
                    touched |= {
                        (leg.party.tenant, leg.party.user)
                        for leg in call.legs
                        if leg.party.internal and leg.party.tenant == whose and leg.party.user
                    }
        users.update(touched)
    return Forecast(
        len(past.calls), past.days, past.whole,
        tuple(Count(kind, *counts[kind]) for kind in Kind),
        tuple((t, u, number) for (t, u), number in users.most_common()),
    )  # fmt: skip


def _recorded(policy: Policy, kind: Kind, tenant: str, call: PastCall) -> bool:
    return decide(
        policy, kind, tenant, call.legs, call_id=call.call_id, video_call=call.video
    ).record  # fmt: skip


@dataclass(frozen=True, slots=True)
class Seen:
    """A queue, group, receptionist, trunk or rule that calls came through; ``recorded`` of them would be
    recorded by the policy as it is."""

    scope: PolicyScope
    name: str
    tenant: str
    calls: int
    recorded: int


def seen_routes(past: PastCalls, policy: Policy, tenant: str | None) -> list[Seen]:
    """What the calls came through, the busiest first; a tenant's own and the system's trunks."""
    calls: Counter[tuple[PolicyScope, str, str]] = Counter()
    recorded: Counter[tuple[PolicyScope, str, str]] = Counter()
    for call in past.calls:
        for whose in [tenant] if tenant is not None else call.tenants:
            kept = _recorded(policy, Kind.AUDIO, whose, call)
            found = {(r.scope, r.name, whose) for leg in call.legs for r in _routes(leg, whose)}
            calls.update(found)
            if kept:
                recorded.update(found)
    return [Seen(*key, number, recorded[key]) for key, number in calls.most_common()]


def _routes(leg: PastLeg, tenant: str) -> Sequence[Route]:
    mine = [r for r in leg.routes if r.tenant in (None, tenant)]
    if leg.party.trunk and leg.party.tenant in (None, tenant):
        mine.append(Route(PolicyScope.TRUNK, leg.party.trunk, tenant))
    return mine
