"""Whose call it is: the rows by which tenants and users find their calls."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ..core.direction import SeenLeg
from ..core.rules import PolicyScope, Route

#: What a supervisor may be answerable for beside users.
TEAM_SCOPES = (PolicyScope.QUEUE, PolicyScope.RING_GROUP)


class RoutedLeg(Protocol):
    @property
    def routes(self) -> tuple[Route, ...]: ...


def viewers(legs: Iterable[SeenLeg]) -> list[tuple[str, str]]:
    """(tenant, "") for every tenant with a leg in the call, (tenant, user) for each of its users.

    An outside party's tenant (whose trunk it came in by) counts for the tenant, and never for a
    user: who is outside is nobody's extension.
    """
    found: dict[tuple[str, str], None] = {}
    for leg in legs:
        party = leg.party
        if party.tenant:
            found[party.tenant, ""] = None
            if party.internal and party.user:
                found[party.tenant, party.user] = None
    return list(found)


def came_through(legs: Iterable[RoutedLeg], tenants: Iterable[str]) -> list[tuple[str, PolicyScope, str]]:
    """(tenant, scope, name) of every queue and ring group, for each of the call's tenants whose it is.

    One of which the switch does not say whose it is counts for all of them, as with the rules.
    """
    routes = dict.fromkeys(r for leg in legs for r in leg.routes if r.scope in TEAM_SCOPES)
    return [(t, r.scope, r.name) for t in tenants for r in routes if r.tenant in (None, t)]
