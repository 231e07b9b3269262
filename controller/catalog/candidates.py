"""Which calls or recordings can have a text at all, by indexes: too many rather than too few."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    column,
    false,
    func,
    literal,
    or_,
    select,
    table,
    union,
)
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.reading import RecordingFilter
from . import tables as t
from .columns import Text
from .conditions import notes_with, tags_like
from .gate import Gate
from .sampling import estimates
from .searching import number_variants, party_terms
from .terms import Asked, asked_of, fits, some_saying

_TRIGRAM = 3
_MOST_GRAMS = 3
_END = _TRIGRAM * 2
#: The tenant's own notes and tags are found at one go, however many: so many times as many are of help.
NOTED = 5
_l, _r = t.legs.c, t.recordings.c


@dataclass(frozen=True, slots=True)
class Found:
    """Ids as the database takes them back: a JSON text for SQLite, a list for PostgreSQL."""

    count: int
    value: Any


def both(one: Found, other: Found, *, sqlite: bool) -> Found:
    """What is in both. Here, since PostgreSQL would hold each of one against each of the other."""
    a, b = (set(json.loads(x.value) if sqlite else x.value or ()) for x in (one, other))
    return found(a & b, sqlite=sqlite)


def found(ids: Iterable[str], *, sqlite: bool) -> Found:
    each = sorted(set(ids))
    return Found(len(each), json.dumps(each) if sqlite else each)


def among(key: ColumnElement[str], ids: Found, *, sqlite: bool) -> ColumnElement[bool]:
    """``key IN (…)`` with one parameter, however many there are."""
    if not ids.count:
        return false()
    if sqlite:
        each = func.json_each(literal(ids.value, SqlText())).table_valued("value")
        return key.in_(select(each.c.value))
    # As a table of its own: as a condition it would be held against an index of all the tenant's.
    values = bindparam(None, ids.value, ARRAY(SqlText()), unique=True)
    return key.in_(select(func.unnest(values)))


async def few(connection: AsyncConnection, query: Select[Any], most: int, *, sqlite: bool) -> Found | None:
    """What it finds; None: too many to be of help.

    As one value, which goes back into the next statement as it came: to make rows of thousands of ids takes
    ten times as long as it takes to find them.
    """
    ids = query.limit(most + 1).subquery().c[0]
    together = func.json_group_array(ids, type_=SqlText()) if sqlite else func.array_agg(ids)
    count, value = (await connection.execute(select(func.count(), together))).one()
    return None if count > most else Found(count, value)


class Party:
    """A text in a party of the call: narrows by the call's id."""

    key: ColumnElement[str] = _r.call_id

    def __init__(self, variants: list[str], *, sqlite: bool) -> None:
        self._variants, self._sqlite = variants, sqlite
        self.letters = min(map(len, variants))

    @property
    def indexed(self) -> bool:
        """Whether it is long enough for an index of three letters each."""
        return self.letters >= _TRIGRAM

    def _places(self, most: int) -> Select[Any]:
        if not self._sqlite:
            return select(_l.call_id).where(self.in_legs(_l))
        index = table("party_terms", column("rowid"), column("party_terms"))
        there = table("party_places", column("number"), column("call_id", Text()))
        wanted = " OR ".join(dict.fromkeys(map(_match, self._variants)))
        hits = select(index.c.rowid).where(index.c.party_terms.op("MATCH")(literal(wanted, SqlText())))
        return select(there.c.call_id).where(there.c.number.in_(hits.limit(most + 1)))

    async def candidates(self, connection: AsyncConnection, most: int) -> Found | None:
        """None: too many."""
        return await few(connection, self._places(most), most, sqlite=self._sqlite)

    def in_legs(self, leg: Any) -> ColumnElement[bool]:
        # By their ends, which several ways to write one number have in common.
        ends = dict.fromkeys(v[-_END:] for v in self._variants)
        return or_(*(leg.search.contains(end, autoescape=True) for end in ends))


class Said:
    """Words in what was said."""

    key: ColumnElement[str] = _r.recording_id

    def __init__(self, asked: Asked, *, sqlite: bool) -> None:
        self._asked, self._sqlite = asked, sqlite
        self.letters = sum(map(len, asked.terms))

    async def candidates(self, connection: AsyncConnection, most: int) -> Found | None:
        return await few(connection, self.saying(most), most, sqlite=self._sqlite)

    def saying(self, most: int) -> Select[Any]:
        return some_saying(self._asked, most + 1, sqlite=self._sqlite)

    def in_utterances(self, utterance: Any) -> ColumnElement[bool]:
        return fits(self._asked, utterance, sqlite=self._sqlite)


