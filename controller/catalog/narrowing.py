"""Making a long list short before it is searched: which calls or recordings can fit at all.

What is found here is a superset, and only ever narrows: whether a recording fits is for the conditions
of `conditions.py`. A word that fits too many narrows nothing: then the newest are soon found by walking
down the list.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
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
    text,
    union,
)
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.reading import RecordingFilter
from . import tables as t
from .columns import Text
from .conditions import notes_with, tags_like
from .database import Database
from .gate import Gate
from .rarities import rare, rare_calls
from .searching import number_variants, party_terms
from .terms import asked_of, some_saying

#: More candidates than this are no help: to look so many up takes as long as to walk down the list until a
#: page is full. That is so at the root of a page's rows times all recordings: of a million on SQLite, of ten
#: on PostgreSQL.
MOST = 5_000
MOST_POSTGRES = 20_000
#: Of a tenant's own: what is less rare is found by walking down the list before so many are looked up.
FEW = 3_000
_TRIGRAM = 3
_MOST_GRAMS = 3
_END = _TRIGRAM * 2
_l, _r = t.legs.c, t.recordings.c


async def narrowed(
    connection: AsyncConnection, database: Database, gate: Gate, where: RecordingFilter
) -> list[ColumnElement[bool]]:
    """Conditions on `recordings`, each true of whatever fits."""
    indexed = await has_trigrams(connection, database)
    sqlite = database.sqlite
    most = _most(sqlite)
    narrow: list[ColumnElement[bool]] = []
    for key, query in rare(gate, where):
        ids = await _few(connection, query, FEW, sqlite=sqlite)
        if ids is not None:
            narrow.append(among(key, ids, sqlite=sqlite))
    for variants in (
        party_terms(where.party) if where.party.strip() else [],
        number_variants(where.number) if where.number.strip() else [],
    ):
        if variants and indexed:
            calls = await _calls(connection, variants, sqlite=sqlite)
            if calls is not None:
                narrow.append(among(_r.call_id, calls, sqlite=sqlite))
    for one in asked_of(where.text) if where.text.strip() else ():
        ids = await _few(connection, some_saying(one, most + 1, sqlite=sqlite), most, sqlite=sqlite)
        if ids is not None:
            narrow.append(among(_r.recording_id, ids, sqlite=sqlite))
    for word in where.words:
        ids = await _recordings(connection, gate, word, where.spoken, indexed, sqlite=sqlite)
        if ids is not None:
            narrow.append(among(_r.recording_id, ids, sqlite=sqlite))
    return narrow


async def narrowed_calls(
    connection: AsyncConnection,
    database: Database,
    gate: Gate,
    where: RecordingFilter,
    call_id: ColumnElement[str],
) -> list[ColumnElement[bool]]:
    """The same for a list of calls, by the column that holds a call's id in it."""
    narrow: list[ColumnElement[bool]] = []
    for query in rare_calls(gate, where):
        ids = await _few(connection, query, FEW, sqlite=database.sqlite)
        if ids is not None:
            narrow.append(among(call_id, ids, sqlite=database.sqlite))
    terms = party_terms(where.party) if where.party.strip() else []
    if terms and await has_trigrams(connection, database):
        calls = await _calls(connection, terms, sqlite=database.sqlite)
        if calls is not None:
            narrow.append(among(call_id, calls, sqlite=database.sqlite))
    return narrow


async def _few(connection: AsyncConnection, query: Select[Any], most: int, *, sqlite: bool) -> Found | None:
    """What it finds; None: too many to be of help.

    As one value, which goes back into the next statement as it came: to make rows of thousands of ids takes
    ten times as long as it takes to find them.
    """
    ids = query.limit(most + 1).subquery().c[0]
    together = func.json_group_array(ids, type_=SqlText()) if sqlite else func.array_agg(ids)
    count, value = (await connection.execute(select(func.count(), together))).one()
    return None if count > most else Found(count, value)


def _most(sqlite: bool) -> int:
    return MOST if sqlite else MOST_POSTGRES


async def has_trigrams(connection: AsyncConnection, database: Database) -> bool:
    """Asked once for each open database."""
    if database.trigrams is None:
        if database.sqlite:
            query = "SELECT COUNT(*) FROM sqlite_master WHERE name = 'party_terms'"
        else:
            query = "SELECT COUNT(*) FROM pg_indexes WHERE indexname = 'ix_legs_search_trigrams'"
        database.trigrams = bool((await connection.execute(text(query))).scalar())
    return database.trigrams


def nothing_fits(conditions: list[ColumnElement[bool]]) -> bool:
    """So that nobody need be asked."""
    return any(condition is false() for condition in conditions)


@dataclass(frozen=True, slots=True)
class Found:
    """Ids as the database takes them back: a JSON text for SQLite, a list for PostgreSQL."""

    count: int
    value: Any


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


async def _calls(connection: AsyncConnection, variants: list[str], *, sqlite: bool) -> Found | None:
    """The calls with a party that may have one of these texts in it; None: too many, or too short a text."""
    if any(len(v) < _TRIGRAM for v in variants):
        return None
    if sqlite:
        index = table("party_terms", column("rowid"), column("party_terms"))
        places = table("party_places", column("number"), column("call_id", Text()))
        hits = select(index.c.rowid).where(
            index.c.party_terms.op("MATCH")(
                literal(" OR ".join(dict.fromkeys(map(_match, variants))), SqlText())
            )
        )
        few = hits.limit(_most(sqlite) + 1)
        query: Select[Any] = select(places.c.call_id).where(places.c.number.in_(few))
    else:
        # By their ends, which several ways to write one number have in common.
        ends = dict.fromkeys(v[-_END:] for v in variants)
        query = select(_l.call_id).where(or_(*(_l.search.contains(end, autoescape=True) for end in ends)))
    return await _few(connection, query, _most(sqlite), sqlite=sqlite)


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


async def _recordings(
    connection: AsyncConnection, gate: Gate, word: str, spoken: bool, indexed: bool, *, sqlite: bool
) -> Found | None:
    if not indexed:
        return None
    most = _most(sqlite)
    calls = await _calls(connection, party_terms(word), sqlite=sqlite)
    if calls is None:
        return None
    places: list[Select[Any]] = [
        select(_r.recording_id).where(among(_r.call_id, calls, sqlite=sqlite)),
        tags_like(word).where(gate.tenant(t.tags.c.tenant)),
        notes_with(word).where(gate.tenant(t.notes.c.tenant)),
    ]
    if spoken:
        for one in asked_of(f'"{word}"' if " " in word else word):
            places.append(some_saying(one, most + 1, sqlite=sqlite))
    # No more of each than would be too many.
    each = [select(place.limit(most + 1).subquery().c[0].label("id")) for place in places]
    ids = union(*each).subquery().c.id
    return await _few(connection, select(ids), most, sqlite=sqlite)
