"""An imagined call out of what somebody typed, and the stored policy that it is put to."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.parties import Party, Side
from ..core.policy import Policy
from ..core.rules import ROUTE_SCOPES, PolicyScope, Route
from ..engine.reading import Scope, SettingsStore
from .explaining import Imagined

#: Before an extension that nobody has called from yet: ``user:150``.
NEW_USER = "user:"

#: In the order in which people read them.
ROUTES = tuple(scope for scope in PolicyScope if scope in ROUTE_SCOPES)


async def stored_policy(settings: SettingsStore, tenant: str, *people: str) -> Policy:
    """As much of the policy as is about calls of these people: the system's, the tenant's, theirs.

    Not that of all users: a tenant may have ten thousand, and running calls share this event loop.
    """
    system = await settings.system()
    tenants = await settings.tenants(Scope(tenant))
    routes = [r for r in await settings.rules(Scope(None)) if r.tenant in (None, tenant)]
    names = {text.removeprefix(NEW_USER).strip() for text in people} - {""}
    users = [u for name in sorted(names) for u in await settings.users(Scope(tenant, name))]
    rules = (system.rule, *(t.rule for t in tenants), *routes, *(u.rule for u in users))
    return Policy(system.record_external, rules, {t.tenant: t.options for t in tenants})


def video_promised(switches: Mapping[str, bool], name: str) -> tuple[bool, str]:
    """Whether the switch of this name, one of ``switches`` (name → whether it records video), does; for ""
    whether any does, with a note where that depends on which one the call is on."""
    if name or not switches:
        return switches.get(name, True), ""
    without = [switch for switch, able in switches.items() if not able]
    if without and len(without) < len(switches):
        return True, f"{', '.join(without)} cannot record video: name the switch for a call there"
    return not without, ""


def imagine(
    policy: Policy, tenant: str, caller: str, callee: str, through: Mapping[PolicyScope, str],
    *, video: bool = False, call_id: str = "", video_supported: bool = True,
) -> Imagined:  # fmt: skip
    """Who is a user of the tenant is inside, whoever else is an outside number, unless NEW_USER says
    that it is an extension all the same."""
    routes = tuple(Route(scope, through[scope], tenant) for scope in ROUTES if through.get(scope))
    known = {r.name for r in policy.rules if r.scope is PolicyScope.USER and r.tenant == tenant}
    first, second = (_party(known, tenant, text) for text in (caller, callee))
    return Imagined(tenant, first, second, routes, video, call_id, video_supported)


def _party(known: set[str], tenant: str, text: str) -> Party:
    user = text.removeprefix(NEW_USER).strip()
    if user and (user in known or user != text):
        return Party(Side.INTERNAL, tenant, user, user)
    return Party(Side.EXTERNAL, None, None, text)


def notes(policy: Policy, call: Imagined) -> list[str]:
    """What the call names and the settings do not know: a slip, or something new."""
    named = {(r.scope, r.name) for r in policy.rules if r.tenant in (None, call.tenant)}
    new = policy.options_of(call.tenant).new_user
    found = []
    for party in (call.caller, call.callee):
        if party.internal and party.user and (PolicyScope.USER, party.user) not in named:
            found.append(
                f"user {party.user} is not known: from its first call it has audio {new.audio}, "
                f"video {new.video}, mode {new.mode}"
            )
    found += [
        f"there is no rule of {route.scope.replace('_', ' ')} {route.name}"
        for route in call.routes
        if (route.scope, route.name) not in named
    ]
    return found