class FreeWord:
    """A word in a party, a tag, a note or in what was said."""

    key: ColumnElement[str] = _r.recording_id

    def __init__(self, gate: Gate, word: str, party: Party, spoken: bool, *, sqlite: bool) -> None:
        self._sqlite, self.party = sqlite, party
        self.letters = party.letters
        self._noted: list[Select[Any]] = [
            tags_like(word).where(gate.tenant(t.tags.c.tenant)),
            notes_with(word).where(gate.tenant(t.notes.c.tenant)),
        ]
        asked = asked_of(f'"{word}"' if " " in word else word) if spoken else []
        self.said = [Said(one, sqlite=sqlite) for one in asked]

    async def candidates(self, connection: AsyncConnection, most: int) -> Found | None:
        calls = await self.party.candidates(connection, most)
        if calls is None:
            return None
        of_calls = select(_r.recording_id).where(among(_r.call_id, calls, sqlite=self._sqlite))
        said = [one.saying(most) for one in self.said]
        # No more of each than would be too many.
        many = most if self._sqlite else most * NOTED
        each = [
            select(place.limit(limit + 1).subquery().c[0].label("id"))
            for place, limit in (
                (of_calls, most),
                *((x, many) for x in self._noted),
                *((x, most) for x in said),
            )
        ]
        return await few(connection, select(union(*each).subquery().c.id), many, sqlite=self._sqlite)


Asking = Party | Said | FreeWord


def texts_asked(gate: Gate, where: RecordingFilter, indexed: bool, *, sqlite: bool) -> Iterator[Asking]:
    """Each text that is asked for and that an index knows; ``indexed``: parties have theirs."""
    for variants in (
        party_terms(where.party) if where.party.strip() else [],
        number_variants(where.number) if where.number.strip() else [],
    ):
        if variants and indexed and (party := Party(variants, sqlite=sqlite)).indexed:
            yield party
    for one in asked_of(where.text) if where.text.strip() else ():
        yield Said(one, sqlite=sqlite)
    for word in where.words if indexed else ():
        variants = party_terms(word)
        if variants and (party := Party(variants, sqlite=sqlite)).indexed:
            yield FreeWord(gate, word, party, where.spoken, sqlite=sqlite)


async def rarest_first(
    connection: AsyncConnection, asked: Sequence[Asking], *, sqlite: bool
) -> list[tuple[Asking, int | None]]:
    """With how many each may find in parties and in what was said (None: not known); of those that may find
    as many, the longest text first."""
    longest = sorted(asked, key=lambda one: -one.letters)
    if sqlite or not asked:
        return [(one, None) for one in longest]
    parties = {one: _party_of(one) for one in asked}
    said = [(one, each) for one in asked for each in _said_of(one)]
    sums = dict.fromkeys(asked, 0)
    for table_, which in (
        (t.legs, [(one, party.in_legs) for one, party in parties.items() if party is not None]),
        (t.utterances, [(one, each.in_utterances) for one, each in said]),
    ):
        found_ = await estimates(connection, table_, [fits_ for _, fits_ in which]) if which else []
        if found_ is None:
            return [(one, None) for one in longest]
        for (one, _), count in zip(which, found_, strict=True):
            sums[one] += count
    return [(one, sums[one]) for one in sorted(longest, key=lambda one: sums[one])]


def _party_of(one: Asking) -> Party | None:
    return one.party if isinstance(one, FreeWord) else one if isinstance(one, Party) else None


def _said_of(one: Asking) -> list[Said]:
    return one.said if isinstance(one, FreeWord) else [one] if isinstance(one, Said) else []


def _match(text: str) -> str:
    """Some trigrams of the text, as FTS5 is asked for them: more would be read than they keep away.

    Side by side from the end, where numbers differ; how they begin, and what letters people's names have, a
    good part of all has in common.
    """
    side_by_side = [text[end - _TRIGRAM : end] for end in range(len(text), _TRIGRAM - 1, -_TRIGRAM)]
    # With the first, where the others leave something over.
    grams = list(dict.fromkeys([*side_by_side, text[:_TRIGRAM]]))
    # Of a name with a short number behind it, those that hold both together as well.
    each = [text[at : at + _TRIGRAM] for at in range(len(text) - _TRIGRAM, -1, -1)]
    telling = list(dict.fromkeys(gram for gram in [*grams, *each] if any(c.isdigit() for c in gram))) or grams
    return "(" + " AND ".join('"' + gram.replace('"', '""') + '"' for gram in telling[:_MOST_GRAMS]) + ")"
