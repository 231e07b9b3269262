"""Who is on a leg: a user of a tenant, or somebody outside."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Side(StrEnum):
    """Whether a party belongs to a tenant of ours. A property of a party, never of a call."""

    INTERNAL = "internal"
    EXTERNAL = "external"


@dataclass(frozen=True, slots=True)
class Party:
    """The party on one leg.

    ``tenant`` and ``user`` come only from what the switch has authenticated or its own
    configuration says; ``number`` and ``name`` may be a stranger's text and decide nothing.
    An external party may carry a tenant: the one whose trunk or number it came in by.
    """

    side: Side
    tenant: str | None = None
    user: str | None = None
    number: str = ""
    name: str = ""
    trunk: str | None = None

    @property
    def internal(self) -> bool:
        return self.side is Side.INTERNAL

    def is_user(self, tenant: str | None, user: str | None) -> bool:
        return self.internal and user is not None and self.tenant == tenant and self.user == user


#: A leg about which nothing could be established: outside until the switch says otherwise.
UNKNOWN = Party(Side.EXTERNAL)
