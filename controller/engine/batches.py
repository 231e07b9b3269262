"""Work on many recordings that one person asked for: which ones, how far it is, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class BatchState(StrEnum):
    """``asked``: chosen, and not confirmed yet."""

    ASKED = "asked"
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Batch:
    """``value``: the tag, note, hold or reason. ``done`` of the ids are behind it, in their order;
    ``refused``: why some were left out, and how many. ``size``: of the file that was made, in bytes."""

    batch_id: str
    account_id: str
    tenant: str | None
    kind: str
    value: str
    ids: tuple[str, ...]
    query: str
    address: str
    state: BatchState
    created_at: datetime
    expires_at: datetime
    done: int = 0
    refused: tuple[tuple[str, int], ...] = ()
    size: int = 0
    error: str = ""
    beat_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def left_out(self) -> int:
        return sum(count for _, count in self.refused)

    @property
    def open(self) -> bool:
        return self.state in (BatchState.WAITING, BatchState.RUNNING)


class BatchStore(Protocol):
    async def add_batch(self, batch: Batch) -> None: ...

    async def batch(self, account_id: str, batch_id: str) -> Batch | None:
        """One's own only."""

    async def batches(self, account_id: str, limit: int = 50) -> list[Batch]:
        """One's own that were confirmed, the latest first."""

    async def start_batch(self, account_id: str, batch_id: str, value: str) -> bool:
        """Confirmed: it waits for its turn. False if it was confirmed before, or is not there."""

    async def next_batch(self, stale: datetime, now: datetime) -> Batch | None:
        """Takes one that waits, or whose worker was not heard of since ``stale``; no two take the same."""

    async def save_batch(self, batch: Batch) -> bool:
        """How far it is. False if it was taken away meanwhile."""

    async def remove_batch(self, account_id: str, batch_id: str) -> bool: ...

    async def expired_batches(self, now: datetime) -> list[str]:
        """Takes away those whose time is over; their ids."""
