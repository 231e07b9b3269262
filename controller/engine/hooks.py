"""Webhooks: what is told, to whom, and how each telling went. The ports between catalog, web and sender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from .people import Scope
from .reading import RecordingRow


class HookEvent(StrEnum):
    """Stable names. The catalog's triggers write them in the transaction that makes them true."""

    STARTED = "recording.started"
    PAUSED = "recording.paused"
    RESUMED = "recording.resumed"
    COMPLETED = "recording.completed"
    AVAILABLE = "recording.available"
    FAILED = "recording.failed"
    DELETED = "recording.deleted"
    RESTORED = "recording.restored"
    ACCESSED = "recording.accessed"
    TEST = "webhook.test"


E = HookEvent

#: In people's words, for the page and the reference.
MEANING: dict[HookEvent, str] = {
    E.STARTED: "A recording has begun",
    E.PAUSED: "A pause holds: the switch has confirmed it",
    E.RESUMED: "A pause is over",
    E.COMPLETED: "A recording is over; its file comes later",
    E.AVAILABLE: "It can be heard and downloaded",
    E.FAILED: "Its sound could not be taken care of (it is tried again), or there is none",
    E.DELETED: "It went into the trash, was erased, or was not kept",
    E.RESTORED: "It came back out of the trash",
    E.ACCESSED: "Somebody listened to it, downloaded it or read its transcript",
    E.TEST: "The test button",
}

#: What may be chosen; a test is always told.
CHOOSABLE = tuple(e for e in HookEvent if e is not E.TEST)


class DeliveryState(StrEnum):
    WAITING = "waiting"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Hook:
    """An endpoint. ``tenant`` None: of the system, told of every tenant. ``events`` empty: all.

    ``sealed`` is the secret as the catalog keeps it, ``old_sealed`` the one before, good until
    ``old_until``. ``failures`` in a row; ``off_why``: why it was switched off by itself.
    """

    hook_id: str
    tenant: str | None
    url: str
    label: str
    events: tuple[HookEvent, ...]
    enabled: bool
    parallel: int
    created_at: datetime
    sealed: str = field(repr=False, default="")
    old_sealed: str = field(repr=False, default="")
    old_until: datetime | None = None
    failures: int = 0
    failing_since: datetime | None = None
    resting_until: datetime | None = None
    off_why: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event for one endpoint, as the log shows it. ``status`` 0: there was no answer."""

    number: int
    message_id: str
    hook_id: str
    event: HookEvent
    recording_id: str
    tenant: str | None
    at: datetime
    state: DeliveryState
    tries: int
    next_at: datetime | None
    first_at: datetime | None
    last_at: datetime | None
    status: int
    response: str
    error: str
    took_ms: int


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """Leased: nobody else sends it before the lease is over. ``data`` is the payload's."""

    delivery: Delivery
    hook: Hook
    data: dict[str, Any]
    lease: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one try. ``next_at`` None with ``state`` waiting does not occur."""

    state: DeliveryState
    at: datetime
    status: int
    response: str
    error: str
    took_ms: int
    next_at: datetime | None = None
    resting_until: datetime | None = None
    off_why: str = ""


class HookStore(Protocol):
    """What the pages and the API read and change. What the scope does not cover does not exist."""

    async def hooks(self, scope: Scope) -> list[Hook]: ...
    async def hook(self, scope: Scope, hook_id: str) -> Hook | None: ...

    async def set_hook(self, hook: Hook) -> None:
        """Add it, or change it as it is said here; what the sender notes of it stays."""

    async def remove_hook(self, scope: Scope, hook_id: str) -> bool:
        """With its log and what waits for it."""

    async def hook_test(self, hook: Hook, message_id: str) -> int:
        """Have a test event sent; its number in the log."""

    async def deliveries(
        self,
        scope: Scope,
        hook_id: str,
        *,
        state: DeliveryState | None = None,
        limit: int = 50,
        before: int | None = None,
    ) -> list[Delivery]:
        """The newest first."""  # fmt: skip

    async def replay(self, scope: Scope, hook_id: str, numbers: Sequence[int] | None) -> int:
        """Send these again, or (None) all that are dead; how many."""


class HookQueue(Protocol):
    """What the sender works on."""

    async def claim_deliveries(
        self, now: datetime, lease_until: datetime, lease: str, most: int
    ) -> list[DueDelivery]:
        """Take what is due, each endpoint's in the order of its events and within its limit."""

    async def finish_delivery(self, due: DueDelivery, outcome: Outcome) -> bool:
        """False if the lease had gone to somebody else."""

    async def forget_deliveries(self, before: datetime) -> int:
        """Remove from the log what was settled before then."""

    async def hook_backlog(self) -> dict[str, int]:
        """State → how many there are of it."""


class HookMaker(Protocol):
    """Secrets and addresses, for whoever sets a webhook up."""

    @property
    def public_key(self) -> str:
        """With which the ``v1a`` signatures are checked, as ``whpk_…``."""

    def new_secret(self, hook_id: str) -> tuple[str, str]:
        """A secret to be shown once (``whsec_…``), and the same sealed, for the catalog."""

    async def refused(self, url: str) -> str:
        """Why nothing is sent to this address; "" if it is fine."""


def payload(event: HookEvent, at: datetime, data: dict[str, Any]) -> dict[str, Any]:
    """The body, after the Standard Webhooks specification."""
    return {"type": str(event), "timestamp": stamp(at), "data": data}


def stamp(at: datetime) -> str:
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def recording_data(row: RecordingRow) -> dict[str, Any]:
    """A recording as it is when it is told of: as its tenant's administrator sees it, without the text
    of errors (it may name hosts)."""
    gone = row.trace != ""
    return {
        "recording_id": row.recording_id,
        "call_id": row.call_id,
        "tenant": row.tenant,
        "kind": row.kind,
        "direction": str(row.direction),
        "started_at": stamp(row.started_at),
        "ended_at": stamp(row.ended_at) if row.ended_at else None,
        "duration_ms": row.duration_ms,
        "media_state": row.media_state,
        "provisional": row.provisional,
        "parties": [
            {
                "side": p.side, "user": p.user, "number": p.number, "name": p.name, "calling": p.calling,
            }
            for p in ([] if gone else row.parties)
        ],
    }  # fmt: skip
