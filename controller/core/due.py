"""When a call must be looked at again although nothing happens on the switch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from .calls import Call
from .captures import CaptureState
from .limits import ends_at
from .media_kinds import BOTH
from .policy import Policy
from .reconcile import open_again_at
from .sounds import ANNOUNCEMENT_LIMIT, AT_ONCE, next_beep_at


class Agenda:
    """The calls about which time alone may change something, and when."""

    def __init__(self) -> None:
        self._due: dict[str, tuple[datetime, Call]] = {}

    def note(self, call: Call, policy: Policy) -> None:
        """To be told after whatever has changed the call; one that has ended, or has become part of another
        one, has nothing due."""
        due = due_at(call, policy)
        if due is not None:
            self._due[call.call_id] = due, call
        else:
            self._due.pop(call.call_id, None)

    def all_now(self, calls: Iterable[Call]) -> None:
        """No moment that was noted is to be trusted: the clock was set."""
        self._due = {call.call_id: (AT_ONCE, call) for call in calls}

    def by(self, at: datetime) -> list[Call]:
        """To be ticked, every second."""
        return [call for due, call in self._due.values() if due <= at]


def due_at(call: Call, policy: Policy) -> datetime | None:
    """When time alone may change something about this call; None: it rests until something happens.

    It may be too early, as for what is refused again and again, and is never too late: until then a tick
    changes nothing.
    """
    return None if call.ended_at is not None else min(_moments(call, policy), default=None)


def _moments(call: Call, policy: Policy) -> Iterator[datetime]:
    for leg in call.legs.values():
        for since in leg.announced.values():
            if since is not None:
                yield since + ANNOUNCEMENT_LIMIT
    for recording in call.recordings:
        if (beep := next_beep_at(recording, policy)) is not None:
            yield beep
        if (again := open_again_at(recording)) is not None:
            yield again
        if any(s.state is CaptureState.CLOSING and s.close_attempts for s in recording.segments):
            yield AT_ONCE  # the switch has refused a close
    if any(recording.open_pause for recording in call.recordings):
        for kind in BOTH:
            if (end := ends_at(call, kind, policy)) is not None:
                yield end
