"""The rules by which recording is decided: what each level of the operator's settings says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum

from .direction import Direction
from .errors import InvalidPolicy
from .media_kinds import Kind


class Setting(StrEnum):
    """What one rule says about one kind. Weakest first: the strongest of all that apply wins."""

    INHERIT = "inherit"  # says nothing
    OFF = "off"
    ON = "on"
    REQUIRE = "require"  # and nobody may stop it
    FORBID = "forbid"


class Mode(StrEnum):
    """How a user's calls are recorded where the user's own setting is on (mission.md, modes)."""

    NEVER = "never"
    ALWAYS = "always"
    ALWAYS_PAUSE = "always_pause"
    ON_DEMAND = "on_demand"  # from the start, and kept only if started before the end
    ON_DEMAND_START = "on_demand_start"  # from the moment of the start

    @property
    def may_start_and_stop(self) -> bool:
        return self in (Mode.ON_DEMAND, Mode.ON_DEMAND_START)

    @property
    def may_pause(self) -> bool:
        return self is not Mode.ALWAYS


class PolicyScope(StrEnum):
    """What a rule is about; from the general to the particular, which decides nothing but the
    order in which people read them."""

    SYSTEM = "system"
    TENANT = "tenant"
    TRUNK = "trunk"
    INBOUND_RULE = "inbound_rule"
    OUTBOUND_RULE = "outbound_rule"
    QUEUE = "queue"
    RING_GROUP = "ring_group"
    RECEPTIONIST = "receptionist"
    USER = "user"


#: The scopes through which a call comes; a leg carries them as `Route`s.
ROUTE_SCOPES = frozenset(PolicyScope) - {PolicyScope.SYSTEM, PolicyScope.TENANT, PolicyScope.USER}

#: Queues and users may have a share of their calls recorded (issue: sampling).
SAMPLED_SCOPES = frozenset({PolicyScope.QUEUE, PolicyScope.USER})

EVERY_DIRECTION = frozenset(Direction)


@dataclass(frozen=True, slots=True)
class Route:
    """A queue, ring group, receptionist, trunk or rule that a leg came through.

    ``tenant`` is whose it is; None where the switch does not say: then the rule of whichever
    tenant the decision is made for counts.
    """

    scope: PolicyScope
    name: str
    tenant: str | None = None


@dataclass(frozen=True, slots=True)
class PolicyRule:
    """One line of the settings. ``tenant`` is None for the system's own (and for its trunks).

    ``directions``: the calls it is about, as the tenant sees them. ``sample_percent``: of the
    calls for which it would say *on*, so many (0–100). Raises InvalidPolicy.
    """

    scope: PolicyScope
    tenant: str | None = None
    name: str = ""
    audio: Setting = Setting.INHERIT
    video: Setting = Setting.INHERIT
    directions: frozenset[Direction] = EVERY_DIRECTION
    mode: Mode = Mode.ALWAYS_PAUSE
    sample_percent: float = 100.0

    def __post_init__(self) -> None:
        nameless = self.scope in (PolicyScope.SYSTEM, PolicyScope.TENANT)
        if nameless and self.name:
            raise InvalidPolicy(f"a rule of the {self.scope} has no name of its own")
        if not nameless and not self.name:
            raise InvalidPolicy(f"a rule of a {self.scope} needs the {self.scope}'s name")
        if self.scope is PolicyScope.SYSTEM and self.tenant is not None:
            raise InvalidPolicy("a rule of the system has no tenant")
        if self.scope not in (PolicyScope.SYSTEM, PolicyScope.TRUNK) and not self.tenant:
            raise InvalidPolicy(f"a rule of a {self.scope} needs a tenant")
        if not self.directions:
            raise InvalidPolicy("a rule without any direction would never apply: name one at least")
        if not 0 <= self.sample_percent <= 100:
            raise InvalidPolicy("a sample is 0 to 100 percent")
        if self.sample_percent < 100 and self.scope not in SAMPLED_SCOPES:
            raise InvalidPolicy("only queues and users have a sample")
        if self.mode is not Mode.ALWAYS_PAUSE and self.scope is not PolicyScope.USER:
            raise InvalidPolicy("only users have a mode")

    def of(self, kind: Kind) -> Setting:
        return self.audio if kind is Kind.AUDIO else self.video

    @property
    def subject(self) -> str:
        """The rule's owner in words: ``tenant acme``, ``queue sales``, ``user 101``."""
        if self.scope is PolicyScope.SYSTEM:
            return "the system"
        if self.scope is PolicyScope.TENANT:
            return f"tenant {self.tenant}"
        return f"{self.scope.replace('_', ' ')} {self.name}"


def sample_point(call_id: str, rule: PolicyRule) -> float:
    """Where a call falls between 0 and 100 for this rule: in the sample if below its percentage.

    The first 8 bytes of SHA-256 over call id, scope, tenant and name, each with a line end, as a
    fraction of 2^64: nobody chooses, and anybody can prove it afterwards.
    """
    text = f"{call_id}\n{rule.scope}\n{rule.tenant or ''}\n{rule.name}\n"
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64 * 100
