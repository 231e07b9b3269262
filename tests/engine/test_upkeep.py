"""The database is looked after at the start and day by day, whatever comes between."""

from __future__ import annotations

import asyncio
import contextlib

from controller.engine.upkeep import Upkeep


class Busy:
    """Refuses the first time."""

    def __init__(self) -> None:
        self.asked = 0
        self.enough = asyncio.Event()

    async def tend(self) -> None:
        self.asked += 1
        if self.asked == 1:
            raise OSError("database is locked")
        if self.asked == 3:
            self.enough.set()


async def test_a_day_on_which_it_cannot_be_done_is_not_the_last() -> None:
    database = Busy()
    task = asyncio.create_task(Upkeep(database.tend, every_s=0.001).run())
    async with asyncio.timeout(5):
        await database.enough.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_it_begins_at_once_and_then_rests() -> None:
    database = Busy()
    task = asyncio.create_task(Upkeep(database.tend).run())
    for _ in range(20):
        await asyncio.sleep(0)
    assert database.asked == 1
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
