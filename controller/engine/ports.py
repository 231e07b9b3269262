"""What the engine needs of the world, and what the web may ask of the engine. Protocols only."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from ..core.calls import Call
from ..core.commands import Command
from ..core.errors import TapelineError
from ..core.facts import AnnouncementPlayed, CaptureFact, Fact
from ..core.media_kinds import Operation
from ..core.policy import Policy
from ..core.requests import Actor, ControlOutcome, ControlRequest, Means, Target
from ..core.rules import Route
from .metrics import Histogram

if TYPE_CHECKING:
    from ..core.alone import LeftBehind


class SwitchDown(TapelineError):
    """The switch cannot be told anything now. The command was not carried out, or it is unknown
    whether it was; the snapshot after the reconnection tells."""


#: The reason of a refusal that is no fault: the leg hung up while the command was on its way.
LEG_GONE = "the leg has hung up"


class LinkState(StrEnum):
    CONNECTING = "connecting"
    UP = "up"
    DOWN = "down"
    #: Nobody controls it now; another controller, or this one, is about to.
    FREE = "free"


@dataclass(frozen=True, slots=True)
class SwitchStatus:
    """How a switch is doing. ``error`` says what is wrong and what to do, in people's words. ``holder``:
    which controller has it, where there are several."""

    name: str
    kind: str
    state: LinkState
    since: datetime
    version: str = ""
    error: str = ""
    holder: str = ""


class Standby(Protocol):
    """What makes a switch able to carry on alone (see `core.standby`). Every method raises SwitchDown,
    TimeoutError, and StandbyRefused where the switch cannot do it."""

    @property
    def after_s(self) -> int:
        """So long after the last `renew` the switch decides by itself; 0: never."""

    async def replace(self, table: Mapping[tuple[str, str], str]) -> None:
        """Tell all rows; they count once all of them are there, and none of those before do then."""

    async def change(self, rows: Mapping[tuple[str, str], str | None]) -> None:
        """Tell some rows anew; None: there is none any more."""

    async def renew(self) -> None:
        """Say that the controller is there, by the switch's own clock."""

    async def withdraw(self) -> None:
        """Take everything back that it was told: it is not to decide by itself."""

    async def left_behind(self) -> list[LeftBehind]:
        """What it did by itself and what has not been forgotten yet."""

    async def forget(self, recording_id: str) -> None: ...

    async def look_again(self) -> None:
        """Report a SwitchSnapshot, as after a reconnection."""


class Switch(Protocol):
    """An adapter. One contract suite (tests/contract) holds every implementation to this."""

    name: str
    kind: str
    video_supported: bool
    hold_stops_capture: bool

    async def run(
        self, on_fact: Callable[[Fact], None], on_request: Callable[[ControlRequest], None]
    ) -> None:
        """Connect, keep connected, report. Never returns by itself; cancel it to stop.

        After every (re)connection the first fact is a SwitchSnapshot. Both callbacks are called
        on the event loop, in the switch's order, and must not block.
        """

    async def execute(self, command: Command) -> CaptureFact | AnnouncementPlayed | None:
        """Carry one command out and say what came of it.

        For a capture command the fact is its result, a refusal included, and a time-out is a
        refusal; for an announcement, that it is over or could not be played; None for the others.
        Raises SwitchDown without a connection.
        """

    async def message(self, outcome: ControlOutcome) -> None:
        """Answer whoever asked: over the bus if the request came from there, and by a MESSAGE if
        it came by one and ``outcome.answer`` says so. Never raises."""

    @property
    def status(self) -> SwitchStatus: ...

    @property
    def standby(self) -> Standby: ...


class Catalog(Protocol):
    """Where the engine's state outlives it."""

    async def save(
        self, switch: str, calls: Sequence[Call], merged: Mapping[str, str], *, epoch: int | None = None
    ) -> None:
        """Write these calls as they are now, with legs, recordings, segments and pauses.

        Everything is read from the calls before the first await. Idempotent: the same call may
        come again in a later state. ``merged`` maps the ids of calls that were taken over. Raises
        Fenced if the ``epoch`` of the switch's lease is over; None: nothing is leased.
        """

    async def bequeath(self, switch: str, calls: Sequence[Call]) -> int:
        """Write those of these ended calls of which the catalog knows nothing; how many they were. What
        somebody has taken over since is left as it is."""

    async def open_calls(self, switch: str) -> list[Call]:
        """The calls that were running when they were last saved."""

    async def policy(self) -> Policy: ...

    async def recordings_among(self, recording_ids: Collection[str]) -> set[str]:
        """Those of these recordings that have a row."""


