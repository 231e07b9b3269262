"""How long a recording is kept: rules with a minimum and a maximum, legal holds above them all.

The truth table in docs/reference/retention.md is this module's, and its test.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from .errors import InvalidPolicy

#: A hundred years; more is `keep_forever`.
MOST_DAYS = 36_500
MOST_NAME = 253

_NOT_DIGITS = re.compile(r"[^0-9]+")
#: From here on a number's end tells enough of it for a hold: with and without the country's code.
_TELLING_DIGITS = 6


class RuleScope(StrEnum):
    """Whose recordings a rule is about; all rules that apply count together, none replaces another."""

    TENANT = "tenant"
    QUEUE = "queue"
    USER = "user"
    TAG = "tag"


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """``keep_days``: at least so long (0: says nothing); ``delete_after_days``: no longer (0: says
    nothing). Days of 24 hours from the recording's end. Raises InvalidPolicy."""

    tenant: str
    scope: RuleScope = RuleScope.TENANT
    name: str = ""
    keep_days: int = 0
    keep_forever: bool = False
    delete_after_days: int = 0

    def __post_init__(self) -> None:
        if not self.tenant:
            raise InvalidPolicy("a retention rule needs a tenant")
        if (self.scope is RuleScope.TENANT) != (not self.name):
            raise InvalidPolicy(
                "the tenant's own retention rule has no name"
                if self.name
                else f"a retention rule of a {self.scope} needs the {self.scope}'s name"
            )
        if len(self.name) > MOST_NAME:
            raise InvalidPolicy(f"name: at most {MOST_NAME} characters")
        for key, days in (("keep_days", self.keep_days), ("delete_after_days", self.delete_after_days)):
            if not 0 <= days <= MOST_DAYS:
                raise InvalidPolicy(f"{key} is 0 (says nothing) to {MOST_DAYS} days")
        if self.keep_forever and self.keep_days:
            raise InvalidPolicy("keep_days: for ever is longer than any number of days; give one of the two")
        if (self.keep_forever or self.keep_days > self.delete_after_days) and self.delete_after_days:
            raise InvalidPolicy("delete_after_days: it would delete what the same rule keeps")

    @property
    def subject(self) -> str:
        return f"tenant {self.tenant}" if self.scope is RuleScope.TENANT else f"{self.scope} {self.name}"

    @property
    def says(self) -> str:
        """The rule in words."""
        parts = []
        if self.keep_forever:
            parts.append("keep for ever")
        elif self.keep_days:
            parts.append(f"keep at least {days(self.keep_days)}")
        if self.delete_after_days:
            parts.append(f"delete after {days(self.delete_after_days)}")
        return ", ".join(parts) or "nothing"


def days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


@dataclass(frozen=True, slots=True)
class Hold:
    """A legal hold. It covers the recordings that it names, and, as a standing matter, those of a
    person (a user's extension or a number) and of a span of time, new ones too; a hold with neither
    person nor span covers only what it names."""

    hold_id: str
    tenant: str
    name: str
    person: str = ""
    since: datetime | None = None
    until: datetime | None = None

    @property
    def standing(self) -> bool:
        return bool(self.person) or self.since is not None or self.until is not None


@dataclass(frozen=True, slots=True)
class Kept:
    """What of a recording decides how long it is kept. ``numbers`` as they were dialled or shown;
    ``users`` and ``queues`` are the tenant's own; ``holds`` the ids of those that name it."""

    recording_id: str
    tenant: str
    started_at: datetime
    ended_at: datetime
    users: frozenset[str] = frozenset()
    queues: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    holds: frozenset[str] = frozenset()


class Verdict(StrEnum):
    HELD = "held"  # a legal hold: nothing may delete it
    FOREVER = "forever"  # no rule ever deletes it
    KEPT = "kept"  # until `keep_until`
    DUE = "due"  # it is to be deleted


@dataclass(frozen=True, slots=True)
class Fate:
    """``keep_until``: when it is to be deleted, None: never. ``minimum_until``: before this nobody may
    delete it but by an erasure; None: never. ``reason`` is a whole sentence."""

    verdict: Verdict
    keep_until: datetime | None
    reason: str
    minimum_until: datetime | None = None


