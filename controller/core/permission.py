"""What a user's recording mode lets the user do. Whose call it is, `authority` has said before."""

from __future__ import annotations

from .calls import CallBook
from .media_kinds import Kind, Verb
from .options import Answers
from .policy import Policy
from .requests import Actor, ControlRequest, LegActor, Refusal, TenantActor, UserActor
from .rules import Mode, PolicyRule, PolicyScope, Setting


def rule_of(policy: Policy, book: CallBook, actor: Actor) -> PolicyRule | None:
    """The user's own rule, a new user's where there is none yet; None for who is no user."""
    match actor:
        case UserActor(tenant=tenant, user=user):
            pass
        case LegActor(leg_id=leg_id):
            leg = book.leg(leg_id)
            if leg is None or not leg.party.tenant or not leg.party.user:
                return None
            tenant, user = leg.party.tenant, leg.party.user
        case _:
            return None
    found = policy.user(tenant, user)
    if found is None:
        new = policy.options_of(tenant).new_user
        found = PolicyRule(PolicyScope.USER, tenant, user, new.audio, new.video, mode=new.mode)
    return found


def mode_objection(rule: PolicyRule | None, verb: Verb) -> Refusal | None:
    """Why the user may not do this at all, whatever the kind; None if the mode lets it."""
    if rule is None:
        return None
    if verb is Verb.PAUSE and not rule.mode.may_pause:
        return Refusal.FORBIDDEN_BY_MODE
    if verb is Verb.STOP and not rule.mode.may_start_and_stop:
        return Refusal.FORBIDDEN_BY_MODE
    return None


def may_start(rule: PolicyRule | None, kind: Kind) -> bool:
    """A user may start what the mode leaves to the user and the setting does not leave out."""
    if rule is None:
        return True
    return rule.mode.may_start_and_stop and rule.of(kind) in (Setting.ON, Setting.REQUIRE)


def effective_verb(rule: PolicyRule | None, verb: Verb, *, paused: bool) -> Verb:
    """What a desk phone's Record key means: it knows only on and off.

    On resumes what is paused, and starts otherwise; off stops where the user's mode leaves that to
    the user, and pauses otherwise.
    """
    if verb is Verb.START:
        return Verb.RESUME if paused else Verb.START
    if rule is not None and rule.mode in (Mode.ON_DEMAND, Mode.ON_DEMAND_START):
        return Verb.STOP
    return Verb.PAUSE


def wants_answer(policy: Policy, book: CallBook, request: ControlRequest) -> bool:
    """Whether the asker of a MESSAGE gets the result back; the tenant may say never or always."""
    tenant: str | None = None
    match request.actor:
        case LegActor(leg_id=leg_id):
            leg = book.leg(leg_id)
            tenant = leg.party.tenant if leg else None
        case UserActor(tenant=tenant) | TenantActor(tenant=tenant):
            pass
        case _:
            pass
    wish = policy.options_of(tenant).message_answers
    return wish is Answers.ALWAYS or (wish is Answers.ON_REQUEST and request.reply)
