"""An imagined call out of what somebody typed, and the stored policy that it is put to."""

from __future__ import annotations

from collections.abc import Mapping

from ..core.parties import Party, Side
from ..core.policy import Policy
from ..core.rules import ROUTE_SCOPES, PolicyScope, Route
from ..engine.reading import Scope, SettingsStore
from .explaining import Imagined

#: In the order in which people read them.
ROUTES = tuple(scope for scope in PolicyScope if scope in ROUTE_SCOPES)


async def stored_policy(settings: SettingsStore, tenant: str) -> Policy:
    """As much of the policy as is about one tenant's calls: its own, and the system's."""
    system = await settings.system()
    tenants = await settings.tenants(Scope(tenant))
    users = await settings.users(Scope(tenant))
    routes = [r for r in await settings.rules(Scope(None)) if r.tenant in (None, tenant)]
    rules = (system.rule, *(t.rule for t in tenants), *routes, *(u.rule for u in users))
    return Policy(system.record_external, rules, {t.tenant: t.options for t in tenants})


def imagine(
    policy: Policy, tenant: str, caller: str, callee: str, through: Mapping[PolicyScope, str],
    *, video: bool = False, call_id: str = "",
) -> Imagined:  # fmt: skip
    """Who is a user of the tenant is inside, whoever else is an outside number."""
    routes = tuple(Route(scope, through[scope], tenant) for scope in ROUTES if through.get(scope))
    return Imagined(
        tenant, _party(policy, tenant, caller), _party(policy, tenant, callee), routes, video, call_id
    )


def _party(policy: Policy, tenant: str, text: str) -> Party:
    if policy.user(tenant, text) is not None:
        return Party(Side.INTERNAL, tenant, text, text)
    return Party(Side.EXTERNAL, None, None, text)
