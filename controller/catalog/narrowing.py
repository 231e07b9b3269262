"""Making a long list short before it is searched: which calls or recordings can fit at all.

What is found here is a superset, and only ever narrows: whether a recording fits is for the conditions
of `conditions.py`. A word that fits too many narrows nothing: then the newest are soon found by walking
down the list.
"""

from __future__ import annotations

import json
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

#: More candidates than this are no help.
MOST = 5_000
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
    found: list[ColumnElement[bool]] = []
    for key, query in rare(gate, where):
        ids = await _few(connection, query, FEW)
        if ids is not None:
            found.append(among(key, ids, sqlite=database.sqlite))
    for variants in (
        party_terms(where.party) if where.party.strip() else [],
        number_variants(where.number) if where.number.strip() else [],
    ):
        if variants and indexed:
            calls = await _calls(connection, variants, sqlite=database.sqlite)
            if calls is not None:
                found.append(among(_r.call_id, calls, sqlite=database.sqlite))
    for one in asked_of(where.text) if where.text.strip() else ():
        ids = await _few(connection, some_saying(one, MOST + 1, sqlite=database.sqlite), MOST)
        if ids is not None:
            found.append(among(_r.recording_id, ids, sqlite=database.sqlite))
    for word in where.words:
        ids = await _recordings(connection, gate, word, where.spoken, indexed, sqlite=database.sqlite)
        if ids is not None:
            found.append(among(_r.recording_id, ids, sqlite=database.sqlite))
    return found


async def narrowed_calls(
    connection: AsyncConnection,
    database: Database,
    gate: Gate,
    where: RecordingFilter,
    call_id: ColumnElement[str],
) -> list[ColumnElement[bool]]:
    """The same for a list of calls, by the column that holds a call's id in it."""
    found: list[ColumnElement[bool]] = []
    for query in rare_calls(gate, where):
        ids = await _few(connection, query, FEW)
        if ids is not None:
            found.append(among(call_id, ids, sqlite=database.sqlite))
    terms = party_terms(where.party) if where.party.strip() else []
    if terms and await has_trigrams(connection, database):
        calls = await _calls(connection, terms, sqlite=database.sqlite)
        if calls is not None:
            found.append(among(call_id, calls, sqlite=database.sqlite))
    return found


async def _few(connection: AsyncConnection, query: Select[Any], most: int) -> set[str] | None:
    """What it finds; None: too many to be of help."""
    rows = (await connection.execute(query.limit(most + 1))).scalars().all()
    return None if len(rows) > most else set(rows)


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


def among(key: ColumnElement[str], ids: set[str], *, sqlite: bool) -> ColumnElement[bool]:
    """``key IN (…)`` with one parameter, however many there are."""
    if not ids:
        return false()
    if sqlite:
        each = func.json_each(literal(json.dumps(sorted(ids)), SqlText())).table_valued("value")
        return key.in_(select(each.c.value))
    # As a table of its own: as a condition it would be held against an index of all the tenant's.
    values = bindparam(None, sorted(ids), ARRAY(SqlText()), unique=True)
    return key.in_(select(func.unnest(values)))


async def _calls(connection: AsyncConnection, variants: list[str], *, sqlite: bool) -> set[str] | None:
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
        query: Select[Any] = select(places.c.call_id).where(places.c.number.in_(hits.limit(MOST + 1)))
    else:
        # By their ends, which several ways to write one number have in common.
        ends = dict.fromkeys(v[-_END:] for v in variants)
        query = select(_l.call_id).where(or_(*(_l.search.contains(end, autoescape=True) for end in ends)))
    rows = (await connection.execute(query.limit(MOST + 1))).scalars().all()
    return None if len(rows) > MOST else set(rows)


def _match(text: str) -> str:
    """Some trigrams of the text, as FTS5 is asked for them: more would be read than they keep away.

    Side by side from the end, where numbers differ; how they begin, and what letters people's names have, a
    good part of all has in common.
    """
    ends = range(len(text), _TRIGRAM - 1, -_TRIGRAM)
    # With the first, where the others leave something over.
    grams = list(dict.fromkeys([*(text[end - _TRIGRAM : end] for end in ends), text[:_TRIGRAM]]))
    telling = [gram for gram in grams if any(c.isdigit() for c in gram)] or grams
    return "(" + " AND ".join('"' + gram.replace('"', '""') + '"' for gram in telling[:_MOST_GRAMS]) + ")"


async def _recordings(
    connection: AsyncConnection, gate: Gate, word: str, spoken: bool, indexed: bool, *, sqlite: bool
) -> set[str] | None:
    if not indexed:
        return None
    calls = await _calls(connection, party_terms(word), sqlite=sqlite)
    if calls is None:
        return None
    found: set[str] = set()
    queries: list[Select[Any]] = [
        select(_r.recording_id).where(among(_r.call_id, calls, sqlite=sqlite)),
        tags_like(word).where(gate.tenant(t.tags.c.tenant)),
        notes_with(word).where(gate.tenant(t.notes.c.tenant)),
    ]
    if spoken:
        for one in asked_of(f'"{word}"' if " " in word else word):
            queries.append(some_saying(one, MOST + 1, sqlite=sqlite))
    for query in queries:
        rows = (await connection.execute(query.limit(MOST + 1))).scalars().all()
        if len(rows) > MOST:
            return None
        found.update(rows)
    return found if len(found) <= MOST else None
