"""Lists, filters, searches and reports of a catalog against its number of recordings, on both databases."""

from __future__ import annotations

import asyncio
import os
import random
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.catalog import Database, SqlCatalog, open_database
from controller.core.direction import Direction
from controller.engine.garbage import spare_the_loop
from controller.engine.listing import Order, Recorded, Stand
from controller.engine.reading import RecordingFilter, Scope
from controller.engine.report_keeper import ReportKeeper
from controller.engine.reports import Grouping
from tests.catalog import cluster
from tests.catalog.conftest import _make
from tests.catalog.overheard import Statement, overheard

from .catalog_rows import TENANTS, fill, second_of, tenant_of
from .result import Aim, Result, percentile


def _counts(name: str, most: str) -> tuple[int, ...]:
    return tuple(int(n) for n in os.environ.get(name, most).split(",") if n)


#: How many recordings; nothing: not on this database.
SQLITE, POSTGRES = _counts("CATALOG_SQLITE", "1000000"), _counts("CATALOG_POSTGRES", "10000000")
#: A database of one's own instead of a private one; what was filled there before is asked as it is.
POSTGRES_AT = os.environ.get("CATALOG_POSTGRES_AT", "")
_EACH = (("SQLite", SQLITE), ("PostgreSQL", POSTGRES))
ROUNDS = int(os.environ.get("CATALOG_ROUNDS", "100"))
#: A question that takes seconds is asked less often.
MOST_S = float(os.environ.get("CATALOG_SECONDS", "20"))
AIM_MS, AIM_RATIO = 50, 3
F = RecordingFilter

Answer = Callable[[], Awaitable[Sequence[str]]]
#: Makes a question up, which takes no time of it; what it gives asks it, and answers the ids found.
Ask = Callable[[SqlCatalog, Scope, random.Random], Awaitable[Answer]]


def run() -> Result:
    every = ", ".join(f"{n:,} in {name}" for name, counts in _EACH for n in counts)
    result = Result("catalog", f"The catalog with many recordings: {every}")
    for count in SQLITE:
        with tempfile.TemporaryDirectory(prefix="tapeline-catalog-") as folder:
            asyncio.run(_measure(result, "SQLite", f"sqlite+aiosqlite:///{folder}/tapeline.db", count))
    if POSTGRES_AT:
        for count in POSTGRES:
            asyncio.run(_measure(result, "PostgreSQL", POSTGRES_AT, count))
        return result
    programs = cluster.programs() if POSTGRES else None
    if POSTGRES and programs is None:
        result.notes.append("no PostgreSQL here")
    if programs is not None:
        with cluster.running(programs) as server:
            for count in POSTGRES:
                asyncio.run(_make(server, f"rows_{count}"))
                asyncio.run(_measure(result, "PostgreSQL", f"{server}/rows_{count}", count))
    return result


def _recordings(**where: Any) -> Ask:
    async def ask(catalog: SqlCatalog, scope: Scope, dice: random.Random) -> Answer:
        given = F(**{k: v(dice) if callable(v) else v for k, v in where.items()})
        return lambda: _ids(catalog, scope, given)

    return ask


async def _in_the_midst(catalog: SqlCatalog, scope: Scope, dice: random.Random) -> Answer:
    first = await catalog.recordings(scope, F(until=_time(dice)), limit=1)
    return lambda: _ids(catalog, scope, F(), first.next)


async def _ids(
    catalog: SqlCatalog, scope: Scope, where: RecordingFilter, before: str | None = None
) -> Sequence[str]:
    page = await catalog.recordings(scope, where, before=before)
    return [row.recording_id for row in page.items]


def _calls(**where: Any) -> Ask:
    async def ask(catalog: SqlCatalog, scope: Scope, dice: random.Random) -> Answer:
        given = F(**{k: v(dice) if callable(v) else v for k, v in where.items()})

        async def answer() -> Sequence[str]:
            return [row.call_id for row in (await catalog.calls(scope, given)).items]

        return answer

    return ask


