"""Recordings, their segments and their pauses, as plain state. `desk` changes them."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from .captures import CaptureState
from .commands import Layout
from .media_kinds import Kind
from .own_sounds import Played
from .requests import Means


@dataclass(slots=True)
class Segment:
    """One capture by the switch on one leg into one file of its own.

    ``capture_id`` is ``<recording id>.<number>``; ``path`` is relative to the spool. ``blind``
    says why a capture must be closed although its conversation goes on (it could not be masked).
    ``far``: the legs that its leg heard when it was asked for.
    """

    capture_id: str
    number: int
    leg_id: str
    bridge_id: str
    path: str
    kind: Kind
    requested_at: datetime
    state: CaptureState = CaptureState.REQUESTED
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    cause: str = ""
    blind: str = ""
    close_attempts: int = 0
    own_voice_only: bool = False
    layout: Layout = Layout.MONO
    far: tuple[str, ...] = ()


@dataclass(slots=True)
class Pause:
    """A span in which nothing may be heard: who asked, how, when, and when it took effect.

    ``masked_at``/``unmasked_at`` are when the last capture concerned confirmed it. A pause
    without ``ended_at`` is still on. ``clock_set``: by how much the clock was set meanwhile.
    """

    pause_id: str
    kind: Kind
    asked_at: datetime
    asked_by: str
    means: Means
    masked_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str = ""
    ended_means: Means | None = None
    unmasked_at: datetime | None = None
    clock_set: timedelta = timedelta()

    def lasts(self, at: datetime) -> timedelta:
        """How long it has been on, whatever the clock was set to."""
        return at - self.asked_at - self.clock_set


@dataclass(slots=True)
class Recording:
    """The logical take of one call, tenant and kind; 1..n segments, 0..n pauses.

    ``provisional``: its audio is destroyed at the end unless somebody starts it before (the
    on-demand mode); the row stays as the trace of that. ``cut_pauses``: what lies in a pause is left
    out instead of kept as silence, as its tenant had chosen when it began; ``cut_gaps``: the same of what
    lies between two captures for another reason. ``sounds``: those of ours that are to be in its file.
    """

    recording_id: str
    call_id: str
    tenant: str
    kind: Kind
    rule: str
    reason: str
    started_at: datetime
    ended_at: datetime | None = None
    segments: list[Segment] = field(default_factory=list)
    pauses: list[Pause] = field(default_factory=list)
    provisional: bool = False
    cut_pauses: bool = False
    beeped_at: datetime | None = None
    cut_gaps: bool = False
    sounds: list[Played] = field(default_factory=list)

    @property
    def running(self) -> Segment | None:
        """The latest segment if its capture has not ended."""
        if self.segments and not self.segments[-1].state.final:
            return self.segments[-1]
        return None

    @property
    def unfinished(self) -> list[Segment]:
        """Every segment whose capture has not ended: the running one, and before it those whose
        close the switch has refused so far."""
        return [segment for segment in self.segments if not segment.state.final]

    @property
    def open_pause(self) -> Pause | None:
        if self.pauses and self.pauses[-1].ended_at is None:
            return self.pauses[-1]
        return None


#: The causes of a segment that was not brought to its end: what its writer still kept to itself is missing.
THE_SWITCH_DIED = "the switch died"
LOST = "lost while out of touch"
#: There was no room for its file: found by us, or told by the switch at its end.
NO_ROOM = "the switch's disk was full"
NOT_WRITTEN = "the switch could not write it"
_INTERRUPTIONS = (THE_SWITCH_DIED, LOST, NO_ROOM, NOT_WRITTEN)


def interrupted(cause: str) -> bool:
    """Whether a segment with this cause broke off."""
    return cause in _INTERRUPTIONS


_SAFE_TENANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}(\.[A-Za-z0-9_-]{1,63})*")


def tenant_folder(tenant: str) -> str:
    """A tenant's name as one path component, distinct for distinct tenants.

    A plain domain name stays readable; anything else becomes a digest of itself, which no
    plain name can look like (they hold no ``=``).
    """
    if len(tenant) <= 128 and _SAFE_TENANT.fullmatch(tenant):
        return tenant
    return "t=" + hashlib.sha256(tenant.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def segment_path(tenant: str, recording_id: str, number: int, kind: Kind, at: datetime) -> str:
    """Where a segment lies below the spool: ``<tenant>/<yyyy>/<mm>/<dd>/<recording>.<n>.wav``.

    The one place that makes such a path; `parse_segment_path` is its inverse.
    """
    suffix = "wav" if kind is Kind.AUDIO else "mp4"
    return f"{tenant_folder(tenant)}/{at:%Y/%m/%d}/{recording_id}.{number}.{suffix}"


def side_paths(path: str) -> tuple[str, str]:
    """Beside a segment's WAV, where a switch that cannot write both sides into one file writes them:
    (what it received from the leg, what it sent to the leg)."""
    stem = path.removesuffix(".wav")
    return f"{stem}.rx.wav", f"{stem}.tx.wav"


_PATH = re.compile(
    r"(?:.*/)?(?P<tenant>[^/]+)/(?P<day>\d{4}/\d\d/\d\d)/"
    r"(?P<recording>[0-9A-Za-z]{1,40})\.(?P<number>\d{1,6})"
    r"(?:\.(?P<side>rx|tx)(?=\.wav))?\.(?P<suffix>wav|mp4)"
)


@dataclass(frozen=True, slots=True)
class SegmentPath:
    """``side``: "rx" or "tx" for a file of one side alone (`side_paths`)."""

    tenant_folder: str
    recording_id: str
    number: int
    kind: Kind
    side: str = ""

    @property
    def capture_id(self) -> str:
        return f"{self.recording_id}.{self.number}"


def parse_segment_path(path: str) -> SegmentPath | None:
    """Which segment a path belongs to; None if it is not one of ours."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    return SegmentPath(
        match["tenant"],
        match["recording"],
        int(match["number"]),
        Kind.AUDIO if match["suffix"] == "wav" else Kind.VIDEO,
        match["side"] or "",
    )
