"""What a request changes: pauses, starts and stops, as state; `reconcile` makes the commands."""

from __future__ import annotations

from collections.abc import Callable

from .authority import describe, find_call, tenants_concerned
from .calls import Call, CallBook, JourneyEntry
from .captures import CaptureState
from .commands import KeepCapture
from .effects import Effects
from .media_kinds import Kind, Operation, Verb
from .permission import effective_verb, may_start, mode_objection, rule_of
from .policy import Cause, Decision, Policy, Verdict, decide
from .recording import Pause, Recording
from .requests import Actor, ControlOutcome, ControlRequest, DialledCode, LegActor, Means, Refusal
from .rules import PolicyRule


def carry_out(
    book: CallBook,
    policy: Policy,
    request: ControlRequest,
    new_id: Callable[[], str],
    effects: Effects,
    *,
    video_supported: bool,
) -> tuple[Call | None, ControlOutcome]:
    """Change the state of the call that is meant, or refuse and change nothing.

    The caller reconciles the call afterwards and fills in which captures that concerns.
    """
    call = find_call(book, request)
    if isinstance(call, Refusal):
        return None, refused(request, call)
    operation = meaning(book, policy, request)
    if operation is None:
        return None, refused(request, Refusal.UNKNOWN_CODE, call.call_id)
    verb, kinds = operation.verb, operation.kinds
    rule = rule_of(policy, book, request.actor)
    if request.means is Means.RECORD_KEY:
        paused = any(r.open_pause for r in _going(call, kinds))
        verb = effective_verb(rule, verb, paused=paused)
    answer: tuple[list[Recording], str] | Refusal | None = mode_objection(rule, verb)
    if kinds == (Kind.VIDEO,) and not video_supported:
        answer = Refusal.UNSUPPORTED
    if answer is None:
        match verb:
            case Verb.PAUSE:
                answer = _pause(book, call, request, kinds, new_id, effects)
            case Verb.RESUME:
                answer = _resume(book, call, request, kinds, effects)
            case Verb.START:
                answer = _start(book, policy, call, request, kinds, rule, effects)
            case Verb.STOP:
                answer = _stop(book, policy, call, request, kinds, rule, effects)
    if isinstance(answer, Refusal):
        return None, refused(request, answer, call.call_id)
    recordings, reason = answer
    call.journey.append(
        JourneyEntry(request.at, f"{verb} asked", None, f"{describe(book, request.actor)} by {request.means}")
    )
    effects.touch(call)
    return call, ControlOutcome(
        request.request_id,
        True,
        reason,
        call_id=call.call_id,
        recording_ids=tuple(r.recording_id for r in recordings),
    )


def meaning(book: CallBook, policy: Policy, request: ControlRequest) -> Operation | None:
    """The operation that is asked for; a code dialled means what its tenant's settings say."""
    if not isinstance(request.operation, DialledCode):
        return request.operation
    return policy.options_of(_tenant(book, request.actor)).codes.get(request.operation.code)


def _tenant(book: CallBook, actor: Actor) -> str | None:
    leg = book.leg(actor.leg_id) if isinstance(actor, LegActor) else None
    return leg.party.tenant if leg else None


#: How a provisional recording's reason reads once it has been started.
_REQUESTED = Decision(
    Verdict.RECORD, Cause.REQUESTED, "recorded because it was started on request before the end"
)


def refused(request: ControlRequest, why: Refusal, call_id: str | None = None) -> ControlOutcome:
    return ControlOutcome(request.request_id, False, str(why), refusal=why, call_id=call_id)


def _going(call: Call, kinds: tuple[Kind, ...]) -> list[Recording]:
    return [r for r in call.recordings if r.kind in kinds and r.ended_at is None]


def _pausable(call: Call, kinds: tuple[Kind, ...]) -> list[Recording]:
    """Where only video is recorded its sound is in it alone, and pauses with the picture."""
    return _going(call, kinds) or (_going(call, (Kind.VIDEO,)) if Kind.AUDIO in kinds else [])


def _pause(
    book: CallBook,
    call: Call,
    request: ControlRequest,
    kinds: tuple[Kind, ...],
    new_id: Callable[[], str],
    effects: Effects,
) -> tuple[list[Recording], str] | Refusal:
    recordings = _pausable(call, kinds)
    if not recordings:
        return Refusal.NOT_RECORDED
    fresh = [r for r in recordings if r.open_pause is None]
    for recording in fresh:
        pause = Pause(new_id(), recording.kind, request.at, describe(book, request.actor), request.means)
        if recording.running is None or recording.running.state is CaptureState.PAUSED:
            # Between two conversations nothing is captured, and during an announcement it is silent.
            pause.masked_at = request.at
            effects.announce(call, recording, "paused")
        recording.pauses.append(pause)
    return recordings, "paused" if fresh else "was paused already"


