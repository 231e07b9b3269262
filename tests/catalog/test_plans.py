"""Every question that the benchmark of the catalog asks goes by an index on both databases: no table that
grows with the calls is read through."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import pytest
from sqlalchemy import text

from benchmarks import catalog as asked
from benchmarks.catalog_rows import fill
from controller.catalog import Database, SqlCatalog
from controller.engine.reading import Scope
from controller.engine.report_keeper import ReportKeeper

from .overheard import Statement, overheard

ROWS = 6_000
TENANT = Scope("t0.example")
#: Tables with rows for every call. (What is small is read through with good reason.)
_GROWING = (
    "calls|call_views|call_routes|legs|decisions|recordings|files|pauses|recording_tags|recording_notes|"
    "utterances|transcripts|report_sums|report_calls|party_places|of_user|own|ways|anew|earlier"
)
_READ_THROUGH = re.compile(rf"SCAN ({_GROWING})\b|Seq Scan on ({_GROWING})\b")


async def read_through(database: Database, seen: Sequence[Statement]) -> list[str]:
    """The plans of those statements that read a growing table through."""
    found = []
    async with database.reading() as connection:
        if not database.sqlite:
            # With so few rows it would rather read a table through; so it does where there is no other way.
            await connection.execute(text("SET LOCAL enable_seqscan = off"))
        explain = "EXPLAIN QUERY PLAN " if database.sqlite else "EXPLAIN "
        for statement, parameters in seen:
            if not statement.lstrip().startswith(("SELECT", "INSERT", "DELETE")):
                continue
            rows = (await connection.exec_driver_sql(explain + statement, parameters)).all()
            plan = "\n".join(str(row[-1]) for row in rows)
            # To count over an index alone, or to walk it in its order, is no reading through.
            if any(_READ_THROUGH.search(line) and "USING" not in line for line in plan.splitlines()):
                found.append(f"{statement}\n{plan}")
    return found


async def test_no_question_reads_a_table_through(catalog: SqlCatalog, database: Database) -> None:
    asked._size[0] = ROWS
    await fill(database, ROWS)
    await catalog.doubt_all()
    with overheard(database) as counting:
        await catalog.count_anew()
    await ReportKeeper(catalog, breath_s=0).round()
    # What marks everything anew does read everything; this is one day's counting.
    assert await read_through(database, counting) == []
    for what, ask in asked.QUESTIONS.items():
        answer = await ask(catalog, TENANT, random.Random(1))
        with overheard(database) as seen:
            await answer()
        assert seen, what
        assert await read_through(database, seen) == [], what


async def test_what_is_looked_for_is_found_where_there_is_no_index(database: Database) -> None:
    await fill(database, 500)
    query = "SELECT call_id FROM legs WHERE cause = 'x'"
    (found,) = await read_through(database, [(query, ())])
    assert "legs" in found


@pytest.mark.parametrize("line", ["SCAN calls", "  ->  Seq Scan on call_views v  (cost=0.00..1)"])
def test_the_words_of_the_plans(line: str) -> None:
    assert _READ_THROUGH.search(line)
