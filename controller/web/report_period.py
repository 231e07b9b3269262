"""The period of a report: presets and own days, in the reader's time zone, and the one before."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from .language import N_

#: The longest period; a report of more days is more than anybody reads.
MOST_DAYS = 1096

PRESETS = (
    ("today", N_("Today")),
    ("7d", N_("7 days")),
    ("30d", N_("30 days")),
    ("month", N_("This month")),
    ("last-month", N_("Last month")),
    ("90d", N_("90 days")),
    ("365d", N_("365 days")),
)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days of a zone; ``last`` belongs to it."""

    first: date
    last: date
    zone: tzinfo

    @property
    def since(self) -> datetime:
        return datetime.combine(self.first, time(), self.zone)

    @property
    def until(self) -> datetime:
        return datetime.combine(self.last + timedelta(days=1), time(), self.zone)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """As many days, directly before."""
        step = timedelta(days=self.days)
        return Period(self.first - step, self.last - step, self.zone)


def preset(name: str, today: date, zone: tzinfo) -> Period | None:
    if name == "today":
        return Period(today, today, zone)
    if name == "month":
        return Period(today.replace(day=1), today, zone)
    if name == "last-month":
        last = today.replace(day=1) - timedelta(days=1)
        return Period(last.replace(day=1), last, zone)
    if name in ("7d", "30d", "90d", "365d"):
        return Period(today - timedelta(days=int(name[:-1]) - 1), today, zone)
    return None


def own_days(since: str, until: str, today: date, zone: tzinfo) -> Period:
    """Raises ValueError with people's words."""
    try:
        first = date.fromisoformat(since)
        last = date.fromisoformat(until) if until else max(first, today)
    except ValueError as error:
        raise ValueError("That is not a day; use 2026-11-22.") from error
    if last < first:
        raise ValueError("The first day is after the last.")
    if (last - first).days >= MOST_DAYS:
        raise ValueError(f"A report covers {MOST_DAYS} days at most.")
    if first.year < 1971 or last.year > 2900:
        raise ValueError("There are no calls of those days.")
    return Period(first, last, zone)
