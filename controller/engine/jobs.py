"""What the workers, the catalog and the durable runs say to each other about the work on recordings."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from ..core.formats import Format
from ..core.media_kinds import Kind
from .people import Scope


class Phase(StrEnum):
    FILES = "files"  # collect, check, store, render: needs the switch's spool
    FINISHING = "finishing"  # what is done to a recording that can be played already


class Lane(StrEnum):
    """What takes places of its own on a node, so that the slow never keeps the quick waiting."""

    SOUND = "sound"
    FILM = "film"
    FINISHING = "finishing"


class JobState(StrEnum):
    """Of a job as people see it."""

    WAITING = "waiting"  # nobody is at it; it comes when it is its turn
    RUNNING = "running"
    RETRYING = "retrying"  # it failed, and is tried again at ``next_at``
    FAILED = "failed"  # given up until somebody says retry (finishing only; files are tried for ever)
    DONE = "done"
    CANCELLED = "cancelled"  # somebody said that the finishing is not needed


@dataclass(frozen=True, slots=True)
class Candidate:
    """A recording that wants work. ``again``: a run of it was broken off and goes on."""

    recording_id: str
    tenant: str
    kind: Kind
    phase: Phase
    again: bool = False


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job that is this node's now. ``run`` counts its runs; ``tries`` the failures before this one."""

    recording_id: str
    tenant: str
    kind: Kind
    phase: Phase
    run: int
    again: bool
    tries: int

    @property
    def run_id(self) -> str:
        return f"{self.recording_id}.{self.run}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. ``error`` "" is success; ``final``: a further try would change nothing.

    ``finishing``: the recording can be played, and there are finishing tasks to be done.
    """

    error: str = ""
    final: bool = False
    finishing: bool = False


@dataclass(frozen=True, slots=True)
class Node:
    """A process that works on recordings. ``beats`` grows as long as it lives."""

    name: str
    place: str  # the machine's boot and process namespace: where ``pid`` means something
    pid: int
    beats: int
    switches: tuple[str, ...]
    started_at: datetime
    beat_at: datetime


@dataclass(frozen=True, slots=True)
class Job:
    """One recording's work as it is shown. ``progress`` is 0 to 1 of ``step``, None if it cannot say."""

    recording_id: str
    call_id: str
    tenant: str
    kind: Kind
    switch: str
    phase: Phase
    state: JobState
    media: str
    run: int
    tries: int
    step: str
    progress: float | None
    node: str
    error: str
    since: datetime  # when the recording ended
    started_at: datetime | None
    next_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class JobFilter:
    """``states`` empty: all of them."""

    states: frozenset[JobState] = frozenset()
    tenant: str = ""
    limit: int = 100
    after: str = ""  # the cursor of the page before


@dataclass(frozen=True, slots=True)
class JobPage:
    jobs: tuple[Job, ...]
    after: str = ""  # "" if this is the last page


@dataclass(frozen=True, slots=True)
class StepSeen:
    """One step of a run, as the durable engine noted it."""

    name: str
    started_at: datetime | None
    ended_at: datetime | None
    error: str = ""
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """How many of one tenant's recordings are worked on at once, over all nodes."""

    per_tenant: int = 8
    tenants: Mapping[str, int] = field(default_factory=dict)

    def of(self, tenant: str) -> int:
        return self.tenants.get(tenant, self.per_tenant)


class JobStore(Protocol):
    """Where the work is noted, in the catalog. Times are the caller's: no two clocks are compared."""

    async def candidates(
        self, lane: Lane, switches: Collection[str], limit: int, *, orphans: bool = False,
        elsewhere: Collection[str] = (),
    ) -> list[Candidate]:  # fmt: skip
        """What may be claimed now, tenants taking turns, each one's oldest first.

        Files only of these switches; with ``orphans`` also of switches that no living node has, but for
        those that are ``elsewhere``.
        """

    async def claim(
        self, node: str, wanted: Sequence[Candidate], limits: Limits, at_most: int
    ) -> list[Claimed]:
        """Make so many of them this node's, the first that nobody has and whose tenant's limit allows it."""

    async def settle(
        self, node: str, job: Claimed, outcome: Outcome, *, next_at: datetime | None = None
    ) -> bool:
        """Note how a run ended. False, and nothing is noted, if the job is another node's by now."""

    async def let_go(self, node: str, job: Claimed, *, next_at: datetime | None = None) -> None:
        """Give a job back in the middle of its run: whoever claims it goes on with it."""

    async def note_progress(self, node: str, progress: Mapping[str, tuple[str, float | None]]) -> None:
        """Recording id → (step, 0 to 1)."""

    async def beat(self, node: Node) -> None: ...

    async def nodes(self) -> list[Node]: ...

    async def bury(self, node: Node) -> int:
        """Take a dead node's jobs from it, if it has not beaten since; how many they were."""

    async def sign_off(self, node: str) -> int:
        """Give everything back in good order: this node ends."""

    async def free_strays(self) -> int:
        """Take from nodes that nobody knows what they have; how many jobs that were."""

    async def hurry(self, switches: Collection[str]) -> None:
        """Let what waits to be tried again be tried now (a worker has just started)."""

    async def forget_jobs(self, before: datetime) -> int:
        """Remove what was done before; the recordings stay, of course."""


class JobReader(Protocol):
    """What people see and may do."""

    async def jobs(self, scope: Scope, wanted: JobFilter) -> JobPage: ...

    async def job(self, scope: Scope, recording_id: str) -> Job | None: ...

    async def job_counts(self, scope: Scope) -> dict[JobState, int]: ...

    async def retry_jobs(self, scope: Scope, recording_ids: Collection[str]) -> int:
        """Try them again at once, finished ones too; how many there were to try."""

    async def retry_without_format(self, scope: Scope, default: Format, tenant: str = "") -> int:
        """Do the finishing once more of every recording that lacks the format which its tenant chooses now
        (``default`` for those that leave it to the system), of this tenant alone if one is named: the
        encoder may have been installed since, or the choice be a new one. How many there were."""

    async def cancel_jobs(self, scope: Scope, recording_ids: Collection[str]) -> int:
        """No more finishing for these; how many that stopped. What is not stored cannot be cancelled."""


class RunsAway(Exception):
    """The durable engine cannot be reached; nothing is lost, and the run can be gone on with."""


class Superseded(Exception):
    """The run belongs to another node by now; its outcome is that node's to note."""


class Runs(Protocol):
    """The durable engine: what has been done in a run is not done again after a death."""

    async def open(self) -> None:
        """Raises RunsAway."""

    async def close(self, within_s: float) -> None: ...

    async def execute(
        self, run_id: str, phase: Phase, recording_id: str, *, again: bool
    ) -> Sequence[Mapping[str, Any]]:
        """Do the run, or go on with it; answers what each of its steps answered.

        Raises RunsAway, Superseded. Cancelled, it stays as far as it is.
        """

    async def forget(self, before: datetime, nodes: Sequence[str]) -> int:
        """Remove runs that began before, and what is left of nodes other than these. Raises RunsAway."""


class RunReader(Protocol):
    async def steps(self, run_id: str) -> list[StepSeen]:
        """Those that have ended, in order; [] if nothing is known of the run."""