async def _call_page(catalog: SqlCatalog, scope: Scope, dice: random.Random) -> Answer:
    (tenant,) = (scope.tenant or "t0.example",)
    number = int(tenant[1:].partition(".")[0])
    n = dice.randrange(1, _size[0])
    while tenant_of(n) != number:
        n += 1

    async def answer() -> Sequence[str]:
        found = await catalog.call(scope, f"c{n:09}")
        return [found.row.call_id] if found else []

    return answer


def _report(by: Grouping | None, days: int) -> Ask:
    async def ask(catalog: SqlCatalog, scope: Scope, dice: random.Random) -> Answer:
        until = datetime.fromtimestamp(second_of(_size[0], _size[0]), UTC)
        since = until - timedelta(days=days)

        async def answer() -> Sequence[str]:
            if by is None:
                await catalog.report_totals(scope, since, until)
            else:
                await catalog.report(scope, by, since, until, UTC)
            return []

        return answer

    return ask


_size = [0]


def _time(dice: random.Random) -> datetime:
    return datetime.fromtimestamp(second_of(dice.randrange(_size[0] // 2, _size[0]), _size[0]), UTC)


def _number(dice: random.Random) -> str:
    return f"+4930{10_000_000 + dice.randrange(1, _size[0]) * 7919 % 89_999_999}"


QUESTIONS: dict[str, Ask] = {
    "list, newest": _recordings(),
    "list, in the midst": _in_the_midst,
    "list, longest": _recordings(order=Order.LONGEST),
    "list, largest": _recordings(order=Order.LARGEST),
    "since and until": _recordings(
        since=lambda d: _time(d) - timedelta(days=1), until=lambda d: _time(d) + timedelta(days=30)
    ),
    "party, a whole number": _recordings(party=_number),
    "party, a name": _recordings(party=lambda d: f"customer {d.randrange(49_999)}"),
    "party, nobody": _recordings(party="nobody is called so"),
    "number": _recordings(number=_number),
    "free words": _recordings(words=lambda d: ("anna", f"{d.randrange(49_999)}")),
    "user": _recordings(user=lambda d: str(1000 + d.randrange(50))),
    "queue": _recordings(queue="sales"),
    "tag": _recordings(tag="complaint"),
    "held": _recordings(held=True),
    "paused": _recordings(paused=True),
    "not paused": _recordings(paused=False),
    "format MP3": _recordings(format="mp3"),
    "format that nobody has": _recordings(format="amr"),
    "video": _recordings(kind="video"),
    "direction": _recordings(direction=Direction.INBOUND),
    "failed": _recordings(stand=Stand.FAILED),
    "empty": _recordings(stand=Stand.EMPTY),
    "ring group": _recordings(group="night"),
    "said": _recordings(text=lambda d: f"w{d.randrange(3001)} v"),
    "a note's words": _recordings(words=lambda d: ("refund", str(d.randrange(9973)))),
    "silent (none is)": _recordings(stand=Stand.SILENT),
    "running (none is)": _recordings(stand=Stand.RUNNING),
    "longer than 15 min": _recordings(min_ms=900_000),
    "longer than an hour (none is)": _recordings(min_ms=3_600_000),
    "CDR, newest": _calls(),
    "CDR, party": _calls(party=_number),
    "CDR, nobody": _calls(party="nobody is called so"),
    "CDR, not recorded (none is)": _calls(recorded=Recorded.NO),
    "CDR, missing": _calls(recorded=Recorded.MISSING),
    "CDR, queue": _calls(queue="sales"),
    "CDR, user": _calls(user=lambda d: str(1000 + d.randrange(50))),
    "a call's page": _call_page,
    "report, 30 days": _report(None, 30),
    "report by day, 30 days": _report(Grouping.DAY, 30),
    "report by user, 30 days": _report(Grouping.USER, 30),
    "report by queue, 30 days": _report(Grouping.QUEUE, 30),
    "report by hour, 30 days": _report(Grouping.HOUR, 30),
    "report by day, a year": _report(Grouping.DAY, 365),
    "report, a year": _report(None, 365),
}


async def _measure(result: Result, name: str, url: str, count: int) -> None:
    _size[0] = count
    database = await open_database(url)
    try:
        catalog, missed = SqlCatalog(database, lambda: datetime.now(UTC)), []
        if await _filled(database) != count:
            began = time.monotonic()
            await fill(database, count)
            made = time.monotonic() - began
            await catalog.doubt_all()
            began = time.monotonic()
            await ReportKeeper(catalog, breath_s=0).round()
            counted = time.monotonic() - began
            result.notes.append(
                f"{name}, {count:,}: made in {made:.0f} s, all reports' sums in {counted:.0f} s"
            )
        if not database.sqlite:
            async with database.reading() as connection:
                buffers = (await connection.exec_driver_sql("SHOW shared_buffers")).scalar_one()
            result.notes.append(f"{name}, {count:,}: shared_buffers {buffers}")
        spare_the_loop()  # as `tapeline serve` does
        for what, ask in QUESTIONS.items():
            row = await _ask(catalog, database, ask)
            result.rows.append({"database": name, "recordings": count, "what": what} | row)
            ratio = row["ratio to its bare SQL"]
            if row["p99 ms"] > AIM_MS or ratio > AIM_RATIO:
                missed.append(f"{what} ({row['p99 ms']} ms, {ratio})")
        aim = f"{name}, {count:,}: p99 ≤ {AIM_MS} ms and within {AIM_RATIO} × its bare SQL"
        result.aims.append(Aim(aim, "all", "; ".join(missed) or "all", not missed))
    finally:
        await database.close()


async def _filled(database: Database) -> int:
    async with database.reading() as connection:
        return int((await connection.exec_driver_sql("SELECT COUNT(*) FROM recordings")).scalar_one())


async def _ask(catalog: SqlCatalog, database: Database, ask: Ask) -> dict[str, Any]:
    dice, took, bare, rows = random.Random(7), [], [], []
    began = time.monotonic()
    with overheard(database) as statements:
        for n in range(ROUNDS + 2):
            scope = Scope(f"t{dice.randrange(TENANTS)}.example")
            answer = await ask(catalog, scope, dice)
            statements.clear()
            start = time.perf_counter()
            ids = await answer()
            took.append((time.perf_counter() - start) * 1000)
            bare.append(await _again(database, tuple(statements)))
            if ids:
                rows.append(await _rows(database, ids))
            if n >= 4 and time.monotonic() - began > MOST_S:
                break
    took, bare, rows = took[2:], bare[2:], rows[2:]  # the first ones prepare their statements
    middle = percentile(took, 0.5)
    return {
        "p50 ms": round(middle, 1),
        "p99 ms": round(percentile(took, 0.99), 1),
        "ratio to its bare SQL": round(middle / percentile(bare, 0.5), 1),
        "ratio to its rows by key": round(middle / percentile(rows, 0.5), 1) if rows else None,
    }


async def _again(database: Database, statements: Sequence[Statement]) -> float:
    """The very same statements, as the driver answers them: ms."""
    start = time.perf_counter()
    async with database.reading() as connection:
        for statement, parameters in statements:
            (await connection.exec_driver_sql(statement, parameters)).all()
    return (time.perf_counter() - start) * 1000


async def _rows(database: Database, ids: Sequence[str]) -> float:
    """The rows of the answer by their keys, with their parties: ms. No search can be as fast."""
    listed = ", ".join(f"'{i.replace('r', 'c', 1)}'" for i in ids)
    start = time.perf_counter()
    async with database.reading() as connection:
        for table in ("calls", "recordings", "legs"):
            query = f"SELECT * FROM {table} WHERE call_id IN ({listed})"
            (await connection.exec_driver_sql(query)).all()
    return (time.perf_counter() - start) * 1000
