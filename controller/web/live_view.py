"""What an account may see of the live calls. The engine shows all; nothing leaves without this."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..engine.ports import LiveCall, LiveParty
from ..engine.reading import Scope


def visible(call: LiveCall, scope: Scope) -> LiveCall | None:
    """The call as the scope may see it, or None.

    Another tenant's party is somebody outside with a number, as in the catalog; of another
    tenant's recording there is nothing.
    """
    if scope.tenant is None:
        return call
    if scope.tenant not in call.tenants:
        return None
    if scope.user is not None and not any(_is_user(p, scope.tenant, scope.user) for p in call.parties):
        return None
    return replace(
        call,
        parties=tuple(_as_seen(p, scope.tenant) for p in call.parties),
        recordings=tuple(r for r in call.recordings if r.tenant == scope.tenant),
        tenants=(scope.tenant,),
    )


def all_visible(calls: Iterable[LiveCall], scope: Scope) -> list[LiveCall]:
    """Newest first."""
    seen = (visible(call, scope) for call in calls)
    return sorted((c for c in seen if c is not None), key=lambda c: c.started_at, reverse=True)


def _is_user(party: LiveParty, tenant: str, user: str) -> bool:
    return party.side == "internal" and party.tenant == tenant and party.user == user


def _as_seen(party: LiveParty, tenant: str) -> LiveParty:
    if party.tenant in (None, tenant):
        return party
    return replace(party, leg_id="", side="external", tenant=None, user=None, name="")
