"""After a (re)connection: what a snapshot of the switch changes in what we believe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from . import facts as f
from .calls import Call, CallBook, JourneyEntry, Leg
from .capture_facts import note_gone, send_close
from .captures import CaptureState
from .effects import Effects
from .media_kinds import Kind
from .reconcile import silenced
from .recording import LOST, THE_SWITCH_DIED, Pause, Recording, Segment, interrupted
from .requests import Means

#: The states in which a mask of ours may be on the capture (a close forgets what came before it).
_PERHAPS_MASKED = (
    CaptureState.MASKING,
    CaptureState.PAUSED,
    CaptureState.UNMASKING,
    CaptureState.CLOSING,
)


def adopt_captures(
    book: CallBook, snapshot: f.SwitchSnapshot, new_id: Callable[[], str], effects: Effects
) -> list[f.CaptureSeen]:
    """Set every capture that we believe in to what the snapshot says; those of nobody are returned.

    What the snapshot is unsure of stays as it is.
    """
    seen = {c.capture_id: c for c in snapshot.captures if c.capture_id not in snapshot.unsure}
    for call in book:
        for recording in call.recordings:
            for segment in recording.unfinished:
                if segment.capture_id in snapshot.unsure:
                    continue
                found = seen.pop(segment.capture_id, None)
                effects.touch(call)
                if found is not None and segment is not recording.running:
                    send_close(call, segment, effects)  # refused before; another has followed it
                elif found is not None:
                    adopt(call, recording, segment, found, snapshot.at, new_id)
                else:
                    _gone(call, recording, segment, snapshot, effects)
    return list(seen.values())


def _gone(
    call: Call, recording: Recording, segment: Segment, snapshot: f.SwitchSnapshot, effects: Effects
) -> None:
    """A capture that runs no more, and when and why it ended."""
    at, cause = snapshot.at, "ended while out of touch"
    if segment.state is CaptureState.REQUESTED and segment.opened_at is None:
        segment.state, segment.cause = CaptureState.FAILED, "not opened before the link was lost"
        return
    if snapshot.booted_at is not None and snapshot.died(segment.opened_at or segment.requested_at):
        at, cause = snapshot.booted_at, THE_SWITCH_DIED
    elif segment.leg_id in snapshot.legs and segment.state is not CaptureState.CLOSING:
        cause = LOST  # of a call that goes on: somebody, or something, has ended it
    note_gone(call, recording, segment, at, cause, effects)
    if interrupted(segment.cause):
        call.journey.append(JourneyEntry(at, "recording interrupted", segment.leg_id, segment.cause))


def leg_facts(book: CallBook, snapshot: f.SwitchSnapshot) -> list[f.LegFact]:
    """The facts that lead from what we believe of the legs to what is, in a safe order.

    Who has gone comes first, then who is new, then everything else: a leg must be known before
    another one can be bridged to it.
    """
    gone: list[f.LegFact] = []
    for leg in [leg for call in book for leg in call.live_legs]:
        now = snapshot.legs.get(leg.leg_id)
        if now is None and snapshot.booted_at is not None and snapshot.died(leg.started_at):
            gone.append(f.LegHungUp(leg.leg_id, snapshot.booted_at, THE_SWITCH_DIED))
        elif now is None:
            gone.append(f.LegHungUp(leg.leg_id, snapshot.at, "gone while out of touch"))
        else:
            gone += _no_longer(leg, now, snapshot.at)
    present = [fact for facts in snapshot.legs.values() for fact in facts]
    started = [fact for fact in present if isinstance(fact, f.LegStarted)]
    return gone + started + [fact for fact in present if not isinstance(fact, f.LegStarted)]


def _no_longer(leg: Leg, now: Sequence[f.LegFact], at: datetime) -> list[f.LegFact]:
    """What we believe of a leg and its present facts do not say: it is over."""
    over: list[f.LegFact] = []
    if leg.bridge_id is not None and not any(isinstance(x, f.BridgeEntered) for x in now):
        over.append(f.BridgeLeft(leg.leg_id, leg.bridge_id, at))
    if leg.held and not any(isinstance(x, f.LegHeld) for x in now):
        over.append(f.LegUnheld(leg.leg_id, at))
    if leg.video and not any(isinstance(x, f.LegStarted | f.LegVideoChanged) and x.video for x in now):
        over.append(f.LegVideoChanged(leg.leg_id, at, False))
    return over


def adopt(
    call: Call,
    recording: Recording,
    segment: Segment,
    seen: f.CaptureSeen,
    at: datetime,
    new_id: Callable[[], str],
) -> None:
    """Set one capture to what was seen of it."""
    segment.opened_at = segment.opened_at or at
    # The sound of a video is silent for the audio's pauses, which are another recording's.
    plain = segment.kind is Kind.AUDIO
    perhaps_masked = segment.state in _PERHAPS_MASKED
    if plain and seen.masked and recording.open_pause is None and not perhaps_masked:
        # The switch was told to be silent and we have forgotten why: silence it stays, until
        # somebody asks for the resume.
        recording.pauses.append(
            Pause(
                new_id(),
                recording.kind,
                at,
                "unknown",
                Means.RECOVERY,
                masked_at=at,
            )
        )
    masked = seen.masked
    if masked is None:
        # Masking and unmasking twice is harmless, so where the switch cannot say, what should be is
        # told it again: a lost unmask would leave a recording silent to its end. Without a pause a mask is
        # an announcement's, and what is being closed has forgotten it.
        closing = segment.state is CaptureState.CLOSING and plain and not recording.pauses
        masked = perhaps_masked and not closing and not silenced(call, segment.kind)
    segment.state = CaptureState.PAUSED if masked else CaptureState.RECORDING
