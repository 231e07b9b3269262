"""A call drawn as one time line: a lane for each leg, one for each recording, transfers between them.

Drawn as SVG with positions in percent and no style, so that it needs neither JavaScript nor an exception
from the content security policy, stays sharp at any width, and is read out stretch by stretch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ...core.spans import SAME_MOVE
from ...engine.reading import CallDetail, JourneyRow, LegRow, RecordingDetail
from ..language import _, tr
from .causes import cause
from .words import duration, who

LANE = 60
#: Above the lanes, for the times.
HEAD = 24
#: Where in a lane its bar lies.
BAR_Y, BAR = 30, 22
#: A stretch that is narrower has no room for its name.
NAMED = 9.0
#: What happened so little before the first sound is heard from its begin.
_JUST_BEFORE = timedelta(seconds=1)
_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200)


Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Stretch:
    """``x`` and ``width`` in percent of the call; ``href`` leads into the player at its begin."""

    kind: str
    name: str
    text: str
    from_ms: int
    to_ms: int
    x: float
    width: float
    href: str = ""

    @property
    def named(self) -> bool:
        return self.width >= NAMED


@dataclass(slots=True)
class Lane:
    """A leg's (``leg``) or a recording's (``recording``) lane; ``y`` is its top."""

    y: int
    leg: LegRow | None = None
    recording: RecordingDetail | None = None
    ending: str = ""
    stretches: list[Stretch] = field(default_factory=list)

    @property
    def bar_y(self) -> int:
        return self.y + BAR_Y


@dataclass(frozen=True, slots=True)
class Transfer:
    x: float
    y1: int
    y2: int
    text: str


@dataclass(frozen=True, slots=True)
class Tick:
    x: float
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    lanes: tuple[Lane, ...]
    transfers: tuple[Transfer, ...]
    ticks: tuple[Tick, ...]
    length_ms: int

    @property
    def height(self) -> int:
        return HEAD + LANE * len(self.lanes)

    @property
    def kinds(self) -> list[str]:
        """For the legend: what there is, in a fixed order."""
        there = {s.kind for lane in self.lanes for s in lane.stretches} | (
            {"transfer"} if self.transfers else set()
        )
        return [k for k in ("ring", "wait", "talk", "hold", "transfer", "taken", "pause") if k in there]


class Ruler:
    """From moments of the call to places on it. ``recordings`` that can be played give the links."""

    def __init__(self, began: datetime, ended: datetime, recordings: Sequence[RecordingDetail]) -> None:
        self.began, self.ended = began, max(ended, began + timedelta(milliseconds=1))
        self.length_ms = max(1, self.ms(self.ended))
        self._recordings = [r for r in recordings if r.playable and r.line and not r.row.trace]

    def ms(self, at: datetime) -> int:
        return max(0, round((min(max(at, self.began), self.ended) - self.began) / timedelta(milliseconds=1)))

    def percent(self, ms: int) -> float:
        return round(100 * ms / self.length_ms, 3)

    def stretch(self, kind: str, name: str, text: str, begin: datetime, end: datetime) -> Stretch:
        a, b = self.ms(begin), self.ms(end)
        said = _(
            "%(what)s, %(since)s to %(until)s (%(lasts)s)",
            what=text, since=duration(a), until=duration(b), lasts=duration(b - a),
        )  # fmt: skip
        return Stretch(
            kind, name, said, a, b,
            self.percent(a), round(self.percent(b) - self.percent(a), 3), self.href(begin, end),
        )  # fmt: skip

    def href(self, begin: datetime, end: datetime | None = None) -> str:
        """Into the player: at this moment, or, of a stretch, at the first that was recorded of it."""
        for recording in self._recordings:
            row, zero = recording.row, recording.line.zero if recording.line else recording.row.started_at
            first = begin if end is None else max(begin, zero)
            if zero - _JUST_BEFORE <= first <= min(row.ended_at or self.ended, end or self.ended):
                return f"/recordings/{row.recording_id}#t={self.in_recording(recording, first)}"
        return ""

    @staticmethod
    def in_recording(recording: RecordingDetail, at: datetime) -> int:
        assert recording.line is not None
        return recording.line.ms(at)


def draw(detail: CallDetail, recordings: Sequence[RecordingDetail], now: datetime) -> Drawing:
    """``recordings``: the details of those of the call's recordings that are not deleted."""
    row = detail.row
    ruler = Ruler(row.started_at, row.ended_at or now, recordings)
    lanes: list[Lane] = []
    talks = _talks(detail, ruler)
    for leg in detail.legs:
        lanes.append(_leg_lane(HEAD + LANE * len(lanes), leg, talks[leg.leg_id], detail.journey, ruler))
    for recording in recordings:
        lanes.append(_recording_lane(HEAD + LANE * len(lanes), recording, ruler))
    return Drawing(
        tuple(lanes), tuple(_transfers(detail, lanes, ruler)), tuple(_ticks(ruler)), ruler.length_ms
    )


def _talks(detail: CallDetail, ruler: Ruler) -> dict[str, list[Span]]:
    """When each leg talked to somebody: whoever is left alone in a bridge waits. Where not everybody is
    shown, nobody can tell who is alone."""
    found = {}
    for leg in detail.legs:
        mine = [j for j in detail.journey if j.leg_id == leg.leg_id]
        found[leg.leg_id] = _between(mine, {"talking"}, {"left", "hung up"}, leg.ended_at or ruler.ended)
    if len(detail.legs) < len(detail.row.parties):
        return found
    return {
        leg_id: _common(spans, [s for other, them in found.items() if other != leg_id for s in them])
        for leg_id, spans in found.items()
    }


