"""What was recorded before it was known that it was forbidden."""

from __future__ import annotations

from datetime import datetime

from .calls import Call, JourneyEntry
from .captures import CaptureState
from .decided import standing
from .effects import Effects
from .policy import Decision
from .recording import Recording


def take_back(call: Call, leg_id: str, at: datetime, effects: Effects) -> None:
    """Leave the recordings of a conversation that turns out to have been forbidden to destruction.

    Called when this leg's route or party became known late: the rule held from its first word, though
    we learnt of it afterwards. Each recording is held against what is decided about its own
    conversations, whatever else goes on in the call. One that holds another conversation too, an
    earlier one or one without this leg, is kept, since that one was not forbidden (see
    docs/reference/policy.md). A rule that changes in the call takes nothing back.
    """
    for recording in call.recordings:
        if recording.ended_at is not None or recording.provisional:
            continue
        forbidden = _forbidden(call, recording, leg_id)
        if forbidden is not None:
            recording.provisional = True
            recording.rule, recording.reason = forbidden.rule, forbidden.reason
            call.journey.append(JourneyEntry(at, "recording taken back", None, forbidden.reason))
            effects.announce(call, recording, "warning", Reason="it was forbidden and will be destroyed")


def _forbidden(call: Call, recording: Recording, leg_id: str) -> Decision | None:
    """What forbids all that the recording holds; None if anything in it was not forbidden."""
    found: Decision | None = None
    bridges = call.bridges()
    for segment in recording.segments:
        if segment.state is CaptureState.FAILED:
            continue  # it never held anything
        if segment.bridge_id not in bridges or leg_id not in (segment.leg_id, *segment.far):
            return None
        found = standing(call.decided, segment.bridge_id, recording.tenant, recording.kind)
        if found is None or not found.forbidden:
            return None
    return found
