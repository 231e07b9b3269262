"""What `tapeline explain` says beforehand is what a real call gets; users first seen have the defaults."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import warnings
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from controller.demo.asterisk_lab import AsteriskLab
from controller.demo.freeswitch_lab import FreeSwitchLab
from controller.demo.lab import LabUnavailable
from controller.demo.running import RunningController, items

from ..lanes import own
from .system import System, telephones, until

KINDS = [pytest.param(k, marks=getattr(pytest.mark, k)) for k in ("asterisk", "freeswitch")]


@pytest_asyncio.fixture(loop_scope="session", params=KINDS)
async def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[System]:
    """A switch and a controller whose catalog has never seen anybody."""
    try:
        lab: Any = (
            AsteriskLab(*own("127.0.10.81", "127.0.10.82"))
            if request.param == "asterisk"
            else FreeSwitchLab(*own("127.0.20.81", "127.0.20.82"))
        )
    except LabUnavailable as error:
        warnings.warn(f"{request.param} TESTS SKIPPED: {error}", stacklevel=1)
        pytest.skip(str(error))
    async with lab:
        controller = RunningController(tmp_path / "controller", (lab,))
        await controller.add_account("admin", "correct horse battery")
        await tapeline(controller, "tenant", "option", "set", "acme.test", "new_user.audio=on")
        async with controller:
            system = System(lab, controller, tmp_path)
            async with telephones(system):
                yield system


async def tapeline(controller: RunningController, *words: str) -> str:
    """A command, as its own process, beside the running controller."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "controller", *words, "--config", str(controller.config_file),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={k: v for k, v in os.environ.items() if not k.startswith("TAPELINE_")},
    )  # fmt: skip
    out, error = await process.communicate()
    assert process.returncode == 0, error.decode()
    return out.decode()


async def foretold(system: System, *words: str) -> dict[str, Any]:
    out = await tapeline(system.controller, "explain", "--tenant", "acme.test", *words, "--json")
    audio: dict[str, Any] = json.loads(out)["answers"]["audio"]
    return {key: audio[key] for key in ("verdict", "rule", "reason")}


async def decided(system: System, caller: str, callee: str, *, ruled_before: bool = True) -> dict[str, Any]:
    """What was decided about a real call between two users. A rule that came while they talked may have
    stopped what was being recorded until then: ``ruled_before`` False does not count the recordings."""
    a, _ = await system.call(caller, callee)
    call_id = await system.call_id(caller)
    await asyncio.sleep(1)  # they talk for as long as the recording is to be
    await a.bye()
    cdr = await system.cdr(call_id)
    (audio,) = [d for d in cdr["decisions"] if (d["tenant"], d["kind"]) == ("acme.test", "audio")]
    if ruled_before:
        await system.recordings(call_id, count=int(audio["verdict"] == "record"))
    return {key: audio[key] for key in ("verdict", "rule", "reason")}


async def test_foretold_and_done(fresh: System) -> None:
    both = ("--user", "104", "--other-user", "103")
    expected = await foretold(fresh, *both)
    assert (expected["verdict"], expected["rule"]) == ("record", "user.on")
    assert await decided(fresh, "104", "103") == expected
    users = items((await fresh.controller.api("GET", "/users?tenant=acme.test")).body)
    assert {(u["user"], u["audio"]) for u in users} == {("103", "on"), ("104", "on")}

    # A running controller obeys the command line, and another one's start knows it as well.
    await tapeline(
        fresh.controller, "rule", "set", "user", "103", "--tenant", "acme.test", "--audio", "forbid"
    )
    expected = await foretold(fresh, *both)
    assert (expected["verdict"], expected["rule"]) == ("leave", "user.forbid")

    async def obeyed() -> bool:
        return await decided(fresh, "104", "103", ruled_before=False) == expected

    await until(obeyed, "the rule counts for new calls", 20)
    assert await decided(fresh, "104", "103") == expected
    await fresh.controller.stop()
    await fresh.controller.start()
    assert await decided(fresh, "103", "104") == await foretold(fresh, "--user", "103", "--other-user", "104")
