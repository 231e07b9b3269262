"""A node at work on SQLite and PostgreSQL, with the real durable engine."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from controller.engine.jobs import Runs, RunsAway

from .dying import Slow
from .world import Noted, World, running, until


async def test_what_has_ended_becomes_playable_and_is_finished(world: World) -> None:
    task = Noted()
    world.tasks = [task]
    await world.record("r1")
    async with running(world.workers()) as workers:
        await until(lambda: is_state(world, "r1", "available", "done"))
        await world.record("r2")
        workers.poke()
        await until(lambda: is_state(world, "r2", "available", "done"))
    assert sorted(task.done) == ["r1", "r2"]


async def is_state(world: World, recording_id: str, *states: str) -> bool:
    return await world.state(recording_id) == states


class Away:
    """A durable engine that cannot be reached the first two times."""

    def __init__(self, real: Runs) -> None:
        self._real, self.refused = real, 0

    async def open(self) -> None:
        if self.refused < 2:
            self.refused += 1
            raise RunsAway("nobody answers")
        await self._real.open()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


async def test_recordings_wait_while_the_durable_engine_cannot_be_reached(world: World) -> None:
    await world.record("r1")
    workers = world.workers()
    away = workers._runs = Away(workers._runs)
    async with running(workers):
        await until(lambda: refused(away))
        assert await is_state(world, "r1", "spooled", "waiting")
        assert "cannot be reached" in workers.error
        await until(lambda: is_state(world, "r1", "available", "done"))
        assert workers.error == ""


async def refused(away: Away) -> bool:
    return away.refused > 0


async def test_a_stop_is_quick_and_the_next_node_goes_on_at_once(world: World) -> None:
    world.tasks = [Slow("hold", world.folder)]
    await world.record("r1")
    async with running(world.workers()):
        await until(lambda: holds(world))
        began = time.monotonic()
    assert time.monotonic() - began < 3
    assert await world.catalog.nodes() == []
    (world.folder / "release").touch()
    async with running(world.workers()):
        await until(lambda: is_state(world, "r1", "available", "done"))
    assert (world.folder / "finished").read_text().count("hold") == 2


async def holds(world: World) -> bool:
    return (world.folder / "finished").exists()


async def test_nothing_leaves_the_machine(world: World) -> None:
    """DBOS has telemetry and a console of its own, somewhere; neither may ever be called."""
    met: list[object] = []
    listening = [True]

    def hear(event: str, arguments: tuple[Any, ...]) -> None:
        if listening[0] and event in ("socket.connect", "socket.getaddrinfo"):
            met.append(arguments[1] if event == "socket.connect" else arguments[0])

    sys.addaudithook(hear)
    await world.record("r1")
    async with running(world.workers()):
        await until(lambda: is_state(world, "r1", "available", "done"))
        await asyncio.sleep(1.5)
    listening[0] = False
    assert all(
        "127.0.0.1" in str(where) or (isinstance(where, str) and where.startswith("/")) for where in met
    ), met