def _resume(
    book: CallBook, call: Call, request: ControlRequest, kinds: tuple[Kind, ...], effects: Effects
) -> tuple[list[Recording], str] | Refusal:
    recordings = [r for r in _pausable(call, kinds) if r.open_pause is not None]
    if not recordings:
        return Refusal.NOTHING_TO_RESUME if _pausable(call, kinds) else Refusal.NOT_RECORDED
    for recording in recordings:
        pause = recording.open_pause
        assert pause is not None
        pause.ended_at = request.at
        pause.ended_by = describe(book, request.actor)
        pause.ended_means = request.means
        if recording.running is None:
            effects.announce(call, recording, "resumed")
    return recordings, "resumed"


def _start(
    book: CallBook,
    policy: Policy,
    call: Call,
    request: ControlRequest,
    kinds: tuple[Kind, ...],
    rule: PolicyRule | None,
    effects: Effects,
) -> tuple[list[Recording], str] | Refusal:
    if all(len(legs) < 2 for legs in call.bridges().values()):
        return Refusal.NOT_BRIDGED
    tenants = tenants_concerned(book, request.actor, call)
    keys = [(t, k) for t in tenants for k in kinds]
    possible = {
        (tenant, kind)
        for tenant, kind in keys
        if any(d.record for d in _decisions(policy, call, tenant, kind, requested=True))
    }
    if not possible:
        return Refusal.FORBIDDEN_BY_POLICY
    running = [r for r in _going(call, kinds) if (r.tenant, r.kind) in possible]
    allowed = {key for key in possible if may_start(rule, key[1])}
    if not allowed:
        kept = [r for r in running if not r.provisional]
        return (kept, "was recorded already") if kept else Refusal.FORBIDDEN_BY_MODE
    provisional = [r for r in running if r.provisional and (r.tenant, r.kind) in allowed]
    for recording in provisional:
        recording.provisional = False
        recording.rule, recording.reason = _REQUESTED.rule, _REQUESTED.reason
        for segment in recording.unfinished:
            effects.command(call, KeepCapture(segment.capture_id, segment.leg_id))
    call.requested |= allowed
    call.stopped -= allowed
    if provisional:
        return running, "kept from its beginning"
    return running, "was recorded already" if running else "started"


def _decisions(policy: Policy, call: Call, tenant: str, kind: Kind, *, requested: bool) -> list[Decision]:
    """What would be decided about each of the call's conversations, whatever was asked before."""
    return [
        decide(
            policy,
            kind,
            tenant,
            legs,
            call_id=call.call_id,
            video_call=any(leg.video for leg in legs),
            requested=requested,
        )
        for legs in call.bridges().values()
        if len(legs) > 1
    ]


def _stop(
    book: CallBook,
    policy: Policy,
    call: Call,
    request: ControlRequest,
    kinds: tuple[Kind, ...],
    rule: PolicyRule | None,
    effects: Effects,
) -> tuple[list[Recording], str] | Refusal:
    tenants = tenants_concerned(book, request.actor, call)
    going = [r for r in _going(call, kinds) if r.tenant in tenants]
    if not going:
        return Refusal.NOT_RECORDED
    recordings = [r for r in going if _may_stop(policy, call, r, rule)]
    if not recordings:
        return Refusal.FORBIDDEN_BY_POLICY
    for recording in recordings:
        recording.ended_at = request.at
        if recording.open_pause is not None:
            recording.open_pause.ended_at = request.at
            recording.pauses[-1].ended_by = "end of recording"
        if recording.running is None:
            effects.announce(call, recording, "ended")
        key = (recording.tenant, recording.kind)
        call.stopped.add(key)
        call.requested.discard(key)
    return recordings, "stopped"


def _may_stop(policy: Policy, call: Call, recording: Recording, rule: PolicyRule | None) -> bool:
    """Nobody stops what is required; a user not even what others than the user want recorded."""
    decisions = _decisions(policy, call, recording.tenant, recording.kind, requested=False)
    if rule is None:
        return not any(d.required for d in decisions)
    return not any(d.verdict is Verdict.RECORD for d in decisions)
