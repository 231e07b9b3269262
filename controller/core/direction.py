"""Which way a call goes: who called whom, seen from the tenants' side."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from .parties import Party


class Direction(StrEnum):
    INBOUND = "inbound"
    OUTBOUND = "outbound"
    INTERNAL = "internal"
    EXTERNAL = "external"


class SeenLeg(Protocol):
    """As much of a leg as the direction depends on; a `calls.Leg` is one."""

    @property
    def party(self) -> Party: ...
    @property
    def calling(self) -> bool: ...
    @property
    def recordable(self) -> bool: ...
    @property
    def answered_at(self) -> datetime | None: ...


def direction_of(legs: Iterable[SeenLeg], tenant: str | None = None) -> Direction:
    """Who called whom.

    Seen by one tenant, everybody else's extensions are outside; without a tenant, every
    tenant's extensions are inside. The first caller counts, and of those called the first who
    answered: a call to outside that is handed to a colleague later stays outbound.
    """
    seen = list(legs)
    # A switch's half-legs (Asterisk's Local/) are nobody's; they count where there is nothing else.
    seen = [leg for leg in seen if leg.recordable] or seen
    if not seen:
        return Direction.EXTERNAL
    first = next((leg for leg in seen if leg.calling), seen[0])
    others = [leg for leg in seen if leg is not first]
    if not _inside(first, tenant):
        if not others or any(_inside(leg, tenant) for leg in others):
            return Direction.INBOUND
        return Direction.EXTERNAL
    called = [leg for leg in others if not leg.calling] or others
    met = next((leg for leg in called if leg.answered_at), called[0] if called else None)
    return Direction.INTERNAL if met is None or _inside(met, tenant) else Direction.OUTBOUND


def _inside(leg: SeenLeg, tenant: str | None) -> bool:
    return leg.party.internal and (tenant is None or leg.party.tenant == tenant)
