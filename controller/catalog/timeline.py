"""Where pauses and captures lie: in wall time, and on the time line of the file that is played."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from ..core.media_kinds import Kind
from ..core.own_sounds import Played, lead_of
from ..core.timeline import Span, TimeLine, gaps_left_out, left_out, whole_ms
from ..engine.media_ports import FileRole
from ..engine.reading import PauseRow


def milliseconds(begin: datetime | None, end: datetime | None) -> int:
    """Between two moments, never negative; 0 while one of them is not known."""
    if begin is None or end is None:
        return 0
    return whole_ms(end - begin)


def silenced(pause: Any) -> tuple[datetime, datetime | None]:
    """A pause's span in wall time, from its row. None: to the end of the recording.

    It begins when the last capture confirmed it, or, unconfirmed, when it was asked for. It ends
    when sound came back; a pause that the end of the call ended lasted to the end.
    """
    end = pause.unmasked_at
    if end is None and pause.ended_means is not None:
        end = pause.ended_at
    return pause.masked_at or pause.asked_at, end


def cuts_of(recording: Any, segments: Iterable[Any], pauses: Iterable[Any]) -> tuple[Span, ...]:
    """The spans of wall time that the rendition does not have, from rows or from the core's objects.

    The same as media/render.py leaves out, and what a last pause has kept from the end of it.
    """
    if not recording.cut_pauses:
        return ()
    captures = [(s.opened_at, s.closed_at) for s in segments]
    if recording.ended_at is not None:
        captures.append((recording.ended_at, recording.ended_at))
    return left_out(captures, [silenced(p) for p in pauses])


def gaps_of(recording: Any, segments: Iterable[Any], pauses: Iterable[Any]) -> tuple[Span, ...]:
    """The other spans that it does not have: nothing was captured, and no pause was the reason."""
    if not recording.cut_gaps:
        return ()
    return gaps_left_out([(s.opened_at, s.closed_at) for s in segments], [silenced(p) for p in pauses])


def timeline_of(
    recording: Any,
    segments: Sequence[Any],
    pauses: Sequence[Any],
    files: Sequence[Any],
    announcements: Iterable[Played] = (),
) -> TimeLine:
    """All from rows, the segments in order. ``files``: those of the recording that there are;
    ``announcements``: those that are to be in it, with which it may begin (media/mixing.py)."""
    cuts, gaps = cuts_of(recording, segments, pauses), gaps_of(recording, segments, pauses)
    zero = zero_of(recording, segments, files)
    return TimeLine(zero - lead_of(announcements, zero), cuts, gaps)


def zero_of(recording: Any, segments: Sequence[Any], files: Sequence[Any]) -> datetime:
    """When the rendition's first sound was captured; before there is one, when the first capture opened.

    As media/join.py lays it out: a capture without a file, or with one that cannot be read, is not in it.
    """
    readable = {
        f.number: f for f in files if f.role == FileRole.SEGMENT and not f.note.startswith("unreadable: ")
    }
    before = timedelta()
    began: datetime
    for segment in segments:
        file = readable.get(segment.number)
        if file is None:
            continue
        length = timedelta(milliseconds=file.duration_ms)
        if segment.opened_at is not None:
            whole = any(f.role == FileRole.RENDITION and f.sha256 == file.sha256 for f in files)
            if recording.kind == Kind.VIDEO and whole and segment.closed_at is not None:
                # The switch's own bytes: they lack their start, to the first key frame (media/film.py).
                began = max(segment.opened_at, segment.closed_at - length)
                return began
            began = segment.opened_at
            return began - before
        if segment.closed_at is not None:
            began = segment.closed_at - length
            return began - before
        before += length
    start: datetime = recording.started_at
    return min((s.opened_at for s in segments if s.opened_at), default=start)


def pause_row(recording: Any, pause: Any, line: TimeLine, asked_by: str, ended_by: str) -> PauseRow:
    begin, end = silenced(pause)
    if end is not None:
        end = max(begin, end)  # the clock may have been set back meanwhile
    until = end or recording.ended_at
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
        from_ms=line.ms(begin),
        to_ms=None if end is None else line.ms(end),
        left_out_ms=0 if until is None else line.missing_ms(begin, until),
    )
