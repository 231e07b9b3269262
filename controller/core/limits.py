"""The longest pause: a pause that somebody forgot ends by itself."""

from __future__ import annotations

from datetime import datetime, timedelta

from .calls import Call, CallBook, JourneyEntry
from .effects import Effects
from .media_kinds import BOTH, Kind
from .policy import Policy
from .recording import Recording
from .requests import Means


def end_long_pauses(call: Call, policy: Policy, at: datetime, effects: Effects) -> bool:
    """End every pause that has lasted as long as its tenant allows; True if there was one.

    A pause reaches all recordings of the call, so it ends for all of them together: at the
    longest limit of the tenants concerned, and never where one of them sets none.
    """
    ended = False
    for kind in BOTH:
        paused = [r for r in call.recordings if r.kind is kind and r.open_pause is not None]
        limits = [policy.options_of(r.tenant).longest_pause_s for r in paused]
        if not paused or not all(limits):
            continue
        limit = timedelta(seconds=max(limits))
        if all(r.pauses[-1].lasts(at) >= limit for r in paused):
            for recording in paused:
                _end(call, recording, max(limits), at, effects)
            ended = True
    return ended


def allow_for_clock(book: CallBook, by: timedelta) -> Effects:
    """The clock was set by so much while these pauses were on."""
    effects = Effects()
    for call in book:
        for recording in call.recordings:
            if recording.open_pause is not None:
                recording.open_pause.clock_set += by
                effects.touch(call)
    return effects


def ends_at(call: Call, kind: Kind, policy: Policy) -> datetime | None:
    """When the running pause of this kind ends by itself (see `end_long_pauses`); None: never, or there is
    none."""
    paused = [r for r in call.recordings if r.kind is kind and r.open_pause is not None]
    limits = [policy.options_of(r.tenant).longest_pause_s for r in paused]
    if not paused or not all(limits):
        return None
    return max(r.pauses[-1].asked_at + r.pauses[-1].clock_set for r in paused) + timedelta(
        seconds=max(limits)
    )


def _end(call: Call, recording: Recording, limit_s: int, at: datetime, effects: Effects) -> None:
    pause = recording.pauses[-1]
    pause.ended_at, pause.ended_means = at, Means.LIMIT
    pause.ended_by = f"the longest pause of {limit_s} s"
    call.journey.append(JourneyEntry(at, "pause ended by its limit", None, f"{recording.kind}, {limit_s} s"))
    effects.announce(
        call, recording, "warning", Reason="the longest pause was over and the recording was resumed"
    )
    if recording.running is None:
        effects.announce(call, recording, "resumed")
