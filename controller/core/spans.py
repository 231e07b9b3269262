"""What happened in a call, as stretches and marks on its recording's own time line. Standard library only.

Pauses and captures come with their places; what the call's journey says (who talks, who is on hold)
is brought there by the recording's TimeLine, which leaves out what was cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from .timeline import TimeLine, whole_ms


class SpanKind(StrEnum):
    """``LEFT_OUT``, ``JOINED``, ``GONE`` and ``TRANSFER`` are moments: they begin and end at one place."""

    PAUSE = "pause"
    TOLD = "announcement"
    LEFT_OUT = "left_out"
    HOLD = "hold"
    GAP = "gap"
    CONFERENCE = "conference"
    TRANSFER = "transfer"
    JOINED = "joined"
    GONE = "left"


@dataclass(frozen=True, slots=True)
class RecordingSpan:
    """``who``: whom it is about, or who asked for it. ``text``: all of it in words."""

    kind: SpanKind
    from_ms: int
    to_ms: int
    who: str
    text: str


@dataclass(frozen=True, slots=True)
class Paused:
    """A pause on the recording's time line; ``to_ms`` None: to the end."""

    from_ms: int
    to_ms: int | None
    left_out_ms: int
    asked_by: str


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of the call's journey: ``talking``, ``left``, ``held``, ``unheld``, ``hung up``; others are
    passed over."""

    at: datetime
    what: str
    leg_id: str


#: A gap between two captures that is shorter is the switch's own change from one file to the next.
SHORTEST_GAP_MS = 200
#: In a transfer three are in the bridge for a moment.
SHORTEST_CONFERENCE_MS = 2000
#: Who joins so soon before or after somebody has left has taken their place.
SAME_MOVE = timedelta(seconds=3)
_ORDER = {kind: n for n, kind in enumerate(SpanKind)}


def spans_of(
    line: TimeLine,
    duration_ms: int,
    pauses: Iterable[Paused],
    captures: Sequence[tuple[int, int | None]],
    journey: Iterable[Happened],
    names: Mapping[str, str],
    told: Iterable[tuple[int, int]] = (),
) -> tuple[RecordingSpan, ...]:
    """All of them, in order. ``captures`` are (from_ms, to_ms); ``names`` are those of the legs that may
    be named, another leg is nobody's business and not told of. ``told``: (from_ms, to_ms) of each
    announcement that is in it."""
    story = _Story(line, duration_ms, names)
    found = [_pause(pause, duration_ms) for pause in pauses]
    for begin, end in sorted(set(told)):  # each party has been told, often both at once
        begin, end = max(0, begin), min(end, duration_ms)
        if begin < end:
            text = f"An announcement of the recording is heard for {_lasts(end - begin)}"
            found.append(RecordingSpan(SpanKind.TOLD, begin, end, "", text))
    happened = [h for h in sorted(journey, key=lambda h: h.at) if h.leg_id in names]
    found += story.holds(happened)
    found += story.talk(happened)
    silent = [(s.from_ms, s.to_ms) for s in found if s.kind is SpanKind.PAUSE]
    found += _gaps(captures, duration_ms, silent)
    found += _gaps_left_out(line, duration_ms)
    return tuple(sorted(found, key=lambda s: (s.from_ms, _ORDER[s.kind], s.to_ms)))


def _pause(pause: Paused, duration_ms: int) -> RecordingSpan:
    begin = min(max(0, pause.from_ms), duration_ms)
    end = duration_ms if pause.to_ms is None else min(max(begin, pause.to_ms), duration_ms)
    by = f" by {pause.asked_by}" if pause.asked_by else ""
    if pause.left_out_ms and end == begin:
        text = f"Paused{by}: {_lasts(pause.left_out_ms)} left out here"
        return RecordingSpan(SpanKind.LEFT_OUT, begin, begin, pause.asked_by, text)
    more = f", {_lasts(pause.left_out_ms)} more left out" if pause.left_out_ms else ""
    text = f"Paused{by} for {_lasts(end - begin)}{more}"
    return RecordingSpan(SpanKind.PAUSE, begin, end, pause.asked_by, text)


def _gaps(
    captures: Sequence[tuple[int, int | None]], duration_ms: int, silent: Sequence[tuple[int, int]]
) -> list[RecordingSpan]:
    """Where no capture ran and no pause was the reason: a hold, a transfer, a restart of the switch."""
    found, reached = [], None
    for begin, end in sorted(captures, key=lambda c: c[0]):
        if reached is not None and min(begin, duration_ms) - reached >= SHORTEST_GAP_MS:
            gap = reached, min(begin, duration_ms)
            if not any(b <= gap[0] + SHORTEST_GAP_MS and e >= gap[1] - SHORTEST_GAP_MS for b, e in silent):
                text = f"Nothing was captured for {_lasts(gap[1] - gap[0])}"
                found.append(RecordingSpan(SpanKind.GAP, *gap, "", text))
        reached = max(reached or 0, duration_ms if end is None else end)
    return found


def _gaps_left_out(line: TimeLine, duration_ms: int) -> list[RecordingSpan]:
    found = []
    for began, ended in line.gaps:
        at, lasted = line.ms(began), whole_ms(ended - began)
        if lasted >= SHORTEST_GAP_MS and 0 < at < duration_ms:
            text = f"Nothing was captured for {_lasts(lasted)}: left out here"
            found.append(RecordingSpan(SpanKind.LEFT_OUT, at, at, "", text))
    return found


class _Story:
    def __init__(self, line: TimeLine, duration_ms: int, names: Mapping[str, str]) -> None:
        self._line = line
        self._duration_ms = duration_ms
        self._names = names

    def _ms(self, at: datetime) -> int:
        return min(self._line.ms(at), self._duration_ms)

    def _span(self, kind: SpanKind, begin: int, end: int, who: str, text: str) -> list[RecordingSpan]:
        """Nothing of what lies before or behind the recording."""
        return [RecordingSpan(kind, begin, end, who, text)] if begin < end else []

    def holds(self, journey: Sequence[Happened]) -> list[RecordingSpan]:
        since: dict[str, int] = {}
        found: list[RecordingSpan] = []
        for h in [*journey]:
            if h.what == "held":
                since.setdefault(h.leg_id, self._ms(h.at))
            elif h.what in ("unheld", "hung up") and h.leg_id in since:
                found += self._hold(h.leg_id, since.pop(h.leg_id), self._ms(h.at))
        for leg_id, begin in since.items():
            found += self._hold(leg_id, begin, self._duration_ms)
        return found

    def _hold(self, leg_id: str, begin: int, end: int) -> list[RecordingSpan]:
        name = self._names[leg_id]
        return self._span(SpanKind.HOLD, begin, end, name, f"{name} on hold for {_lasts(end - begin)}")

    def talk(self, journey: Sequence[Happened]) -> list[RecordingSpan]:
        """Who joins and leaves once the first two talk, and when there are three and more."""
        talking: dict[str, None] = {}
        began = False
        left: list[tuple[datetime, str]] = []
        joined: list[tuple[datetime, str]] = []
        crowd: int | None = None
        found: list[RecordingSpan] = []
        for h in journey:
            if h.what == "talking" and h.leg_id not in talking:
                talking[h.leg_id] = None
                if began:
                    joined.append((h.at, h.leg_id))
                began = began or len(talking) >= 2
            elif h.what in ("left", "hung up") and h.leg_id in talking:
                del talking[h.leg_id]
                left.append((h.at, h.leg_id))
            if len(talking) >= 3:
                crowd = self._ms(h.at) if crowd is None else crowd
            elif crowd is not None:
                found += self._conference(crowd, self._ms(h.at))
                crowd = None
        if crowd is not None:
            found += self._conference(crowd, self._duration_ms)
        return found + self._moves(joined, left)

    def _conference(self, begin: int, end: int) -> list[RecordingSpan]:
        if end - begin < SHORTEST_CONFERENCE_MS:
            return []
        text = f"Three or more in the call for {_lasts(end - begin)}"
        return self._span(SpanKind.CONFERENCE, begin, end, "", text)

    def _moves(
        self, joined: list[tuple[datetime, str]], left: list[tuple[datetime, str]]
    ) -> list[RecordingSpan]:
        found = []
        gone = list(left)
        for at, leg_id in joined:
            name = self._names[leg_id]
            # Back where they were (a hold that took them out of the bridge): nobody has come.
            back = next((x for x in gone if x[1] == leg_id and x[0] <= at), None)
            if back is not None:
                gone.remove(back)
                continue
            place = next((x for x in gone if abs(x[0] - at) <= SAME_MOVE), None)
            if place is not None:
                gone.remove(place)
                before = self._names[place[1]]
                found.append(self._mark(SpanKind.TRANSFER, at, name, f"Transferred from {before} to {name}"))
            else:
                found.append(self._mark(SpanKind.JOINED, at, name, f"{name} joined"))
        for at, leg_id in gone:
            # Everybody leaves at the end; that is no news.
            if self._ms(at) < self._duration_ms - SAME_MOVE // timedelta(milliseconds=1):
                name = self._names[leg_id]
                found.append(self._mark(SpanKind.GONE, at, name, f"{name} left"))
        return found

    def _mark(self, kind: SpanKind, at: datetime, who: str, text: str) -> RecordingSpan:
        return RecordingSpan(kind, self._ms(at), self._ms(at), who, text)


def _lasts(ms: int) -> str:
    """``0:24``, ``1:02:03``; ``0.4 s`` below a second."""
    if ms < 1000:
        return f"{ms / 1000:.1f} s"
    seconds = round(ms / 1000)
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"
