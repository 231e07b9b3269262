"""What the web reads and changes in the catalog: read models and the one gate to them.

Every method that returns a tenant's data takes a `Scope`; there is no way around it. What the
scope does not cover is answered like what does not exist (None, or an empty page).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, Protocol, TypeVar

from ..core.direction import Direction
from ..core.disk import MeasuredRate
from ..core.rules import Route
from ..core.timeline import TimeLine
from .alarms import Alarm, AlarmReader
from .entry import ApiToken, FactorStore, GroupStore, IdentityStore, SessionStore, TokenStore
from .forecasting import PastReader
from .listing import Recorded, RecordingFilter
from .media_ports import INTERRUPTED, SILENT, MediaState
from .people import Account, AuditEntry, AuditFilter, Credentials, PeopleStore, Role, Scope, Team
from .settings import SettingsStore, SystemSettings, TenantSettings, UserSettings
from .sounds import FileRow, Sound, trace_of
from .transcribing import Hidden, TextHit, TranscriptReader

__all__ = [
    "Account",
    "AccountStore",
    "ApiToken",
    "AuditEntry",
    "AuditFilter",
    "CallDetail",
    "CallRow",
    "CatalogReader",
    "Credentials",
    "DecisionRow",
    "DeletionRow",
    "FileRow",
    "Health",
    "Hidden",
    "JourneyRow",
    "LegRow",
    "Page",
    "PartyRow",
    "PauseRow",
    "Recorded",
    "RecordingDetail",
    "RecordingFilter",
    "RecordingRow",
    "Role",
    "Scope",
    "SegmentRow",
    "SettingsStore",
    "Sound",
    "SystemSettings",
    "Team",
    "TenantSettings",
    "TextHit",
    "TranscriptReader",
    "UserSettings",
]

T = TypeVar("T")


class AccountStore(PeopleStore, SessionStore, TokenStore, FactorStore, IdentityStore, GroupStore, Protocol):
    """Everything about who may come in, and what they did."""


@dataclass(frozen=True, slots=True)
class PartyRow:
    """``seat``: the party's channel in a stereo recording, ``left`` or ``right``; "" without one."""

    side: str
    tenant: str | None
    user: str | None
    number: str
    name: str
    calling: bool
    seat: str = ""


@dataclass(frozen=True, slots=True)
class PauseRow:
    """``from_ms``/``to_ms`` on the recording's own time line; ``to_ms`` None: to the end.

    ``left_out_ms``: how much of it the recording does not have, because pauses are cut there. One that
    is wholly left out begins and ends at the same place.
    """

    pause_id: str
    asked_at: datetime
    asked_by: str
    means: str
    masked_at: datetime | None
    ended_at: datetime | None
    ended_by: str
    ended_means: str | None
    unmasked_at: datetime | None
    from_ms: int
    to_ms: int | None
    left_out_ms: int = 0


@dataclass(frozen=True, slots=True)
class SegmentRow:
    """``layout`` is a core.commands.Layout value; ``channels`` says who is on its left and who on
    its right, None for one channel. ``from_ms``/``to_ms`` on the recording's own time line."""

    capture_id: str
    number: int
    leg_id: str
    state: str
    opened_at: datetime | None
    closed_at: datetime | None
    cause: str
    layout: str = "mono"
    channels: tuple[str, str] | None = None
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class DeletionRow:
    """How a recording was deleted. ``state`` is an engine.erasing.DeletionState value; in the trash it
    can be restored until ``purge_at``. ``error``: why its files are not gone yet, though they should be."""

    at: datetime
    by: str
    why: str
    purge_at: datetime
    state: str
    error: str = ""


@dataclass(frozen=True, slots=True)
class RecordingRow:
    """A recording as the list shows it. ``media_state`` is an engine.ports.MediaState value.

    ``provisional``: nobody has started it (yet); at its end its audio is destroyed. ``deletion``: it is in
    the trash, or there is nothing of it but this trace. ``hits``: where in it the text was said that was
    asked for.
    """

    recording_id: str
    call_id: str
    tenant: str
    kind: str
    direction: Direction
    started_at: datetime
    ended_at: datetime | None
    duration_ms: int
    media_state: str
    reason: str
    parties: tuple[PartyRow, ...]
    pauses: int
    error: str = ""
    provisional: bool = False
    deletion: DeletionRow | None = None
    hits: tuple[TextHit, ...] = ()
    #: Of all its files, in bytes.
    size: int = 0
    format: str = ""
    tags: tuple[str, ...] = ()
    notes: int = 0
    #: The names of the legal holds that cover it.
    holds: tuple[str, ...] = ()

    @property
    def silent(self) -> bool:
        """Whether it was recorded and nothing is to be heard in it."""
        return SILENT in self.error

    @property
    def interrupted(self) -> bool:
        """Whether the switch did not bring every part of it to its end."""
        return INTERRUPTED in self.error

    @property
    def withheld(self) -> bool:
        """Whether nothing but a legal hold keeps it."""
        return self.media_state == MediaState.WITHHELD

    @property
    def trace(self) -> str:
        """Why there is nothing to hear, of a recording that was deleted or destroyed as its mode demands."""
        if self.deletion is not None:
            return f"deleted: {self.deletion.why}"
        ended = self.ended_at is not None
        return trace_of(self.media_state, provisional=self.provisional, ended=ended)