def _common(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """The parts of ``spans`` in which one of the others is there, too."""
    found: list[Span] = []
    for begin, end in spans:
        for a, b in sorted((max(begin, a), min(end, b)) for a, b in others if a < end and begin < b):
            if found and a <= found[-1][1]:
                found[-1] = found[-1][0], max(b, found[-1][1])
            else:
                found.append((a, b))
    return found


def _leg_lane(
    y: int, leg: LegRow, talks: Sequence[Span], journey: Iterable[JourneyRow], ruler: Ruler
) -> Lane:
    name, end = who(leg.party), leg.ended_at or ruler.ended
    mine = [j for j in journey if j.leg_id == leg.leg_id]
    lane = Lane(y, leg=leg, ending=cause(leg.cause) if leg.ended_at and leg.cause else "")
    said = _("%(name)s calls", name=name) if leg.party.calling else _("%(name)s rings", name=name)
    lane.stretches.append(ruler.stretch("ring", _("ringing"), said, leg.started_at, leg.answered_at or end))
    if leg.answered_at is None:
        return lane
    holds = _between(mine, {"held"}, {"unheld", "hung up"}, end)
    reached = leg.answered_at
    for begin, until in talks:
        if begin - reached > timedelta(milliseconds=500):
            lane.stretches.append(
                ruler.stretch("wait", _("waiting"), _("%(name)s waits", name=name), reached, begin)
            )
        lane.stretches.append(
            ruler.stretch("talk", _("talking"), _("%(name)s talks", name=name), begin, until)
        )
        reached = until
    if end - reached > timedelta(milliseconds=500):
        lane.stretches.append(
            ruler.stretch("wait", _("waiting"), _("%(name)s waits", name=name), reached, end)
        )
    lane.stretches += [
        ruler.stretch("hold", _("on hold"), _("%(name)s on hold", name=name), b, e) for b, e in holds
    ]
    return lane


def _between(events: Iterable[JourneyRow], begins: set[str], ends: set[str], last: datetime) -> list[Span]:
    found, since = [], None
    for event in sorted(events, key=lambda e: e.at):
        if event.what in begins and since is None:
            since = event.at
        elif event.what in ends and since is not None:
            found.append((since, event.at))
            since = None
    return found + ([(since, last)] if since is not None and since < last else [])


def _recording_lane(y: int, recording: RecordingDetail, ruler: Ruler) -> Lane:
    lane, end = Lane(y, recording=recording), recording.row.ended_at or ruler.ended
    kind = tr(str(recording.row.kind))
    for segment in recording.segments:
        if segment.opened_at is not None:
            what = _("%(kind)s captured", kind=kind)
            if segment.channels:
                names = ", ".join(segment.channels)
                what = _("%(kind)s captured on %(channels)s", kind=kind, channels=names)
            lane.stretches.append(
                ruler.stretch("taken", _("recorded"), what, segment.opened_at, segment.closed_at or end)
            )
    for pause in recording.pauses:
        until = pause.unmasked_at or pause.ended_at or end
        said = _("%(kind)s paused", kind=kind)
        if pause.asked_by:
            said = _("%(kind)s paused by %(who)s", kind=kind, who=pause.asked_by)
        lane.stretches.append(
            ruler.stretch("pause", _("paused"), said, pause.masked_at or pause.asked_at, until)
        )
    return lane


def _transfers(detail: CallDetail, lanes: Sequence[Lane], ruler: Ruler) -> Iterable[Transfer]:
    """Who begins to talk when somebody who talked has left for good has taken their place."""
    by_leg = {lane.leg.leg_id: lane for lane in lanes if lane.leg}
    talks: dict[str, tuple[datetime, datetime]] = {}
    for leg_id, lane in by_leg.items():
        assert lane.leg is not None
        mine = [j for j in detail.journey if j.leg_id == leg_id]
        spans = _between(mine, {"talking"}, {"left", "hung up"}, lane.leg.ended_at or ruler.ended)
        if spans:
            talks[leg_id] = spans[0][0], spans[-1][1]
    first = min((begin for begin, _end in talks.values()), default=None)
    taken: set[str] = set()
    for leg_id, (begin, _end) in sorted(talks.items(), key=lambda item: item[1]):
        if first is None or begin - first <= SAME_MOVE:
            continue
        left = [
            (abs(end - begin), other)
            for other, (since, end) in talks.items()
            if other != leg_id and other not in taken and since < begin and abs(end - begin) <= SAME_MOVE
        ]
        if not left:
            continue
        gone = min(left)[1]
        taken.add(gone)
        a, b = by_leg[gone], by_leg[leg_id]
        assert a.leg is not None
        assert b.leg is not None
        text = _(
            "Transferred from %(before)s to %(name)s at %(time)s", before=who(a.leg.party),
            name=who(b.leg.party), time=duration(ruler.ms(begin)),
        )  # fmt: skip
        down = b.y > a.y
        yield Transfer(
            ruler.percent(ruler.ms(begin)),
            a.bar_y + (BAR if down else 0),
            b.bar_y + (0 if down else BAR),
            text,
        )


def _ticks(ruler: Ruler) -> Iterable[Tick]:
    seconds = ruler.length_ms / 1000
    step = next((s for s in _STEPS if seconds / s <= 6), _STEPS[-1])
    for at in range(0, int(seconds) + 1, step):
        x = ruler.percent(at * 1000)
        if x <= 96:
            yield Tick(x, duration(at * 1000))
