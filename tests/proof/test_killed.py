"""kill -9 at each step of sealing: afterwards everything has one entry, and the chain is whole."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from controller.proof.running import verify_catalog

from .conftest import World


@pytest.mark.parametrize("nth", [1, 3])
@pytest.mark.parametrize("step", ["read", "signed", "commit", "appended"])
async def test_killed_at_each_step(world: World, url: str, step: str, nth: int) -> None:
    for n in range(30):
        await world.heard(f"r{n}", tenant=f"t{n % 2}.test")
    for n in range(3):
        await world.recording(f"r{n}", tenant="t0.test")
    command = [sys.executable, "-m", "tests.proof.dying", url, str(world.key_file), step, str(nth)]
    killed = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    _, said = await killed.communicate()
    assert killed.returncode == -signal.SIGKILL, said.decode()
    before = [len(await world.sources(f"t{n}.test")) for n in (0, 1)]
    # At the third look there is nothing left to be sealed; anywhere else it died on its way.
    assert sum(before) < 35 or (step, nth) == ("read", 3)
    await world.sealer().drain()
    audit = [f"audit:{n}" for n in range(1, 31)]
    even = [s for s in await world.sources("t0.test") if not s.startswith("recording:")]
    assert sorted(even) == sorted(["begin", *audit[::2]])
    assert sorted(await world.sources("t1.test")) == sorted(["begin", *audit[1::2]])
    sealed = [s.split(":")[1] for s in await world.sources("t0.test") if s.startswith("recording:")]
    assert sorted(sealed) == ["r0", "r1", "r2"]
    verdict = await verify_catalog(world.catalog, world.read)
    assert verdict.findings == []
    assert verdict.entries == 35


async def test_several_that_are_killed_while_others_go_on(world: World, url: str) -> None:
    """Four processes on one chain, three of which die in the middle of it."""
    for n in range(120):
        await world.heard(f"r{n}")
    world.keys()
    ends = [("signed", 2), ("commit", 1), ("appended", 2), ("none", 1)]
    started = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.proof.dying", url, str(world.key_file), step, str(nth)
        )
        for step, nth in ends
    ]
    codes = await asyncio.gather(*(p.wait() for p in started))
    assert codes[3] == 0
    await world.sealer().drain()
    assert sorted(await world.sources()) == sorted(["begin", *(f"audit:{n}" for n in range(1, 121))])
    assert (await verify_catalog(world.catalog, world.read)).findings == []
