"""What happened on a switch, in the past tense. Adapters make facts; nothing above them does.

Every ``at`` is an aware UTC datetime: the switch's own time stamp where it gives one, otherwise
the moment of arrival. A fact may come late, twice or not at all; the fold tolerates all three.
Leg ids are the switch's own and unique within it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from .commands import Layout
from .parties import Party
from .rules import Route


@dataclass(frozen=True, slots=True)
class LegStarted:
    """A leg came into being.

    ``calling`` is true for the leg that called the switch, false for one that the switch called.
    ``origin`` names the leg on whose behalf it was made. ``aliases`` are other names by which
    people may address it: the SIP Call-ID, the X-Session-Id. ``address`` is where its signalling
    comes from (``ip``), to hold an out-of-dialog MESSAGE against. ``recordable`` is false for a
    switch's internal half-legs (Asterisk's Local/), which never carry a capture; the two that are one
    pipe, what goes into the one comes out of the other, have the same ``pipe``. ``addressable`` is false
    for a party's leg that no command can name. ``routes``: the queues, groups, receptionists and rules
    that it is known to have come through.
    """

    leg_id: str
    at: datetime
    party: Party
    calling: bool = True
    origin: str | None = None
    aliases: tuple[str, ...] = ()
    dialled: str = ""
    address: str | None = None
    video: bool = False
    recordable: bool = True
    routes: tuple[Route, ...] = ()
    addressable: bool = True
    pipe: str = ""


@dataclass(frozen=True, slots=True)
class LegRouted:
    """The leg came through these as well; what was said before stays."""

    leg_id: str
    at: datetime
    routes: tuple[Route, ...]


@dataclass(frozen=True, slots=True)
class LegIdentified:
    """More became known of a leg: its party, other names, the leg that it came from, its address.

    ``replaced``: somebody else is on it from now on, since the switch sent the call on to another address
    on the same leg. Without it a user who has signed in stays the party.
    """

    leg_id: str
    at: datetime
    party: Party | None = None
    aliases: tuple[str, ...] = ()
    origin: str | None = None
    address: str | None = None
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class LegAnswered:
    leg_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LegVideoChanged:
    leg_id: str
    at: datetime
    video: bool


@dataclass(frozen=True, slots=True)
class BridgeEntered:
    """The leg hears the others in this bridge from now on. Leaves any other bridge by itself."""

    leg_id: str
    bridge_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class BridgeLeft:
    leg_id: str
    bridge_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LegHeld:
    leg_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LegUnheld:
    leg_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class LegHungUp:
    leg_id: str
    at: datetime
    cause: str = ""


@dataclass(frozen=True, slots=True)
class AnnouncementPlayed:
    """The leg has heard a tenant's announcement, or cannot be made to: ``error`` says why."""

    leg_id: str
    tenant: str
    at: datetime
    error: str = ""


@dataclass(frozen=True, slots=True)
class CaptureOpened:
    capture_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CaptureRefused:
    """The switch would not open the capture, or did not say in time that it has."""

    capture_id: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class CaptureClosed:
    capture_id: str
    at: datetime
    cause: str = ""


@dataclass(frozen=True, slots=True)
class CaptureCloseRefused:
    capture_id: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class CaptureMasked:
    capture_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CaptureMaskRefused:
    capture_id: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class CaptureUnmasked:
    capture_id: str
    at: datetime


@dataclass(frozen=True, slots=True)
class CaptureUnmaskRefused:
    capture_id: str
    at: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class CaptureNote:
    """What was left on the switch with a capture: how it was asked for, and whether it is provisional
    still. ``alone``: the switch began it by itself while the controller was away."""

    requested_at: datetime
    own_voice_only: bool = False
    layout: Layout = Layout.MONO
    provisional: bool = False
    alone: bool = False


@dataclass(frozen=True, slots=True)
class CaptureSeen:
    """A capture found running on the switch; ``masked`` is None where it cannot be read back, ``note``
    where an earlier version opened it."""

    capture_id: str
    leg_id: str
    path: str
    masked: bool | None = None
    note: CaptureNote | None = None


@dataclass(frozen=True, slots=True)
class SwitchSnapshot:
    """The whole truth about a switch at one moment, after a (re)connection.

    ``legs`` holds, for every live leg, the facts that would have led to its present state, in
    order. A leg, a bridge membership or a capture that is not in it has ended meanwhile.
    ``unsure``: captures that were told something while it was taken; the answers to that tell what they are.
    ``booted_at``: since when the switch has been running (None: it does not say), on the clock of ``at``.
    Whatever was up before that died with the process, and no file of it was brought to its end.
    """

    at: datetime
    legs: Mapping[str, tuple[LegFact, ...]] = field(default_factory=dict)
    captures: tuple[CaptureSeen, ...] = ()
    unsure: frozenset[str] = frozenset()
    booted_at: datetime | None = None

    def died(self, since: datetime) -> bool:
        """Whether what was up at that moment died with an earlier process of the switch."""
        return self.booted_at is not None and since < self.booted_at


LegFact = (
    LegStarted
    | LegIdentified
    | LegRouted
    | LegAnswered
    | LegVideoChanged
    | BridgeEntered
    | BridgeLeft
    | LegHeld
    | LegUnheld
    | LegHungUp
)
CaptureFact = (
    CaptureOpened
    | CaptureRefused
    | CaptureClosed
    | CaptureCloseRefused
    | CaptureMasked
    | CaptureMaskRefused
    | CaptureUnmasked
    | CaptureUnmaskRefused
)
Fact = LegFact | CaptureFact | AnnouncementPlayed | SwitchSnapshot
