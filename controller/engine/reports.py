"""Reports: what a period's calls and recordings come to, by tenant, user, queue, day or hour."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import datetime, tzinfo
from enum import StrEnum
from typing import Protocol

from .reading import Scope


class Grouping(StrEnum):
    """``hour`` is the hour of the day, 0 to 23, in the reader's time zone; ``day`` a day of it."""

    DAY = "day"
    HOUR = "hour"
    TENANT = "tenant"
    USER = "user"
    QUEUE = "queue"


@dataclass(frozen=True, slots=True)
class Sums:
    """Of the calls that began in the period. Durations in milliseconds, ``stored`` in bytes.

    ``missing``: tenant and kind of a call that the policy wanted recorded, and nothing can be heard.
    """

    calls: int = 0
    answered: int = 0
    talk_ms: int = 0
    recordings: int = 0
    recorded_ms: int = 0
    stored: int = 0
    pauses: int = 0
    paused_ms: int = 0
    longest_pause_ms: int = 0
    missing: int = 0

    def __add__(self, other: Sums) -> Sums:
        both = {f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(Sums)}
        return Sums(**both | {"longest_pause_ms": max(self.longest_pause_ms, other.longest_pause_ms)})


@dataclass(frozen=True, slots=True)
class ReportRow:
    """``key``: a day as ``2026-11-22``, an hour as ``07``, a tenant, a user, a queue or ring group.
    ``scope`` says which of the last two it is. ``tenant``: whose, "" for a day or an hour."""

    key: str
    sums: Sums
    tenant: str = ""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Storage:
    """Bytes of all files there are now, and of those that were added in the period."""

    now: int
    added: int


class ReportReader(Protocol):
    """Every sum covers what the scope covers, and nothing else. ``since`` is inclusive, ``until`` not."""

    async def report_totals(self, scope: Scope, since: datetime, until: datetime) -> Sums: ...

    async def report(
        self, scope: Scope, by: Grouping, since: datetime, until: datetime, zone: tzinfo
    ) -> list[ReportRow]:
        """Days and hours in order, with those on which nothing was; others with most talk first."""

    async def storage(self, scope: Scope, since: datetime, until: datetime) -> Storage: ...


class ReportSums(Protocol):
    """The sums that are kept so that a report need not count every call."""

    async def count_anew(self) -> int:
        """Some of what has changed since it was counted, the newest first; 0: nothing is left to be done.
        A report is right without it, only slower."""

    async def doubt_all(self) -> int:
        """Have everything counted anew; how many quarters of an hour these are."""
