"""How lists of recordings are asked for: in which order, in which state, and free words taken apart."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from ..core.direction import Direction
from ..core.errors import TapelineError
from .people import Account, Scope

#: Words of a free search that count; the rest is left out.
MOST_TERMS = 8
MOST_TYPED = 500


class Order(StrEnum):
    NEWEST = "newest"
    OLDEST = "oldest"
    LONGEST = "longest"
    SHORTEST = "shortest"
    LARGEST = "largest"
    SMALLEST = "smallest"


class Stand(StrEnum):
    """How a recording is, as people ask for it."""

    RUNNING = "running"
    AVAILABLE = "available"
    WORKING = "working"
    SILENT = "silent"
    INTERRUPTED = "interrupted"
    EMPTY = "empty"
    FAILED = "failed"
    NOT_KEPT = "not_kept"


class Recorded(StrEnum):
    """Of a call: ``yes`` there is a recording (or was, and has been deleted); ``no`` there is none;
    ``missing`` there should be one, and there is none that can be heard (see `catalog.missing`)."""

    YES = "yes"
    NO = "no"
    MISSING = "missing"


class SearchTooLong(TapelineError):
    """A search that can give no part of its answer took too long; the text says what would do."""

    def __init__(self) -> None:
        super().__init__("the search took too long: ask for a shorter span of time or for a rarer word")


@dataclass(frozen=True, slots=True)
class RecordingFilter:
    """``party`` matches a part of any number, name or user in the call; all else is exact or a
    range (from inclusive, to exclusive). Durations in milliseconds. ``text``: what was said (recordings
    only); words or their beginnings, all of them, and "a phrase". Of calls only: ``recorded``, ``rule`` (a
    decision's code) and ``switch``."""

    party: str = ""
    since: datetime | None = None
    until: datetime | None = None
    direction: Direction | None = None
    min_ms: int | None = None
    max_ms: int | None = None
    kind: str | None = None
    call_id: str | None = None
    text: str = ""
    recorded: Recorded | None = None
    rule: str = ""
    switch: str = ""
    #: Recordings only, from here on. ``number``: a part of a number, in any way of writing it.
    number: str = ""
    user: str = ""
    queue: str = ""
    group: str = ""
    tag: str = ""
    held: bool | None = None
    paused: bool | None = None
    format: str = ""
    stand: Stand | None = None
    #: Each word in a party, a tag, a note or, with ``spoken``, in what was said.
    words: tuple[str, ...] = ()
    spoken: bool = False
    order: Order = Order.NEWEST


@dataclass(frozen=True, slots=True)
class SavedView:
    """``query`` as it stands in the list's address; ``owner`` is a login."""

    view_id: str
    account_id: str
    owner: str
    tenant: str | None
    name: str
    query: str
    shared: bool


class ListStore(Protocol):
    """What accounts keep of their lists, and which recordings a list is about."""

    async def list_columns(self, account_id: str, name: str) -> list[str] | None: ...
    async def set_list_columns(self, account_id: str, name: str, columns: Sequence[str]) -> None: ...

    async def saved_views(self, me: Account) -> list[SavedView]:
        """One's own, and those that others of the tenant share."""

    async def save_view(self, me: Account, view_id: str, name: str, query: str, *, shared: bool) -> None:
        """Raises InvalidPolicy."""

    async def remove_view(self, me: Account, view_id: str) -> bool:
        """One's own only."""

    async def matching(self, scope: Scope, where: RecordingFilter, limit: int) -> list[str]:
        """The ids of what a list shows, in its order."""

    async def reached(self, scope: Scope, ids: Sequence[str]) -> list[str]:
        """Those of these that the scope sees, in their order."""

    async def undeletable(self, scope: Scope, ids: Sequence[str]) -> dict[str, str]:
        """Why these would not go into the trash now; those that would are not in it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A free search taken apart: words, all of which must be found, and ``key:value`` pairs."""

    words: tuple[str, ...] = ()
    pairs: dict[str, str] = field(default_factory=dict)


#: The keys that a free search knows. What looks like another one is a word like others.
KEYS = (
    "party", "number", "user", "queue", "group", "tag", "direction", "is", "format", "text", "since", "until",
    "longer", "shorter",
)  # fmt: skip

_PAIR = re.compile(rf'(?<!\S)({"|".join(KEYS)}):(?:"([^"]*)"|(\S+))', re.IGNORECASE)
# A number as people write it: with a plus, spaces, dashes, brackets.
_NUMBER = re.compile(r"(?<![\w.])(?:\+|\()?[0-9][0-9 ()/.\-]{2,38}[0-9](?![\w.])")
_WORD = re.compile(r'"([^"]*)"|(\S+)')


def taken_apart(typed: str) -> Asked:
    """Never fails: what it does not understand are words."""
    typed = typed[:MOST_TYPED]
    pairs: dict[str, str] = {}
    for key, quoted, bare in _PAIR.findall(typed):
        pairs.setdefault(key.lower(), (quoted or bare).strip())
    rest, words = _PAIR.sub(" ", typed), []
    # In quotes it is a text, not a number to be put together.
    for part in re.split(r'("[^"]*")', rest):
        if part.startswith('"'):
            continue
        words += [" ".join(n.split()) for n in _NUMBER.findall(part)]
    outside = "".join(p if p.startswith('"') else _NUMBER.sub(" ", p) for p in re.split(r'("[^"]*")', rest))
    words += [(quoted or bare).strip() for quoted, bare in _WORD.findall(outside)]
    plain = [w.strip('"') for w in words if w.strip('"')]
    return Asked(tuple(dict.fromkeys(plain))[:MOST_TERMS], {k: v for k, v in pairs.items() if v})
