"""What the switch is told beforehand, so that it can decide by itself while the controller is away.

A switch's dialplan can look something up and compare it with a pattern, and no more. So the policy becomes
one row a user: six letters, one for each direction, first for calls that came through nothing that a rule
could be about (queue, ring group, receptionist, inbound or outbound rule), then for those that did.
What the policy says depends on more than a row can hold where a rule has a sample, where the tenant's
announcement would have to be heard before, and where a rule of a route may apply. There the tenant's option
``alone`` counts. On its return the controller decides again with all it knows (`alone`).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from .direction import Direction
from .media_kinds import Kind
from .options import Alone, Hears
from .policy import Policy
from .recording import tenant_folder
from .rules import ROUTE_SCOPES, PolicyRule, PolicyScope
from .voices import STRENGTH, Saying, Voice, entry_of
from .wanting import wants_itself


class Letter(StrEnum):
    """Of the two letters of a conversation within one tenant, the first in this order counts."""

    FORBID = "f"
    OWN = "w"  # recorded, on this very user's leg (see `wanting`)
    RECORD = "r"
    LEAVE = "n"


#: A row's order; a user who talks to somebody of another tenant calls, or is called by, the outside.
DIRECTIONS = (Direction.INBOUND, Direction.OUTBOUND, Direction.INTERNAL)

#: The user of the row for everybody of a tenant who has none of their own.
EVERYBODY = "*"

_ON_DEMAND, _FORBID = STRENGTH[Saying.ON_DEMAND], STRENGTH[Saying.FORBID]

Table = dict[tuple[str, str], str]


def table(policy: Policy) -> Table:
    """(tenant, user) → row. Users whose row would be their tenant's ``*`` are left out, and tenants whose
    name is no folder's (`tenant_folder`): their captures would have no place."""
    users: dict[str, list[str]] = {tenant: [] for tenant in policy.options if tenant}
    general: dict[str | None, list[PolicyRule]] = {}
    for rule in policy.rules:
        of_tenant = users.setdefault(rule.tenant, []) if rule.tenant else []
        if rule.scope is PolicyScope.USER:
            of_tenant.append(rule.name)
        else:
            general.setdefault(rule.tenant, []).append(rule)
    found: Table = {}
    for tenant, names in users.items():
        if tenant_folder(tenant) != tenant:
            continue
        rules = (*general.get(None, ()), *general.get(tenant, ()))
        rest = row(policy, tenant, EVERYBODY, rules)
        found[tenant, EVERYBODY] = rest
        for name in names:
            own = row(policy, tenant, name, rules)
            if own != rest and name != EVERYBODY:
                found[tenant, name] = own
    return found


def row(policy: Policy, tenant: str, user: str, rules: Iterable[PolicyRule]) -> str:
    """The six letters of one user; ``rules``: the system's and the tenant's, but for users' own."""
    rules = tuple(rules)
    letters = [
        letter_of(policy, tenant, user, direction, rules, routed=routed)
        for routed in (False, True)
        for direction in DIRECTIONS
    ]
    unsure = Letter.RECORD if policy.options_of(tenant).alone is Alone.RECORD else Letter.LEAVE
    return "".join(letter or unsure for letter in letters)


def letter_of(
    policy: Policy,
    tenant: str,
    user: str,
    direction: Direction,
    rules: Iterable[PolicyRule],
    *,
    routed: bool,
) -> Letter | None:
    """What the policy says of this user's calls as far as it hangs on the user; None: on something else."""
    own = policy.user(tenant, user)
    certain: list[PolicyRule] = [own] if own is not None and direction in own.directions else []
    perhaps: list[PolicyRule] = []
    for rule in rules:
        if direction in rule.directions:
            if rule.scope not in ROUTE_SCOPES:
                certain.append(rule)
            elif routed or rule.scope is PolicyScope.TRUNK:
                perhaps.append(rule)  # of which trunk a call came, no row knows either
    least, most = _strength(certain, in_sample=False), _strength(certain, in_sample=True)
    if least == _FORBID:
        return Letter.FORBID
    possible = _strength(perhaps, in_sample=True)
    if possible == _FORBID:
        return None
    if min(least, most) >= _ON_DEMAND:
        if policy.options_of(tenant).announce_to is not Hears.NOBODY:
            return None  # nobody is there to play it, and nothing is recorded before it was heard
        return Letter.OWN if own is not None and wants_itself(own, Kind.AUDIO) else Letter.RECORD
    return Letter.LEAVE if max(least, most, possible) < _ON_DEMAND else None


def _strength(rules: Iterable[PolicyRule], *, in_sample: bool) -> int:
    said: list[Voice | None] = []
    for rule in rules:
        entry = entry_of(rule)
        outside = None if in_sample else entry.unsampled_audio
        said.append(outside or entry.voice_in_sample(Kind.AUDIO))
    return max((voice.strength for voice in said if voice), default=-1)
