"""Two thousand calls of a scripted switch through the real catalog, without a clock: each has its rows at the
end, and nothing of any is left in memory. benchmarks/flood.py is the same at full length."""

from __future__ import annotations

import asyncio
import gc
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select

from benchmarks.scripted import PAUSED, TENANT, ScriptedSwitch
from controller.catalog import SqlCatalog, open_database
from controller.catalog import tables as t
from controller.core.calls import Call, Leg
from controller.core.recording import Recording
from controller.core.rules import Setting
from controller.engine.engine import Engine
from controller.engine.ids import new_id, now
from controller.engine.reading import TenantSettings

CALLS = 2000
STEP_S = 0.25


def in_memory() -> int:
    gc.collect()
    return sum(isinstance(thing, Call | Leg | Recording) for thing in gc.get_objects())


async def test_no_row_is_lost_and_nothing_is_left_in_memory(tmp_path: Path) -> None:
    before = in_memory()
    database = await open_database(f"sqlite+aiosqlite:///{tmp_path}/tapeline.db")
    catalog = SqlCatalog(database, now)
    await catalog.set_tenant(TenantSettings(TENANT, Setting.ON))
    began = datetime(2026, 11, 29, 10, tzinfo=UTC)
    switch = ScriptedSwitch("pbx", began, calls=CALLS, rate=500, talk_s=lambda number: 3 + number % 7)
    engine = Engine([switch], catalog, lambda: switch.now, new_id)
    [pbx] = engine.engines
    running = asyncio.create_task(engine.run())
    while not pbx.stats.facts:
        await asyncio.sleep(0)
    seconds, most = 0.0, 0
    while not switch.over:
        switch.play(seconds)
        await pbx._mailboxes.idle()
        most = max(most, switch.live)
        seconds += STEP_S
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert most > CALLS / 2
    assert (switch.refused, switch.captures, pbx.saver.waiting) == ([], 0, 0)
    assert not {name: value for name, value in vars(pbx.desk.book).items() if value}
    assert in_memory() == before
    c, r, s, p = t.calls.c, t.recordings.c, t.segments.c, t.pauses.c
    ended = {
        c.ended_at.is_not(None): CALLS,
        r.ended_at.is_not(None): CALLS,
        s.state == "ended": CALLS,
        p.ended_at.is_not(None) & p.masked_at.is_not(None): CALLS // PAUSED,
    }
    async with database.reading() as connection:
        for condition, wanted in ended.items():
            query = select(func.count()).where(condition)
            assert (await connection.execute(query)).scalar_one() == wanted, str(condition)
    await database.close()
