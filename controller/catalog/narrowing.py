"""Making a long list short before it is searched: which calls or recordings can fit at all.

What is found here is a superset, and only ever narrows: whether a recording fits is for the conditions
of `conditions.py`. A word that fits too many narrows nothing: then the newest are soon found by walking
down the list (walking.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, false, text
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.reading import RecordingFilter
from .candidates import Found, Party, among, both, few, rarest_first, texts_asked
from .database import Database
from .gate import Gate
from .rarities import rare, rare_calls
from .searching import party_terms

#: More candidates than this are no help: to look so many up takes as long as to walk down the list until a
#: page is full. That is so at the root of a page's rows times all recordings: of a million on SQLite, of ten
#: on PostgreSQL.
MOST = 5_000
MOST_POSTGRES = 20_000
#: What is estimated at so many times too many is not asked for: to find them all takes a second.
FAR_TOO_MANY = 1.5
#: With so few candidates nothing more is asked for: all of it is looked up for each of them anyway.
ENOUGH = 500
#: Of a tenant's own: what is less rare is found by walking down the list before so many are looked up.
FEW = 3_000


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Conditions on `recordings`, each true of whatever fits; the rarest has ``fewest`` candidates."""

    conditions: tuple[ColumnElement[bool], ...] = ()
    fewest: int = 0


async def narrowed(
    connection: AsyncConnection, database: Database, gate: Gate, where: RecordingFilter
) -> Narrowed:
    indexed = await has_trigrams(connection, database)
    sqlite = database.sqlite
    most = _most(sqlite)
    #: By the column of which they are.
    narrow: dict[ColumnElement[str], Found] = {}

    def keep(key: ColumnElement[str], ids: Found) -> None:
        narrow[key] = both(narrow[key], ids, sqlite=sqlite) if key in narrow else ids

    for key, query in rare(gate, where):
        ids = await few(connection, query, FEW, sqlite=sqlite)
        if ids is not None:
            keep(key, ids)
    asked = list(texts_asked(gate, where, indexed, sqlite=sqlite))
    for one, estimate in await rarest_first(connection, asked, sqlite=sqlite):
        if narrow and not _worth(estimate, min(x.count for x in narrow.values())):
            break
        if estimate is not None and estimate > most * FAR_TOO_MANY:
            break
        ids = await one.candidates(connection, most)
        if ids is not None:
            keep(one.key, ids)
    if not narrow:
        return Narrowed()
    # The others are looked at row by row.
    key, ids = min(narrow.items(), key=lambda pair: pair[1].count)
    return Narrowed((among(key, ids, sqlite=sqlite),), ids.count)


def _worth(estimate: int | None, fewest: int) -> bool:
    """Whether to ask for what is estimated so (None: not known), with so few candidates already."""
    return fewest > ENOUGH and (estimate is None or estimate < fewest * 2)


async def narrowed_calls(
    connection: AsyncConnection,
    database: Database,
    gate: Gate,
    where: RecordingFilter,
    call_id: ColumnElement[str],
) -> list[ColumnElement[bool]]:
    """The same for a list of calls, by the column that holds a call's id in it."""
    sqlite = database.sqlite
    most = _most(sqlite)
    fit: Found | None = None
    for query in rare_calls(gate, where):
        ids = await few(connection, query, FEW, sqlite=sqlite)
        if ids is not None:
            fit = ids if fit is None else both(fit, ids, sqlite=sqlite)
    terms = party_terms(where.party) if where.party.strip() else []
    if terms and await has_trigrams(connection, database):
        party = Party(terms, sqlite=sqlite)
        asked = [party] if party.indexed else []
        for one, estimate in await rarest_first(connection, asked, sqlite=sqlite):
            if estimate is not None and estimate > most * FAR_TOO_MANY:
                break
            ids = await one.candidates(connection, most)
            if ids is not None:
                fit = ids if fit is None else both(fit, ids, sqlite=sqlite)
    return [] if fit is None else [among(call_id, fit, sqlite=sqlite)]


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


def nothing_fits(conditions: Iterable[ColumnElement[bool]]) -> bool:
    """So that nobody need be asked."""
    return any(condition is false() for condition in conditions)
