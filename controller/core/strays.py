"""Captures of ours that run on the switch and that no row remembers.

The controller died between the moment in which the switch opened them and the next write. What they hold
is a recording like any other: it gets its row back, and policy goes on from there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from . import facts as f
from .calls import Call, CallBook, JourneyEntry, Leg
from .capture_facts import send_close
from .captures import CaptureEvent, CaptureState, advance
from .commands import CloseCapture, Layout
from .effects import Effects
from .media_kinds import Kind
from .options import GapStyle, PauseStyle
from .policy import Cause, Decision, Policy, Verdict
from .recording import Recording, Segment, SegmentPath, parse_segment_path, tenant_folder
from .resync import adopt
from .seats import LEFT, RIGHT
from .wanting import decide_now

#: Of a conversation that is over, or that is not to be recorded any more: why it was, nobody knows now.
_FORGOTTEN = Decision(
    Verdict.RECORD,
    Cause.RECOVERED,
    "recorded before the controller was restarted, for a reason that was not saved",
)


def adopt_strays(
    book: CallBook,
    policy: Policy,
    recordings: Mapping[str, Recording],
    strays: Sequence[f.CaptureSeen],
    at: datetime,
    new_id: Callable[[], str],
    effects: Effects,
    *,
    video_supported: bool,
) -> None:
    """Give each its segment, and its recording where that has gone as well; end what cannot be ours.

    To be called when the legs are as they are now, and before anything is decided anew. What policy
    forbids is left to destruction, and the row is its trace; whether it is provisional stands on the
    switch, since policy alone cannot know whether somebody had started it.
    """
    for seen in sorted(strays, key=_latest_first):
        call, parsed = book.call_of(seen.leg_id), parse_segment_path(seen.path)
        tenant = _owner(call, policy, parsed) if call and parsed else None
        if call is None or parsed is None or tenant is None or parsed.capture_id != seen.capture_id:
            _end(call, seen, effects)
            continue
        recording = recordings.get(parsed.recording_id)
        if recording is None:
            recording = _recording(call, policy, parsed, tenant, seen, at, video_supported=video_supported)
            if recording is None:
                _end_beside(call, parsed, tenant, seen, at, effects)
                continue
            call.recordings.append(recording)
        elif not _goes_on(recording, call, tenant, parsed):
            _end(call, seen, effects)
            continue
        segment = _segment(call, parsed, seen, at)
        recording.segments.append(segment)
        adopt(call, recording, segment, seen, at, new_id)
        call.journey.append(JourneyEntry(at, "capture adopted", seen.leg_id, recording.reason))
        effects.announce(call, recording, "started", Segment=str(segment.number))


def _latest_first(seen: f.CaptureSeen) -> tuple[int, str]:
    """Of two captures of one recording the earlier one is over: its close had been refused."""
    parsed = parse_segment_path(seen.path)
    return -(parsed.number if parsed else 0), seen.capture_id


def _end(call: Call | None, seen: f.CaptureSeen, effects: Effects) -> None:
    """Its file is on the disk, and the sweep adopts it."""
    call_id = call.call_id if call else seen.capture_id
    effects.commands.append((call_id, CloseCapture(seen.capture_id, seen.leg_id, seen.path)))


def _end_beside(
    call: Call, parsed: SegmentPath, tenant: str, seen: f.CaptureSeen, at: datetime, effects: Effects
) -> None:
    """The switch has begun by itself while the controller, which was only late, did so as well: what there
    is twice is destroyed, and its row says so."""
    segment = _segment(call, parsed, seen, at)
    segment.state = CaptureState.RECORDING
    extra = Recording(
        parsed.recording_id, call.call_id, tenant, parsed.kind, Cause.TWICE,
        "destroyed because the same conversation is in another recording", segment.requested_at,
        ended_at=at, segments=[segment], provisional=True,
    )  # fmt: skip
    call.recordings.append(extra)
    segment.state = advance(segment.state, CaptureEvent.CLOSE)
    send_close(call, segment, effects)


def _owner(call: Call, policy: Policy, parsed: SegmentPath) -> str | None:
    """The tenant whose folder it lies in; None if we know nobody by it."""
    known = [*call.tenants, *(r.tenant for r in call.recordings), *policy.options]
    known += [rule.tenant for rule in policy.rules if rule.tenant]
    return next((tenant for tenant in known if tenant_folder(tenant) == parsed.tenant_folder), None)


def _goes_on(recording: Recording, call: Call, tenant: str, parsed: SegmentPath) -> bool:
    """Whether it is the next segment of a recording of which we know the earlier ones."""
    return (
        recording.call_id == call.call_id
        and (recording.tenant, recording.kind) == (tenant, parsed.kind)
        and recording.running is None
        and all(segment.number < parsed.number for segment in recording.segments)
    )


def _recording(
    call: Call, policy: Policy, parsed: SegmentPath, tenant: str, seen: f.CaptureSeen, at: datetime, *,
    video_supported: bool,
) -> Recording | None:  # fmt: skip
    """None: an extra one, of what another capture holds."""
    legs = _conversation(call, seen.leg_id)
    decision = _FORGOTTEN
    alone = seen.note is not None and seen.note.alone
    if alone and any(_holds(r, tenant, parsed.kind, legs) for r in call.recordings):
        return None
    if len(legs) > 1:
        decision = decide_now(call, policy, tenant, parsed.kind, legs, video_supported)
    provisional = decision.verdict is Verdict.PROVISIONAL
    if alone:
        # Only the switch has decided yet, by less than we know; of one leg alone nothing can be.
        provisional = not decision.record or provisional
    else:
        if seen.note is not None:
            if provisional and not seen.note.provisional:
                # Somebody had started it; what was asked for was not saved either.
                call.requested.add((tenant, parsed.kind))
                decision = decide_now(call, policy, tenant, parsed.kind, legs, video_supported)
            provisional = seen.note.provisional
        if not decision.record and not decision.forbidden:
            decision = _FORGOTTEN
    options = policy.options_of(tenant)
    return Recording(
        parsed.recording_id, call.call_id, tenant, parsed.kind, decision.rule, decision.reason,
        seen.note.requested_at if seen.note else at,
        provisional=provisional or decision.forbidden,
        cut_pauses=options.pause_style is PauseStyle.CUT, cut_gaps=options.gap_style is GapStyle.CUT,
    )  # fmt: skip


def _holds(recording: Recording, tenant: str, kind: Kind, legs: list[Leg]) -> bool:
    """Whether the conversation of these legs is being captured into it."""
    running = recording.running
    return (
        running is not None
        and (recording.tenant, recording.kind) == (tenant, kind)
        and running.leg_id in {leg.leg_id for leg in legs}
    )


def _segment(call: Call, parsed: SegmentPath, seen: f.CaptureSeen, at: datetime) -> Segment:
    leg, note = call.legs[seen.leg_id], seen.note or f.CaptureNote(at)
    legs = _conversation(call, seen.leg_id)
    if note.layout is not Layout.MONO and not any(other.seat for other in legs):
        own, others = (LEFT, RIGHT) if note.layout is Layout.OWN_LEFT else (RIGHT, LEFT)
        for other in legs:
            other.seat = own if other is leg else others
    return Segment(
        seen.capture_id, parsed.number, seen.leg_id, leg.bridge_id or "", seen.path, parsed.kind,
        note.requested_at, CaptureState.RECORDING, note.requested_at,
        own_voice_only=note.own_voice_only, layout=note.layout,
        far=tuple(other.leg_id for other in legs if other is not leg),
    )  # fmt: skip


def _conversation(call: Call, leg_id: str) -> list[Leg]:
    leg = call.legs[leg_id]
    return call.bridges().get(leg.bridge_id or "", [leg])
