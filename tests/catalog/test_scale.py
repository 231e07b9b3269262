"""Ten thousand calls: the lists go by their indexes, not through the tables."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import Select, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.catalog import Database, SqlCatalog
from controller.catalog.gate import Gate
from controller.catalog.paging import encode
from controller.catalog.queries import calls_query, recordings_query
from controller.engine.reading import RecordingFilter, Scope

from .conftest import NOW
from .story import BEGIN, Story, inside, outside

CALLS = 10_000
EVERY = RecordingFilter()
_MIDDLE = encode(BEGIN + timedelta(seconds=CALLS / 2), "id000000")


async def fill(catalog: SqlCatalog) -> None:
    """50 tenants with 20 users each; the users' calls are spread evenly over time."""
    for start in range(0, CALLS, 1000):
        story = Story(prefix=f"p{start}x")
        for n in range(start, start + 1000):
            story.at = BEGIN + timedelta(seconds=n)
            tenant = f"t{n % 50}.example" if n % 2 else "red.example"
            story.talk(f"a{n}", inside(str(1000 + n % 20), tenant), f"b{n}", outside(str(n)), seconds=1)
        await story.save(catalog)


async def plan(connection: AsyncConnection, query: Select[object]) -> str:
    if connection.dialect.name == "postgresql":
        compiled = query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
        lines = await connection.execute(text("EXPLAIN " + str(compiled).replace(":", r"\:")))
        return "\n".join(row[0] for row in lines)
    compiled = query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    lines = await connection.execute(text("EXPLAIN QUERY PLAN " + str(compiled).replace(":", r"\:")))
    return "\n".join(row[3] for row in lines)


#: A whole table is read.
_SCAN = re.compile(r"Seq Scan|SCAN \w+$|SCAN \w+ USING (?!INDEX|COVERING)", re.MULTILINE)
#: Rows are sorted that an index could give in order.
_SORT = re.compile(r"TEMP B-TREE|\bSort\b")


@pytest.mark.slow
async def test_lists_go_by_indexes(catalog: SqlCatalog, database: Database) -> None:
    await fill(catalog)
    if database.sqlite:
        await database.tend()  # as the controller does it
    else:
        async with database.writing() as connection:
            await connection.execute(text("ANALYZE"))
    expected = {
        Scope(None): CALLS,
        Scope("red.example"): CALLS // 2,
        Scope("t7.example"): CALLS // 50,
        Scope("t7.example", "1007"): CALLS // 100,
    }
    async with database.reading() as connection:
        for scope in expected:
            for before in (None, _MIDDLE):
                for where in (EVERY, RecordingFilter(since=BEGIN, until=NOW)):
                    for query in (calls_query, recordings_query):
                        found = await plan(connection, query(Gate(scope), where, 50, before))
                        assert not _SCAN.search(found), (scope, found)
                        # A user's rows are few: to find and sort them is as good.
                        assert scope.user is not None or not _SORT.search(found), (scope, found)
        # What the check looks for is there where there is no index for it.
        unindexed = recordings_query(Gate(Scope(None)), EVERY, 50, None).order_by(None)
        found = await plan(connection, unindexed.order_by(text("reason")))
        assert _SCAN.search(found), found
        assert _SORT.search(found), found

    for scope, count in expected.items():
        calls, before = 0, None
        while True:
            page = await catalog.calls(scope, EVERY, limit=500, before=before)
            calls += len(page.items)
            before = page.next
            if before is None:
                break
        assert calls == count
