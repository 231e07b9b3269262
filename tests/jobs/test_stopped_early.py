"""A node that is stopped while its durable engine still starts: in good order, without a word of alarm."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from dbos import DBOS
from dbos._sys_db import SystemDatabase

from .test_workers import is_state
from .world import World, running, until


@pytest.mark.parametrize("where", ["database", "launched"])
async def test_stopped_while_it_starts(
    world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, where: str
) -> None:
    began = threading.Event()

    def slow(function: Callable[..., Any]) -> Callable[..., Any]:
        def slowed(*arguments: Any, **options: Any) -> Any:
            found = function(*arguments, **options)
            began.set()
            time.sleep(0.3)
            return found

        return slowed

    whose, name = {"launched": (DBOS, "launch"), "database": (SystemDatabase, "create")}[where]
    monkeypatch.setattr(whose, name, slow(getattr(whose, name)))
    with caplog.at_level(logging.WARNING):
        task = asyncio.ensure_future(world.workers().run())
        await asyncio.to_thread(began.wait, 20)
        asked = time.monotonic()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert time.monotonic() - asked < 4, "1.5 s for the durable engine, 1.5 s for signing off"
        await asyncio.sleep(0.5)  # what its threads still do, they do now
    assert [(r.name, r.getMessage()) for r in caplog.records] == []
    # And nothing of it is in the way of the next one.
    monkeypatch.undo()
    await world.record("r1")
    async with running(world.workers()):
        await until(lambda: is_state(world, "r1", "available", "done"))
