"""Who may control which call. Deny by default; the answer names the reason."""

from __future__ import annotations

from .calls import Call, CallBook, Leg
from .requests import (
    Actor,
    ControlRequest,
    LegActor,
    LegTarget,
    Refusal,
    SystemActor,
    TenantActor,
    UserActor,
)


def find_call(book: CallBook, request: ControlRequest) -> Call | Refusal:
    """The one call that the request means and its actor may control, or why there is none.

    A name that a stranger has chosen (an X-Session-Id of somebody else's call put into one's own
    INVITE) cannot shadow the real one: calls which the actor may not control do not count.
    """
    if isinstance(request.target, LegTarget):
        named = _meant_by_leg(book, request.target.leg_id)
    else:
        named = book.named(request.target.name)
    refusal = Refusal.NO_SUCH_CALL
    allowed: list[Call] = []
    for call in named:
        reason = objection(book, request.actor, call)
        if reason is None:
            allowed.append(call)
        else:
            refusal = reason
    if len(allowed) > 1:
        return Refusal.AMBIGUOUS
    return allowed[0] if allowed else refusal


def objection(book: CallBook, actor: Actor, call: Call) -> Refusal | None:
    """Why this actor may not control this call; None if it may."""
    match actor:
        case SystemActor():
            return None
        case TenantActor(tenant=tenant):
            return None if tenant in call.tenants else Refusal.NOT_YOUR_CALL
        case UserActor(tenant=tenant, user=user, address=address):
            legs = [leg for leg in call.live_legs if leg.party.is_user(tenant, user)]
            if not legs:
                return Refusal.NOT_YOUR_CALL
            if address is not None and all(leg.address != address for leg in legs):
                return Refusal.WRONG_ADDRESS
            return None
        case LegActor(leg_id=leg_id):
            leg = book.leg(leg_id)
            if leg is None:
                return Refusal.NO_SUCH_CALL
            if not leg.party.internal:
                return Refusal.EXTERNAL_PARTY
            if leg_id in call.legs or _same_user_in(call, leg):
                return None
            return Refusal.NOT_YOUR_CALL


def tenants_concerned(book: CallBook, actor: Actor, call: Call) -> list[str]:
    """For whose recordings a start or stop counts. (A pause always reaches all of the call's.)"""
    match actor:
        case SystemActor():
            return call.tenants
        case TenantActor(tenant=tenant) | UserActor(tenant=tenant):
            return [tenant]
        case LegActor(leg_id=leg_id):
            leg = book.leg(leg_id)
            return [leg.party.tenant] if leg and leg.party.tenant else []


def describe(book: CallBook, actor: Actor) -> str:
    """The actor in the journal's words; ids and numbers from authenticated sources only."""
    match actor:
        case SystemActor(name=name) | TenantActor(name=name):
            return name
        case UserActor(tenant=tenant, user=user):
            return f"{user}@{tenant}"
        case LegActor(leg_id=leg_id):
            leg = book.leg(leg_id)
            if leg is None or not leg.party.internal:
                return "external party"
            return f"{leg.party.user}@{leg.party.tenant}"


def _meant_by_leg(book: CallBook, leg_id: str) -> list[Call]:
    """The leg's own call; or, for a code dialled as a call of its own, the user's held one."""
    call = book.call_of(leg_id)
    leg = book.leg(leg_id)
    if call is None or leg is None:
        return []
    if leg.bridge_id is not None or call.recordings or not leg.party.internal:
        return [call]
    others = [c for c in book if c is not call and _same_user_in(c, leg)]
    held = [c for c in others if any(m.held for m in _legs_of_same_user(c, leg))]
    return held or others or [call]


def _same_user_in(call: Call, leg: Leg) -> bool:
    return bool(_legs_of_same_user(call, leg))


def _legs_of_same_user(call: Call, leg: Leg) -> list[Leg]:
    return [m for m in call.live_legs if m.party.is_user(leg.party.tenant, leg.party.user)]
