"""Our own sounds that are to be in a recording's file, because its tenant wants them there: what was played,
when, and to whom. They are mixed in after the call (media/mixing.py); no capture hears them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from .commands import Sound

#: An announcement is in front of the recording if it began so long before it at most: a pause between the
#: two must not make a recording of silence.
LONGEST_LEAD = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Played:
    """``at`` is when the switch was told to play it, ``until`` when it was over, where that is heard of (of
    an announcement); None: it lasts as long as it is. ``legs``: who has heard it. ``file``: of an
    announcement, its name on the switch."""

    at: datetime
    sound: Sound
    legs: tuple[str, ...]
    until: datetime | None = None
    file: str = ""


def lead_of(sounds: Iterable[Played], began: datetime) -> timedelta:
    """How much earlier than its first capture, which opened when it ``began``, a recording begins with the
    announcements that were played before. Never negative."""
    early = (s.at for s in sounds if s.sound is Sound.ANNOUNCEMENT and began - LONGEST_LEAD <= s.at < began)
    return began - min(early, default=began)
