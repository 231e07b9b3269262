"""Deleting recordings: into the trash, out of it again, and the end of everything but the trace. Protocols.

States of a deletion: ``trash`` (whole, hidden, can be restored) → ``purging`` (its files go; no way back) →
``traced`` (nothing is left but the row; the trace is to be sealed) → ``purged``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from .media_ports import StoredFile
from .people import Scope
from .reading import Page, RecordingRow


class DeletionState(StrEnum):
    TRASH = "trash"
    PURGING = "purging"
    TRACED = "traced"
    PURGED = "purged"


@dataclass(frozen=True, slots=True)
class Doomed:
    """A recording whose content has to go. ``paths`` are its segments' in the spool of ``switch``."""

    recording_id: str
    tenant: str
    switch: str
    paths: tuple[str, ...]
    files: tuple[StoredFile, ...]
    erasure: bool = False


@dataclass(slots=True)
class Trashed:
    """What became of a wish to delete: ids that are in the trash now, and those that were refused, each
    with the reason as a whole sentence."""

    done: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """A recording of a person: what would go with it."""

    recording_id: str
    call_id: str
    started_at: datetime
    files: int
    size: int


@dataclass(slots=True)
class Erasure:
    """What the erasure of a person comes to. ``going`` would go (or went), ``held`` are under a legal hold
    and ``refused`` for another reason, each with it; ``shared``: calls in which another tenant took part,
    whose rows keep their names because they are its records too."""

    tenant: str
    person: str
    going: list[Found] = field(default_factory=list)
    held: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)
    shared: list[str] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        return [found.recording_id for found in self.going]


class PersonStore(Protocol):
    """The recordings of one person."""

    async def erasure_of(self, tenant: str, person: str, *, keep: bool = True) -> Erasure:
        """What would go: a user's extension, or exactly a number, however it is written. Changes nothing."""

    async def erase_soon(
        self,
        scope: Scope,
        ids: Sequence[str],
        by: str,
        why: str,
        person: str,
        address: str = "",
        *,
        keep: bool = True,
    ) -> Trashed:
        """Delete these without a time in the trash, names and numbers with them; the purge does it."""


class ErasingCatalog(Protocol):
    """What the one place that removes content (media/erasing.py) reads and writes. All idempotent."""

    async def doomed(self, now: datetime, limit: int, tenants: Collection[str] | None = None) -> list[str]:
        """Ids of what is to be purged: their time in the trash is over, or a purge was begun. The
        longest untried first."""

    async def begin_purge(self, recording_id: str, now: datetime) -> Doomed | None:
        """Take it out of reach for good, unless a legal hold covers it by now or it was restored: None.

        From here on nothing is moved, made or added for it any more.
        """

    async def purge_failed(self, recording_id: str, error: str) -> None: ...

    async def end_purge(self, recording_id: str) -> None:
        """All files are gone: remove every row about its content, and write the trace into the audit."""

    async def untraced(self, limit: int) -> list[str]:
        """Ids whose trace is not yet in the chain, or whose names are to be taken out of it still."""

    async def end_trace(self, recording_id: str) -> bool:
        """The last step, once the chain tells of the deletion: for an erasure, what older entries say of
        the recording is taken out of the chain. False if the chain does not tell of it yet."""


class TrashStore(Protocol):
    """What people do with the trash."""

    async def trash(
        self, scope: Scope, ids: Sequence[str], by: str, why: str, address: str = "", *, keep: bool = True
    ) -> Trashed:
        """Put these into the trash of their tenants. ``keep``: what a rule's minimum keeps is refused."""

    async def restore(self, scope: Scope, recording_id: str, by: str, address: str = "") -> bool:
        """False if it is not in the trash of this scope, or its time is over."""

    async def purge_now(self, scope: Scope, recording_id: str, by: str, address: str = "") -> str:
        """End its time in the trash; "" or why not."""

    async def trash_page(
        self, scope: Scope, *, limit: int = 50, before: str | None = None
    ) -> Page[RecordingRow]: ...
