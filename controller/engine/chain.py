"""The chain of proof as the catalog keeps it: rows in order, one chain a tenant, and what is not in it yet.

The catalog orders, `proof` makes and checks what is in the rows; neither knows the other.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from .people import AuditEntry, Scope


@dataclass(frozen=True, slots=True)
class ChainRow:
    """One entry. ``header`` and ``content`` are canonical JSON, ``hash`` and ``signature`` lower-case hex.

    ``source`` names what the entry is about so that it is sealed once only; ``subject`` finds the entries
    about one thing (a recording's id); ``marked_at`` is the state of it that was sealed (see Unsealed).
    """

    tenant: str
    number: int
    source: str
    subject: str
    marked_at: datetime | None
    header: str
    content: str
    hash: str
    signature: str


@dataclass(frozen=True, slots=True)
class Unsealed:
    """A final recording of which this state is not in the chain: ``marked_at`` is when its media state, or
    the latest of its files, was written."""

    tenant: str
    recording_id: str
    marked_at: datetime


#: Given the chain's last row (None: it is to begin) and which sources are not wanted, since it has them
#: already or since they are overtaken, the rows to append.
Extend = Callable[[ChainRow | None, Collection[str]], Sequence[ChainRow]]


class ChainStore(Protocol):
    """``tenant`` "" is the chain of what belongs to no tenant."""

    async def extend_chain(
        self, tenant: str, sources: Sequence[str], extend: Extend, states: Sequence[Unsealed] = ()
    ) -> Sequence[ChainRow]:
        """Append what ``extend`` makes, in one transaction that no other writer of this chain is between.

        ``extend`` is called in a thread, and again if another process was faster. ``states`` are those of
        ``sources`` that are a recording's: one in which it is no longer counts as known. Whoever found it
        was slow, and another process may have sealed a newer one meanwhile, behind which an older one would
        be the last word. Answers what was added.
        """

    async def chain_tenants(self) -> list[str]: ...

    async def chain_head(self, tenant: str) -> ChainRow | None: ...

    async def chain_after(self, tenant: str, number: int, limit: int = 500) -> list[ChainRow]:
        """The rows behind this number, in order."""

    async def chain_about(self, tenant: str, subject: str) -> list[ChainRow]:
        """The rows about one thing, in order."""

    async def unsealed_audit(self, after: int, limit: int) -> list[tuple[int, AuditEntry]]:
        """Lines of the audit behind this number that are in no chain: (number, line), in order."""

    async def newest_audit(self) -> int:
        """The highest number of a line of the audit; 0 without one."""

    async def unsealed_recordings(self, since: datetime | None, limit: int) -> list[Unsealed]:
        """Recordings whose media is final, whose call has ended, and that are not sealed as they are.

        ``since`` bounds ``marked_at`` from below, for speed; None looks at all.
        """

    async def existing_recordings(self, ids: Sequence[str]) -> set[str]:
        """Which of these recordings have a row."""

    async def final_recordings(self, tenant: str, after: str, limit: int) -> list[str]:
        """Ids of the tenant's recordings whose media is final, in order, those behind this one."""


class ProofReader(Protocol):
    """What the web may ask."""

    async def seal_of(self, scope: Scope, recording_id: str) -> ChainRow | None:
        """The latest entry that holds this recording's facts; None if the scope does not cover it, or
        if it is not sealed yet."""


#: How the audit's line about something becomes a source.
def audit_source(number: int) -> str:
    return f"audit:{number}"


def recording_source(recording_id: str, marked_at: datetime) -> str:
    return f"recording:{recording_id}:{marked_at:%Y%m%dT%H%M%S.%f}"
