"""What the switch says about one capture, folded into its segment and its recording's pauses."""

from __future__ import annotations

from datetime import datetime

from . import facts as f
from .calls import Call, JourneyEntry
from .captures import TRANSITIONS, CaptureEvent, CaptureState, advance
from .commands import CloseCapture
from .effects import Effects
from .media_kinds import Kind
from .reconcile import EAGER_ATTEMPTS
from .recording import Recording, Segment

_EVENTS: dict[type, CaptureEvent] = {
    f.CaptureOpened: CaptureEvent.OPENED,
    f.CaptureRefused: CaptureEvent.REFUSED,
    f.CaptureClosed: CaptureEvent.CLOSED,
    f.CaptureCloseRefused: CaptureEvent.CLOSE_REFUSED,
    f.CaptureMasked: CaptureEvent.MASKED,
    f.CaptureMaskRefused: CaptureEvent.MASK_REFUSED,
    f.CaptureUnmasked: CaptureEvent.UNMASKED,
    f.CaptureUnmaskRefused: CaptureEvent.UNMASK_REFUSED,
}


def note(call: Call, recording: Recording, segment: Segment, fact: f.CaptureFact, effects: Effects) -> bool:
    """Take note of a fact; False, and nothing changed, if it is stale. The caller reconciles."""
    if not _advance(segment, _EVENTS[type(fact)]):
        return False
    effects.touch(call)
    match fact:
        case f.CaptureOpened():
            segment.opened_at = fact.at
            _note_unmasked(recording, fact.at)
            effects.announce(call, recording, "started", Segment=str(segment.number))
        case f.CaptureRefused():
            segment.cause = fact.reason
            _note_masked(recording, fact.at)
            effects.announce(call, recording, "failed", Reason="the switch refused the capture")
        case f.CaptureMasked():
            _note_masked(recording, fact.at)
            # Of a video it is the sound alone, the audio's pause; without a pause it is silent for an
            # announcement.
            if recording.kind is Kind.AUDIO and recording.open_pause:
                effects.announce(call, recording, "paused")
        case f.CaptureMaskRefused():
            # What cannot be silenced is ended: a pause must hold before a recording may go on.
            segment.blind = f"could not be masked: {fact.reason}"
            effects.announce(call, recording, "failed", Reason="the switch refused to mask")
        case f.CaptureUnmasked():
            if recording.kind is Kind.AUDIO and _note_unmasked(recording, fact.at):
                effects.announce(call, recording, "resumed")
        case f.CaptureUnmaskRefused():
            segment.blind = f"could not be unmasked: {fact.reason}"
        case f.CaptureCloseRefused():
            segment.close_attempts += 1
            if segment.close_attempts < EAGER_ATTEMPTS:
                send_close(call, segment, effects)
        case f.CaptureClosed():
            _note_closed(call, recording, segment, fact.at, fact.cause, effects)
    return True


def note_gone(
    call: Call, recording: Recording, segment: Segment, at: datetime, cause: str, effects: Effects
) -> None:
    """The capture is no more, though the switch has not said so itself (its leg has hung up)."""
    if _advance(segment, CaptureEvent.CLOSED):
        effects.touch(call)
        _note_closed(call, recording, segment, at, cause, effects)


def send_close(call: Call, segment: Segment, effects: Effects) -> None:
    effects.command(call, CloseCapture(segment.capture_id, segment.leg_id, segment.path))


def cut_short(call: Call, why: str, at: datetime) -> None:
    """Every capture that runs is to end: its file is not what it should be. The caller reconciles."""
    for recording in call.recordings:
        segment = recording.running
        if segment is not None and segment.state is not CaptureState.CLOSING:
            segment.blind = segment.blind or why
            call.journey.append(JourneyEntry(at, "recording interrupted", segment.leg_id, why))


def close_again(call: Call, effects: Effects) -> None:
    """Ask once more for every close that the switch has refused."""
    for recording in call.recordings:
        for segment in recording.unfinished:
            if segment.state is CaptureState.CLOSING and segment.close_attempts:
                send_close(call, segment, effects)


def _advance(segment: Segment, event: CaptureEvent) -> bool:
    if (segment.state, event) not in TRANSITIONS:
        return False
    segment.state = advance(segment.state, event)
    return True


def _note_closed(
    call: Call, recording: Recording, segment: Segment, at: datetime, cause: str, effects: Effects
) -> None:
    segment.closed_at, segment.cause = at, segment.blind or segment.cause or cause
    if _note_masked(recording, at):
        effects.announce(call, recording, "paused")
    if recording.ended_at is not None:
        effects.announce(call, recording, "ended")


def _note_masked(recording: Recording, at: datetime) -> bool:
    """The open pause has taken effect; False if it had before."""
    pause = recording.open_pause
    if pause is None or pause.masked_at is not None:
        return False
    pause.masked_at = at
    return True


def _note_unmasked(recording: Recording, at: datetime) -> bool:
    """The pause that has ended is audibly over, even if the next one has been asked for; False if there
    is none that was not over."""
    for pause in reversed(recording.pauses):
        if pause.ended_at is not None:
            fresh = pause.unmasked_at is None
            pause.unmasked_at = pause.unmasked_at or at
            return fresh
    return False
