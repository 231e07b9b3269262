"""A flood of calls: a scripted switch begins 500 a second, and the real engine and catalog keep up or do not.

Each database in a process of its own (``python -m benchmarks.flood``), so that memory is that of this run
alone. The whole of it, an hour's 1.8 million: ``FLOOD_CALLS=1800000 python -m benchmarks flood``.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from array import array
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from statistics import mean
from typing import Any

import structlog
from sqlalchemy import func, select
from sqlalchemy.engine import make_url

from controller.catalog import SqlCatalog, open_database
from controller.catalog import tables as t
from controller.catalog.database import Database
from controller.core.rules import Setting
from controller.engine.engine import Engine
from controller.engine.garbage import spare_the_loop
from controller.engine.ids import new_id, now
from controller.engine.reading import TenantSettings
from tests.catalog import cluster

from .plant import cpu_s, postmaster, resident_mb
from .result import Aim, Result, percentile
from .scripted import RING_S, TENANT, ScriptedSwitch

CALLS = int(os.environ.get("FLOOD_CALLS", "45000"))
RATE = float(os.environ.get("FLOOD_RATE", "500"))
#: On average; evenly from half of it to one and a half. So about ten thousand calls are up at once.
TALK_S = float(os.environ.get("FLOOD_TALK_S", "18"))
DATABASES = os.environ.get("FLOOD_DATABASES", "SQLite,PostgreSQL").split(",")
#: How often the script tells what is due: a lag has up to so much in it that is nobody's.
_STEP_S = 0.005
_AT_ONCE_S = 0.02
#: From then on as many calls are up as ever.
_FULL_S = RING_S + 1.5 * TALK_S
_LOOKS = 120  # at the memory, over the whole run
_SETTLE_S = 60.0
LAG_MS = 100
#: By its title, what of each look is drawn.
_DRAWN = {
    "resident memory, MB": "memory MB",
    "fact to command, p99 of the last looks, ms": "lag p99 ms",
    "calls that wait to be saved": "waiting",
}


def run() -> Result:
    result = Result("flood", f"A flood of calls: {CALLS:,} at {RATE:g} a second")
    with ExitStack() as stack:
        urls = {"SQLite": ""}
        if programs := cluster.programs():
            urls["PostgreSQL"] = stack.enter_context(cluster.running(programs))
        else:
            result.notes.append("no PostgreSQL here")
        for database in DATABASES:
            if database in urls:
                _report(result, database, _in_process(urls[database]))
    return result


def _in_process(base: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="tapeline-flood-") as folder:
        url = f"sqlite+aiosqlite:///{folder}/tapeline.db"
        if base:
            from tests.catalog.conftest import _make

            asyncio.run(_make(base, "flood"))
            url = f"{base}/flood"
        command = [sys.executable, "-m", "benchmarks.flood", url]
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        measured: dict[str, Any] = json.loads(done.stdout)
        return measured


def _report(result: Result, database: str, measured: dict[str, Any]) -> None:
    looks = measured.pop("looks")
    rows = measured.pop("rows")
    result.rows.append({"database": database, **measured})
    result.rows.append({"database": database, **rows})
    lost = CALLS - min(rows["calls ended"], rows["recordings ended"], rows["segments ended"])
    lag, grown = measured["fact to command p99 ms"], _grown(looks)
    growth = "not measured: too short" if grown is None else f"{grown:+.1%}"
    result.aims += [
        Aim(f"{database}: calls without their rows", "0", f"{lost:,}", lost == 0),
        Aim(f"{database}: fact to command, p99", f"≤ {LAG_MS} ms", f"{lag} ms", lag <= LAG_MS),
        Aim(f"{database}: memory more at the end", "≤ 5 %", growth, None if grown is None else grown <= 0.05),
    ]
    for title, what in _DRAWN.items():
        for look in looks:
            result.point(title, "seconds", database, look["s"], look[what])


def _grown(looks: list[dict[str, float]]) -> float | None:
    """How much more memory the last third took than the first, as long as calls begin and once as many are up
    as will be. None if it was over before."""
    steady = [look["memory MB"] for look in looks if _FULL_S <= look["s"] <= CALLS / RATE]
    third = len(steady) // 3
    return mean(steady[-third:]) / mean(steady[:third]) - 1 if third else None


# ── the process that is measured ──────────────────────────────────────────────────────────────


class Lags:
    """How often each lag was seen, to the tenth of a millisecond: as large at the end as at the start."""

    def __init__(self) -> None:
        self._seen = array("Q", bytes(8 * 100_001))
        self._count = 0

    def note(self, seconds: float) -> None:
        self._seen[min(max(0, int(seconds * 10_000)), 100_000)] += 1
        self._count += 1

    def ms(self, share: float) -> float:
        """The lag below which this share of them lies; ten seconds stand for all above."""
        left = share * self._count
        for place, count in enumerate(self._seen):
            left -= count
            if left <= 0:
                return place / 10
        return 0.0


class Recent:
    """The lags since it was last asked."""

    def __init__(self) -> None:
        self._seen: list[float] = []

    def note(self, seconds: float) -> None:
        self._seen.append(seconds)

    def ms(self, share: float) -> float:
        seen, self._seen = self._seen, []
        return round(percentile(seen, share) * 1000, 1) if seen else 0.0


async def _measure(url: str) -> dict[str, Any]:
    database = await open_database(url)
    catalog = SqlCatalog(database, now)
    await catalog.set_tenant(TenantSettings(TENANT, Setting.ON))
    chance = random.Random(20260101)  # the same lengths each time
    lags, loop_lags, recent = Lags(), Lags(), Recent()
    start = 0.0

    def opening(due: float) -> None:
        late = time.monotonic() - start - due
        lags.note(late)
        recent.note(late)

    switch = ScriptedSwitch(
        "pbx", now(), calls=CALLS, rate=RATE, talk_s=lambda n: TALK_S * chance.uniform(0.5, 1.5),
        on_opening=opening,
    )  # fmt: skip
    engine = Engine([switch], catalog, now, new_id)
    [pbx] = engine.engines
    running = asyncio.create_task(engine.run())
    while not pbx.stats.facts:  # noqa: ASYNC110 - until it is connected
        await asyncio.sleep(0.01)
    spare_the_loop()  # as `tapeline serve` does it
    server = postmaster(url) if not database.sqlite else 0
    looks: list[dict[str, float]] = []
    most_live, begun_s = 0, 0.0
    cpu, server_cpu, start = time.process_time(), cpu_s(server), time.monotonic()
    ticking = asyncio.create_task(_tick(loop_lags))
    every = (CALLS / RATE + TALK_S) / _LOOKS
    while not switch.over:
        passed = time.monotonic() - start
        if switch.begun < CALLS:
            begun_s = passed
        all_played = switch.play(passed, _AT_ONCE_S)
        if passed >= len(looks) * every:
            most_live = max(most_live, switch.live)
            looks.append(
                {
                    "s": round(passed, 1),
                    "memory MB": round(resident_mb(os.getpid()), 1),
                    "lag p99 ms": recent.ms(0.99),
                    "waiting": pbx.saver.waiting,
                }
            )
        await asyncio.sleep(_STEP_S if all_played else 0)
    took = time.monotonic() - start
    cpu, server_cpu = time.process_time() - cpu, cpu_s(server) - server_cpu
    ticking.cancel()
    await pbx._mailboxes.idle()
    await _until(lambda: not pbx.saver.waiting)
    caught_up = time.monotonic() - start - took
    left = len(pbx.desk.book.calls) + switch.captures
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running
    rows, size = await _rows(database), await _size(database, url)
    await database.close()
    begun = [look["memory MB"] for look in looks if look["s"] <= CALLS / RATE]
    return {
        "calls up at once": most_live,
        "calls a second": round(CALLS / begun_s, 1),
        "fact to command p50 ms": lags.ms(0.5),
        "fact to command p99 ms": lags.ms(0.99),
        "fact to command max ms": lags.ms(1),
        "loop late p99 ms": loop_lags.ms(0.99),
        "loop late max ms": loop_lags.ms(1),
        "CPU % of a core": round(100 * cpu / took),
        "CPU ms a call": round(1000 * cpu / CALLS, 2),
        "database's CPU %": round(100 * server_cpu / took) if server else None,
        "memory MB, start": begun[0],
        "a third": begun[len(begun) // 3],
        "two thirds": begun[len(begun) * 2 // 3],
        "end": begun[-1],
        "all saved after s": round(caught_up, 2),
        "looks": looks,
        "rows": {
            "calls begun": switch.begun,
            **rows,
            "paused": switch.pauses,
            "requests refused": len(switch.refused),
            "left in memory": left,
            "KB of database a call": size,
        },
    }


async def _tick(lags: Lags) -> None:
    """How much later than asked for the loop comes back."""
    while True:
        before = time.perf_counter()
        await asyncio.sleep(_STEP_S)
        lags.note(time.perf_counter() - before - _STEP_S)


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _SETTLE_S
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def _size(database: Database, url: str) -> float:
    """KB of the database, a call."""
    if database.sqlite:
        size = Path(make_url(url).database or "").stat().st_size
    else:
        async with database.reading() as connection:
            size = (
                await connection.execute(select(func.pg_database_size(func.current_database())))
            ).scalar_one()
    return round(size / CALLS / 1024, 1)


async def _rows(database: Database) -> dict[str, int]:
    c, r, s, p = t.calls.c, t.recordings.c, t.segments.c, t.pauses.c
    queries = {
        "calls ended": select(func.count()).where(c.ended_at.is_not(None)),
        "recordings ended": select(func.count()).where(r.ended_at.is_not(None)),
        "segments ended": select(func.count()).where(s.state == "ended"),
        "pauses ended": select(func.count()).where(p.ended_at.is_not(None)),
    }
    async with database.reading() as connection:
        return {what: (await connection.execute(query)).scalar_one() for what, query in queries.items()}


if __name__ == "__main__":
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    print(json.dumps(asyncio.run(_measure(sys.argv[1]))))
