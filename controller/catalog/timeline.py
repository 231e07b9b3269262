"""Where pauses lie: in wall time, and on a recording's own time line."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from ..engine.reading import PauseRow
from .graphs import milliseconds


def silenced(pause: Any) -> tuple[datetime, datetime | None]:
    """A pause's span in wall time, from its row. None: to the end of the recording.

    It begins when the last capture confirmed it, or, unconfirmed, when it was asked for. It ends
    when sound came back; a pause that the end of the call ended lasted to the end.
    """
    end = pause.unmasked_at
    if end is None and pause.ended_means is not None:
        end = pause.ended_at
    return pause.masked_at or pause.asked_at, end


def origin(recording: Any, segments: Iterable[Any]) -> datetime:
    """The zero of a recording's time line: when its first capture opened."""
    start: datetime = recording.started_at
    return min((s.opened_at for s in segments if s.opened_at), default=start)


def pause_row(pause: Any, zero: datetime, asked_by: str, ended_by: str) -> PauseRow:
    begin, end = silenced(pause)
    return PauseRow(
        pause_id=pause.pause_id,
        asked_at=pause.asked_at,
        asked_by=asked_by,
        means=pause.means,
        masked_at=pause.masked_at,
        ended_at=pause.ended_at,
        ended_by=ended_by,
        ended_means=pause.ended_means,
        unmasked_at=pause.unmasked_at,
        from_ms=milliseconds(zero, begin),
        to_ms=None if end is None else milliseconds(zero, end),
    )
