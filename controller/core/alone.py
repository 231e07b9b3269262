"""A call that began and ended while the controller was away, told from what the switch left behind.

The switch had recorded it by itself (`standby`). It is gone through once more as if we had been there, in a
desk of its own: so the same code decides as for every other call, with the policy as it is now.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from . import facts as f
from .calls import Call
from .desk import Desk
from .effects import Effects
from .policy import Policy


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """One capture that the switch began by itself; ``legs`` as in a snapshot of that moment."""

    capture: f.CaptureSeen
    began_at: datetime
    legs: dict[str, tuple[f.LegFact, ...]]

    @property
    def recording_id(self) -> str:
        return self.capture.capture_id.rpartition(".")[0]


def one_call(notes: Iterable[LeftBehind]) -> list[list[LeftBehind]]:
    """The notes of each call together: those that have a leg in common, in order of time."""
    groups: list[list[LeftBehind]] = []
    for note in sorted(notes, key=lambda n: (n.began_at, n.capture.capture_id)):
        same = [g for g in groups if any(set(other.legs) & set(note.legs) for other in g)]
        joined = [other for g in same for other in g]
        groups = [g for g in groups if g not in same] + [[*joined, note]]
    return groups


def tell(
    notes: list[LeftBehind],
    ended_at: Mapping[str, datetime],
    policy: Policy,
    new_id: Callable[[], str],
) -> Effects:
    """The finished calls of these notes, which are one call's as far as the switch has said; ``ended_at``: of
    each recording."""
    desk = Desk(new_id, policy, video_supported=False)
    told = Effects()
    known: dict[str, tuple[f.LegFact, ...]] = {}
    running: dict[str, f.CaptureSeen] = {}
    ends = {note.capture.capture_id: max(ended_at[note.recording_id], note.began_at) for note in notes}
    begun = [(note.began_at, 1, note) for note in notes]
    over = [
        (ends[note.capture.capture_id], 0 if note.began_at < ends[note.capture.capture_id] else 2, note)
        for note in notes
    ]
    for at, turn, note in sorted((*begun, *over), key=lambda each: each[:2]):
        if turn == 1:
            known |= note.legs
            running[note.capture.capture_id] = note.capture
            _add(told, desk.apply(f.SwitchSnapshot(at, known, tuple(running.values()))))
        else:
            running.pop(note.capture.capture_id, None)
            _add(told, desk.apply(f.CaptureClosed(note.capture.capture_id, at, "ended while out of touch")))
    last = max(ends.values())
    for leg_id in known:
        _add(told, desk.apply(f.LegHungUp(leg_id, last, "gone while out of touch")))
    ours = set(ends)
    for call in told.changed.values():
        _only(call, ours)
    told.commands.clear()
    return told


def _add(told: Effects, more: Effects) -> None:
    for gone in more.merged:
        told.changed.pop(gone, None)
    told.changed.update(more.changed)
    told.merged.update(more.merged)


def _only(call: Call, captures: set[str]) -> None:
    """Without what the desk would have had captured besides: nobody was there to do it."""
    for recording in call.recordings:
        recording.segments = [s for s in recording.segments if s.capture_id in captures]
    call.recordings = [r for r in call.recordings if r.segments]