@dataclass(frozen=True, slots=True)
class RecordingDetail:
    """``channels``: who is on the left and on the right of a stereo recording; those who took
    turns are named in order. ``files`` is empty of a recording that is provisional, unless what is
    withheld was asked for. ``line`` says
    where a moment of the call lies in the recording. ``hidden``: what not everybody may hear of it.
    ``told``: where an announcement of ours is in it (ms), so nobody of the call speaks."""

    row: RecordingRow
    rule: str
    pauses: tuple[PauseRow, ...]
    segments: tuple[SegmentRow, ...]
    files: tuple[FileRow, ...]
    channels: tuple[str, str] | None = None
    line: TimeLine | None = None
    hidden: Hidden = Hidden.NOTHING
    told: tuple[tuple[int, int], ...] = ()

    @property
    def sound(self) -> Sound:
        row = self.row
        return Sound(
            row.recording_id, row.tenant, row.kind, row.started_at, row.media_state, row.reason, row.trace,
            self.files, self.hidden,
        )  # fmt: skip

    @property
    def playable(self) -> FileRow | None:
        return self.sound.playable

    @property
    def chosen(self) -> FileRow | None:
        return self.sound.chosen


@dataclass(frozen=True, slots=True)
class LegRow:
    """``routes``: the queues, groups, rules and so on that it came through; of another tenant's
    none are shown."""

    leg_id: str
    party: PartyRow
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    cause: str
    dialled: str
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionRow:
    """``at``: since when it stood, ``legs``: the ids of those of its conversation's legs that the scope
    may see. None and () where an earlier version did not keep them."""

    tenant: str
    kind: str
    verdict: str
    rule: str
    reason: str
    at: datetime | None = None
    legs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JourneyRow:
    at: datetime
    what: str
    leg_id: str | None
    detail: str


@dataclass(frozen=True, slots=True)
class CallRow:
    """``recordings`` counts those that there are, ``not_kept`` those of which only the trace is."""

    call_id: str
    switch: str
    direction: Direction
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    duration_ms: int
    parties: tuple[PartyRow, ...]
    recordings: int
    not_kept: int = 0


@dataclass(frozen=True, slots=True)
class CallDetail:
    """The CDR. Legs and decisions of other tenants are left out by the scope.

    ``decided`` is every change of a decision, in order of time; ``decisions`` of these the last one for
    each tenant and kind.
    """

    row: CallRow
    legs: tuple[LegRow, ...]
    journey: tuple[JourneyRow, ...]
    decisions: tuple[DecisionRow, ...]
    recordings: tuple[RecordingRow, ...]
    decided: tuple[DecisionRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """``next`` is the key of the following page (keyset, opaque), None at the end.

    ``unfinished``: the search took too long and stopped; these are all that fit as far as it came, fewer
    than were asked for, and with ``next`` it goes on from there. ``reached``: the begin of the last row that
    it looked at, where the list is in the order of time.
    """

    items: tuple[T, ...] = ()
    next: str | None = None
    unfinished: bool = False
    reached: datetime | None = None


class CatalogReader(TranscriptReader, AlarmReader, PastReader, Protocol):
    """Reading recordings and calls. ``before`` is a page's key; a bad one raises ValueError."""

    async def recordings(
        self, scope: Scope, where: RecordingFilter, *, limit: int = 50, before: str | None = None
    ) -> Page[RecordingRow]: ...

    async def recording(
        self, scope: Scope, recording_id: str, *, trashed: bool = False, withheld: bool = False
    ) -> RecordingDetail | None:
        """``trashed``: one that is deleted too; to everybody else it does not exist. ``withheld``: with the
        files of one that nothing but a legal hold keeps; to everybody else it has none."""

    async def sound_of(self, scope: Scope, recording_id: str, *, withheld: bool = False) -> Sound | None:
        """What `recording` says of a recording's files, in one question."""

    async def calls(
        self, scope: Scope, where: RecordingFilter, *, limit: int = 50, before: str | None = None
    ) -> Page[CallRow]: ...

    async def call(self, scope: Scope, call_id: str) -> CallDetail | None: ...

    async def measured_rates(self, scope: Scope) -> list[MeasuredRate]:
        """What a minute of this scope's recordings really takes on disk."""


@dataclass(frozen=True, slots=True)
class Health:
    """For /readyz: what works and what does not, each with people's words. ``alarms``: what of that
    somebody should look after."""

    ok: bool
    parts: dict[str, str] = field(default_factory=dict)
    alarms: tuple[Alarm, ...] = ()