def decide(recording: Kept, rules: Iterable[RetentionRule], holds: Iterable[Hold], now: datetime) -> Fate:
    """A hold keeps whatever it covers. Otherwise the longest minimum of all rules that apply wins over
    the shortest maximum of them; without any maximum nothing is ever deleted."""
    over = covering(recording, holds)
    applying = [rule for rule in rules if applies(rule, recording)]
    forever = next((r for r in applying if r.keep_forever), None)
    least = max((r for r in applying if r.keep_days), key=lambda r: r.keep_days, default=None)
    most = min((r for r in applying if r.delete_after_days), key=lambda r: r.delete_after_days, default=None)
    minimum = None if forever else _after(recording, least.keep_days if least else 0)
    if over:
        names = ", ".join(f"“{hold.name}”" for hold in over)
        return Fate(Verdict.HELD, None, f"kept because of the legal hold {names}", minimum)
    if forever is not None:
        return Fate(Verdict.FOREVER, None, f"kept because {forever.subject} keeps for ever", None)
    if most is None:
        return Fate(Verdict.FOREVER, None, "kept because no rule deletes it", minimum)
    if least is not None and least.keep_days > most.delete_after_days:
        at, why = _after(recording, least.keep_days), f"{least.subject} keeps {days(least.keep_days)}"
        why += f", longer than {most.subject} ({days(most.delete_after_days)})"
    else:
        at = _after(recording, most.delete_after_days)
        why = f"{most.subject} deletes after {days(most.delete_after_days)}"
    if now < at:
        return Fate(Verdict.KEPT, at, f"kept until {at:%Y-%m-%d %H:%M} UTC: {why}", minimum)
    return Fate(Verdict.DUE, at, f"to be deleted since {at:%Y-%m-%d %H:%M} UTC: {why}", minimum)


def _after(recording: Kept, number: int) -> datetime:
    return recording.ended_at + timedelta(days=number)


def applies(rule: RetentionRule, recording: Kept) -> bool:
    if rule.tenant != recording.tenant:
        return False
    match rule.scope:
        case RuleScope.TENANT:
            return True
        case RuleScope.QUEUE:
            return rule.name in recording.queues
        case RuleScope.USER:
            return rule.name in recording.users
        case RuleScope.TAG:
            return rule.name in recording.tags


def covering(recording: Kept, holds: Iterable[Hold]) -> list[Hold]:
    """The holds that cover this recording."""
    return [hold for hold in holds if hold.tenant == recording.tenant and _covers(hold, recording)]


def _covers(hold: Hold, recording: Kept) -> bool:
    if hold.hold_id in recording.holds:
        return True
    if not hold.standing:
        return False
    if hold.since is not None and recording.ended_at < hold.since:
        return False
    if hold.until is not None and recording.started_at >= hold.until:
        return False
    return not hold.person or any(_held_number(hold.person, n) for n in recording.numbers) or (
        hold.person in recording.users
    )  # fmt: skip


def _held_number(person: str, number: str) -> bool:
    """A hold rather covers too much: with or without the country's code it is the same number."""
    if person == number:
        return True
    one, other = digits(person), digits(number)
    if not one or not other:
        return False
    short, long = sorted((one.lstrip("0"), other.lstrip("0")), key=len)
    return one == other or (len(short) >= _TELLING_DIGITS and long.endswith(short))


def digits(text: str) -> str:
    """A number's digits; the international prefix 00 is the same as +."""
    found = _NOT_DIGITS.sub("", text)
    return found[2:] if found.startswith("00") else found


def is_person(person: str, users: Iterable[str], numbers: Iterable[str]) -> bool:
    """Whether exactly this person is meant: an erasure must never take somebody else's recordings."""
    wanted = digits(person)
    if not person:
        return False
    return person in users or any(n == person or (len(wanted) > 2 and digits(n) == wanted) for n in numbers)


def minimum_of(recording: Kept, rules: Sequence[RetentionRule]) -> RetentionRule | None:
    """The rule that keeps it the longest; None if none has a minimum."""
    applying = [r for r in rules if applies(r, recording) and (r.keep_days or r.keep_forever)]
    return max(applying, key=lambda r: (r.keep_forever, r.keep_days), default=None)
