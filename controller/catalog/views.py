"""Whose call it is: the rows by which tenants and users find their calls."""

from __future__ import annotations

from collections.abc import Iterable

from ..core.direction import SeenLeg


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