class StandbyRefused(TapelineError):
    """The switch cannot carry on alone; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class LiveParty:
    leg_id: str
    side: str
    tenant: str | None
    user: str | None
    number: str
    name: str
    held: bool
    held_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class LiveRecording:
    """``state`` is a CaptureState's value, or ``waiting`` between two segments. ``provisional``: it
    is kept only if somebody starts it before the end. ``rule`` is the decision's. ``paused_by``: who asked;
    ``resumes_at``: when the longest pause that is allowed is over, None: it lasts until somebody ends it."""

    recording_id: str
    tenant: str
    kind: str
    state: str
    paused: bool
    paused_since: datetime | None
    reason: str
    provisional: bool = False
    rule: str = ""
    paused_by: str = ""
    resumes_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class LiveCall:
    """``routes``: the queues, groups, rules and so on that its legs came through."""

    call_id: str
    switch: str
    started_at: datetime
    answered_at: datetime | None
    parties: tuple[LiveParty, ...]
    recordings: tuple[LiveRecording, ...]
    tenants: tuple[str, ...]
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class CaptureReport:
    """What became of one capture that a request concerned, once the switch has answered."""

    recording_id: str
    capture_id: str
    kind: str
    state: str


@dataclass(frozen=True, slots=True)
class ControlReport:
    outcome: ControlOutcome
    captures: tuple[CaptureReport, ...] = ()


@dataclass(frozen=True, slots=True)
class LiveEvent:
    """A change for the live page: ``call`` is None when the call has ended."""

    call_id: str
    call: LiveCall | None
    tenants: tuple[str, ...] = ()


class Control(Protocol):
    """What the web (and any other front) may ask of the running engine."""

    def live_calls(self) -> list[LiveCall]: ...

    async def control(
        self, operation: Operation, target: Target, actor: Actor, means: Means
    ) -> ControlReport:
        """Do or refuse, and wait (at most two seconds) until the switch has answered."""

    def events(self) -> AbstractAsyncContextManager[AsyncIterator[LiveEvent]]:
        """Changes from now on; a slow reader loses the oldest and keeps the newest."""

    def switches(self) -> list[SwitchStatus]: ...

    def records_video(self) -> Mapping[str, bool]:
        """Each switch by its name."""

    async def reload_policy(self) -> None:
        """Read the settings again; they count at once, for running calls too."""


@dataclass(slots=True)
class EngineStats:
    """``took``: (command, result) → how long; the result is done, refused, down or error. ``controlled``:
    (operation, result) → from a request to the switch's confirmation; confirmed, late or refused."""

    facts: int = 0
    requests: int = 0
    commands: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    took: dict[tuple[str, str], Histogram] = field(default_factory=dict)
    controlled: dict[tuple[str, str], Histogram] = field(default_factory=dict)

    def note(self, command: str, result: str, seconds: float) -> None:
        self.took.setdefault((command, result), Histogram()).observe(seconds)

    def control(self, operation: str, result: str, seconds: float) -> None:
        self.controlled.setdefault((operation, result), Histogram()).observe(seconds)


@dataclass(frozen=True, slots=True)
class Check:
    """One finding of `tapeline doctor`: what was looked at, what was found, how to mend it."""

    what: str
    ok: bool
    found: str
    mend: str = ""


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    """A user as a switch's own configuration has it. ``name`` may be empty."""

    tenant: str
    user: str
    name: str = ""


class DirectoryUnreadable(TapelineError):
    """A switch does not tell its users now; the text says why and what to do."""


class Directory(Protocol):
    """Whom a switch knows. Reading it needs no running adapter."""

    async def users(self) -> list[DirectoryUser]:
        """Every internal user, each once, by tenant and user; tenant and user are those of the
        calls' parties. Raises DirectoryUnreadable, ConfigError."""
