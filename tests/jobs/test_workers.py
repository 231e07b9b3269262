"""A node at work on SQLite and PostgreSQL, with the real durable engine."""

from __future__ import annotations

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
