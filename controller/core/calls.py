"""Calls, legs and bridges folded from facts. Our call id is the key; all else is an alias."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

from .decided import Decided, latest
from .media_kinds import Kind
from .parties import Party
from .policy import Decision
from .recording import Recording
from .rules import Route


@dataclass(slots=True)
class Leg:
    """One party's connection to the switch.

    ``seat`` is its channel in a stereo recording, ``left`` or ``right``, once it has one.
    ``announced``: for each tenant whose announcement it is to hear, since when it plays, or None
    when that is over. ``pipe``: of a half-leg, what it shares with its other half (see
    `facts.LegStarted`); the switch tells it anew after each connection.
    """

    leg_id: str
    party: Party
    started_at: datetime
    calling: bool
    dialled: str = ""
    address: str | None = None
    video: bool = False
    recordable: bool = True
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    cause: str = ""
    held: bool = False
    bridge_id: str | None = None
    aliases: set[str] = field(default_factory=set)
    routes: tuple[Route, ...] = ()
    seat: str = ""
    announced: dict[str, datetime | None] = field(default_factory=dict)
    addressable: bool = True
    pipe: str = ""

    @property
    def commanded(self) -> bool:
        """Whether the switch may be told to do something with it: record it, play to it, bind codes."""
        return self.recordable and self.addressable

    @property
    def live(self) -> bool:
        return self.ended_at is None


@dataclass(frozen=True, slots=True)
class JourneyEntry:
    """One thing that happened in a call, for people to read in the CDR."""

    at: datetime
    what: str
    leg_id: str | None = None
    detail: str = ""


@dataclass(slots=True)
class Call:
    """Everybody who has talked to each other, from the first leg to the last hang-up.

    ``requested`` and ``stopped`` hold (tenant, kind) for which somebody asked for a start or a
    stop. ``decided`` keeps every change of a decision, the negative ones too, in order of time.
    """

    call_id: str
    started_at: datetime
    legs: dict[str, Leg] = field(default_factory=dict)
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    recordings: list[Recording] = field(default_factory=list)
    decided: list[Decided] = field(default_factory=list)
    requested: set[tuple[str, str]] = field(default_factory=set)
    stopped: set[tuple[str, str]] = field(default_factory=set)
    journey: list[JourneyEntry] = field(default_factory=list)
    aliases: set[str] = field(default_factory=set)

    @property
    def live_legs(self) -> list[Leg]:
        return [leg for leg in self.legs.values() if leg.live]

    @property
    def decisions(self) -> dict[tuple[str, Kind], Decision]:
        """The latest decision for each tenant and kind."""
        return latest(self.decided)

    @property
    def tenants(self) -> list[str]:
        """Every tenant that has (had) a party in the call, in order of appearance."""
        return list(dict.fromkeys(leg.party.tenant for leg in self.legs.values() if leg.party.tenant))

    def bridges(self) -> dict[str, list[Leg]]:
        """bridge id → its live legs, eldest first. Who hears each other through half-legs is in one,
        under the id that a capture goes by already, if any does."""
        found: dict[str, list[Leg]] = {}
        halves: dict[str, set[str]] = {}
        for leg in self.live_legs:
            if leg.bridge_id is not None:
                found.setdefault(leg.bridge_id, []).append(leg)
                if leg.pipe:
                    halves.setdefault(leg.pipe, set()).add(leg.bridge_id)
        joined = {pipe: ends for pipe, ends in halves.items() if len(ends) > 1}
        return self._through(found, joined) if joined else found

    def _through(self, found: dict[str, list[Leg]], joined: dict[str, set[str]]) -> dict[str, list[Leg]]:
        """The half-legs between are nobody: they are left out."""
        groups: list[set[str]] = []
        for ends in joined.values():
            touching = [group for group in groups if group & ends]
            groups = [group for group in groups if not group & ends] + [ends.union(*touching)]
        captured = {r.running.bridge_id for r in self.recordings if r.running}
        for group in groups:
            legs = [leg for leg in self.live_legs if leg.bridge_id in group and leg.pipe not in joined]
            name = min(group & captured, default=min(group))
            for bridge_id in group:
                del found[bridge_id]
            found[name] = legs
        return found


class CallBook:
    """All live calls of one switch, found by any name. Knows legs and calls, decides nothing."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self._leg_call: dict[str, str] = {}
        self._names: dict[str, set[str]] = {}

    def __iter__(self) -> Iterator[Call]:
        return iter(list(self.calls.values()))

    def call_of(self, leg_id: str) -> Call | None:
        call_id = self._leg_call.get(leg_id)
        return self.calls.get(call_id) if call_id else None

    def leg(self, leg_id: str) -> Leg | None:
        call = self.call_of(leg_id)
        return call.legs.get(leg_id) if call else None

    def named(self, name: str) -> list[Call]:
        """Every live call that goes by this name: call id, leg id, or any alias."""
        ids = set(self._names.get(name, ()))
        if name in self.calls:
            ids.add(name)
        if name in self._leg_call:
            ids.add(self._leg_call[name])
        return [self.calls[i] for i in sorted(ids) if i in self.calls]

    def add(self, call: Call) -> None:
        """Take over a whole call (a new one, or one that recovery has loaded)."""
        self.calls[call.call_id] = call
        for leg in call.legs.values():
            self._leg_call[leg.leg_id] = call.call_id
            self._index(call, leg.aliases)
        self._index(call, call.aliases)

    def add_leg(self, call: Call, leg: Leg) -> None:
        call.legs[leg.leg_id] = leg
        self._leg_call[leg.leg_id] = call.call_id
        self._index(call, leg.aliases)

    def add_aliases(self, call: Call, leg: Leg, aliases: Iterable[str]) -> None:
        new = {a for a in aliases if a}
        leg.aliases |= new
        self._index(call, new)

    def merge(self, one: Call, other: Call) -> tuple[Call, Call]:
        """Make one call of two that turn out to be the same: (the elder, what is left of the younger).

        The elder keeps its id and takes everything; the younger's id stays valid as an alias.
        """
        keep, gone = sorted((one, other), key=lambda c: (c.started_at, c.call_id))
        for leg in gone.legs.values():
            self.add_leg(keep, leg)
        keep.recordings += gone.recordings
        for recording in gone.recordings:
            recording.call_id = keep.call_id
        keep.requested |= gone.requested
        # A stop was said about its own conversation: one said in the consultation does not end the
        # recording of the main call.
        keep.decided = sorted(keep.decided + gone.decided, key=lambda d: d.at)
        keep.journey = sorted(keep.journey + gone.journey, key=lambda e: e.at)
        answered = [c.answered_at for c in (keep, gone) if c.answered_at]
        keep.answered_at = min(answered, default=None)
        keep.aliases |= gone.aliases | {gone.call_id}
        for name in set().union(gone.aliases, *(leg.aliases for leg in gone.legs.values())):
            self._names.get(name, set()).discard(gone.call_id)
        self._index(keep, keep.aliases)
        del self.calls[gone.call_id]
        gone.legs, gone.recordings = {}, []
        return keep, gone

    def remove(self, call: Call) -> None:
        self.calls.pop(call.call_id, None)
        names = set(call.aliases)
        for leg in call.legs.values():
            self._leg_call.pop(leg.leg_id, None)
            names |= leg.aliases
        for name in names:
            ids = self._names.get(name)
            if ids is not None:
                ids.discard(call.call_id)
                if not ids:
                    del self._names[name]

    def _index(self, call: Call, names: Iterable[str]) -> None:
        for name in names:
            self._names.setdefault(name, set()).add(call.call_id)
