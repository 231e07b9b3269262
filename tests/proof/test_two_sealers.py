"""Two processes seal one chain at once: the last word about a recording is how it is, never how it was."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process

import pytest

from controller.engine.media_ports import FileRole
from controller.proof.running import verify_catalog

from .conftest import World


async def started(world: World, url: str, step: str, nth: int) -> Process:
    command = [sys.executable, "-m", "tests.proof.dying", url, str(world.key_file), step, str(nth)]
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)


async def findings(world: World) -> list[str]:
    return [str(f) for f in (await verify_catalog(world.catalog, world.read)).findings]


@pytest.mark.parametrize("changed", ["sealed", "not sealed yet"])
async def test_one_that_was_slow_does_not_append_what_was_before(
    world: World, url: str, changed: str
) -> None:
    """It stands still between reading and appending; meanwhile the recording changes, and another process
    seals that, or has not come to it yet."""
    await world.recording("r1")
    await world.heard("r1")
    world.keys()
    slow = await started(world, url, "read", 0)
    assert slow.stdin is not None
    assert slow.stdout is not None
    assert await asyncio.wait_for(slow.stdout.readline(), 60) == b"read\n"
    await world.add_file("r1", FileRole.ENCODED, 0, "acme.test/2026/11/22/r1.mp3")
    if changed == "sealed":
        await world.sealer().drain()
    slow.stdin.close()
    assert await asyncio.wait_for(slow.wait(), 60) == 0
    await world.sealer().drain()
    assert await findings(world) == []
    states = [s for s in await world.sources() if s.startswith("recording:")]
    assert len(states) == 1, "the older state is in no chain"
    assert await world.sealer().drain() == 0


async def test_two_at_once_while_recordings_change(world: World, url: str) -> None:
    for n in range(6):
        await world.recording(f"r{n}")
    world.keys()
    done = asyncio.Event()

    async def seals() -> None:
        """One process after the other, each of which looks for all there is."""
        while not done.is_set():
            process = await started(world, url, "none", 1)
            assert await process.wait() == 0

    async with asyncio.TaskGroup() as tasks:
        for _ in range(2):
            tasks.create_task(seals())

        async def mine() -> None:
            while not done.is_set():
                await world.sealer().drain()
                await asyncio.sleep(0)

        tasks.create_task(mine())
        for n in range(120):
            role = (FileRole.ENCODED, FileRole.REDACTED, FileRole.PEAKS)[n % 3]
            await world.add_file(f"r{n % 6}", role, n, f"acme.test/2026/11/22/r{n % 6}.{n}.mp3")
            await world.heard(f"r{n % 6}")
            await asyncio.sleep(0.02)
        done.set()
    await world.sealer().drain()
    assert await findings(world) == []
    assert await world.sealer().drain() == 0
