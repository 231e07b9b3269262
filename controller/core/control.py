"""What a request changes: pauses, starts and stops, as state; `reconcile` makes the commands."""

from __future__ import annotations

from collections.abc import Callable

from .authority import describe, find_call, tenants_concerned
from .calls import Call, CallBook, JourneyEntry
from .effects import Effects
from .media_kinds import Kind, Verb
from .policy import Policy, decide
from .recording import Pause, Recording
from .requests import ControlOutcome, ControlRequest, Refusal


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
    verb, kinds = request.operation.verb, request.operation.kinds
    match verb:
        case Verb.PAUSE:
            answer = _pause(book, call, request, kinds, new_id, effects)
        case Verb.RESUME:
            answer = _resume(book, call, request, kinds, effects)
        case Verb.START:
            answer = _start(book, policy, call, request, kinds, video_supported)
        case Verb.STOP:
            answer = _stop(book, call, request, kinds, effects)
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


def refused(request: ControlRequest, why: Refusal, call_id: str | None = None) -> ControlOutcome:
    return ControlOutcome(request.request_id, False, str(why), refusal=why, call_id=call_id)


def _going(call: Call, kinds: tuple[Kind, ...]) -> list[Recording]:
    return [r for r in call.recordings if r.kind in kinds and r.ended_at is None]


def _pause(
    book: CallBook,
    call: Call,
    request: ControlRequest,
    kinds: tuple[Kind, ...],
    new_id: Callable[[], str],
    effects: Effects,
) -> tuple[list[Recording], str] | Refusal:
    recordings = _going(call, kinds)
    if not recordings:
        return Refusal.NOT_RECORDED
    fresh = [r for r in recordings if r.open_pause is None]
    for recording in fresh:
        pause = Pause(new_id(), recording.kind, request.at, describe(book, request.actor), request.means)
        if recording.running is None:
            # Between two conversations nothing is captured: silent from this moment.
            pause.masked_at = request.at
            effects.announce(call, recording, "paused")
        recording.pauses.append(pause)
    return recordings, "paused" if fresh else "was paused already"


def _resume(
    book: CallBook, call: Call, request: ControlRequest, kinds: tuple[Kind, ...], effects: Effects
) -> tuple[list[Recording], str] | Refusal:
    recordings = [r for r in _going(call, kinds) if r.open_pause is not None]
    if not recordings:
        return Refusal.NOTHING_TO_RESUME if _going(call, kinds) else Refusal.NOT_RECORDED
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
    video_supported: bool,
) -> tuple[list[Recording], str] | Refusal:
    conversations = [legs for legs in call.bridges().values() if len(legs) > 1]
    if not conversations:
        return Refusal.NOT_BRIDGED
    if kinds == (Kind.VIDEO,) and not video_supported:
        return Refusal.UNSUPPORTED
    tenants = tenants_concerned(book, request.actor, call)
    keys = [(t, k) for t in tenants for k in kinds]
    possible = [
        (tenant, kind)
        for tenant, kind in keys
        if any(
            decide(
                policy,
                kind,
                tenant,
                (leg.party for leg in legs),
                video_call=any(leg.video for leg in legs),
                requested=True,
            ).record
            for legs in conversations
        )
    ]
    if not possible:
        return Refusal.FORBIDDEN_BY_POLICY
    running = [r for r in _going(call, kinds) if (r.tenant, r.kind) in possible]
    call.requested |= set(possible)
    call.stopped -= set(possible)
    return running, "was recorded already" if running else "started"


def _stop(
    book: CallBook, call: Call, request: ControlRequest, kinds: tuple[Kind, ...], effects: Effects
) -> tuple[list[Recording], str] | Refusal:
    tenants = tenants_concerned(book, request.actor, call)
    recordings = [r for r in _going(call, kinds) if r.tenant in tenants]
    if not recordings:
        return Refusal.NOT_RECORDED
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
