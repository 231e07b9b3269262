"""What was recorded before it was known that it was forbidden."""

from __future__ import annotations

from datetime import datetime

from .calls import Call, JourneyEntry
from .effects import Effects
from .policy import Decision


def take_back(call: Call, at: datetime, effects: Effects) -> None:
    """Leave the recordings of a conversation that turns out to have been forbidden to destruction.

    Called when a leg's route or party became known late: the rule held from the first word, though
    we learnt of it afterwards. Recordings that hold another conversation too are kept, since that one
    was not forbidden (see docs/reference/policy.md). A rule that changes in the call takes nothing back.
    """
    bridges = call.bridges()
    for recording in call.recordings:
        decision: Decision | None = call.decisions.get((recording.tenant, recording.kind))
        if decision is None or not decision.forbidden or recording.ended_at is not None:
            continue
        held = {segment.bridge_id for segment in recording.segments}
        if held <= set(bridges) and not recording.provisional:
            recording.provisional = True
            recording.rule, recording.reason = decision.rule, decision.reason
            call.journey.append(JourneyEntry(at, "recording taken back", None, decision.reason))
            effects.announce(call, recording, "warning", Reason="it was forbidden and will be destroyed")
