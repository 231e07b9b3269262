"""What an account may see of the live calls. The engine shows all; nothing leaves without this."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ..core.rules import PolicyScope
from ..engine.ports import LiveCall, LiveParty, LiveRecording
from ..engine.reading import Scope, Team


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
    if scope.team is not None and not _is_teams(call, scope.tenant, scope.team):
        return None
    return replace(
        call,
        parties=tuple(_as_seen(p, scope.tenant) for p in call.parties),
        recordings=tuple(_own(call, r, scope.tenant) for r in call.recordings if r.tenant == scope.tenant),
        tenants=(scope.tenant,),
        routes=tuple(r for r in call.routes if r.tenant in (None, scope.tenant)),
    )


def all_visible(calls: Iterable[LiveCall], scope: Scope) -> list[LiveCall]:
    """Newest first."""
    seen = (visible(call, scope) for call in calls)
    return sorted((c for c in seen if c is not None), key=lambda c: c.started_at, reverse=True)


def _is_user(party: LiveParty, tenant: str, user: str) -> bool:
    return party.side == "internal" and party.tenant == tenant and party.user == user


def _is_teams(call: LiveCall, tenant: str, team: Team) -> bool:
    if any(_is_user(p, tenant, p.user) and p.user in team.users for p in call.parties if p.user):
        return True
    names = {PolicyScope.QUEUE: team.queues, PolicyScope.RING_GROUP: team.ring_groups}
    return any(r.tenant in (None, tenant) and r.name in names.get(r.scope, ()) for r in call.routes)


def _own(call: LiveCall, recording: LiveRecording, tenant: str) -> LiveRecording:
    """In a call with another tenant only the own users are named, as in the catalog."""
    user, at, of = recording.paused_by.partition("@")
    if not recording.paused_by or all(t == tenant for t in call.tenants) or (user and at and of == tenant):
        return recording
    return replace(recording, paused_by="somebody else")


def _as_seen(party: LiveParty, tenant: str) -> LiveParty:
    if party.tenant in (None, tenant):
        return party
    return replace(party, leg_id="", side="external", tenant=None, user=None, name="")
