"""Two controllers, one PostgreSQL, and every real switch there is: what dies, freezes or ends is taken over.

Two `tapeline serve` processes, `a` meant to have Asterisk, `b` FreeSWITCH.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from controller.demo.asterisk_lab import AsteriskLab
from controller.demo.freeswitch_lab import FreeSwitchLab
from controller.demo.lab import LabUnavailable
from controller.demo.listen import find_masks, presence
from controller.demo.running import RunningController, items, switch_section

from ..catalog import cluster
from ..lanes import own
from .system import POLICY, TONES, System, telephones, until

pytestmark = pytest.mark.postgres

#: What is promised (docs/how-to/several-controllers.md).
TAKEN_OVER_S = 5.0

LABS: dict[str, Any] = {
    "asterisk": lambda: AsteriskLab(*own("127.0.30.1", "127.0.30.2")),
    "freeswitch": lambda: FreeSwitchLab(*own("127.0.40.1", "127.0.40.2")),
}
MEANT = {"a": "asterisk", "b": "freeswitch"}


@dataclass
class Pair:
    """Both controllers and the switches that are here."""

    labs: dict[str, Any]
    controllers: dict[str, RunningController]
    folder: Path
    database: cluster.Cluster

    def holder(self, kind: str) -> RunningController:
        return self.controllers["a" if kind == "asterisk" else "b"]

    def other(self, kind: str) -> RunningController:
        return self.controllers["b" if kind == "asterisk" else "a"]

    def system(self, kind: str) -> System:
        """As the controller sees it that does not have this switch: everything goes by the other one."""
        return System(self.labs[kind], self.other(kind), self.folder)

    async def held(self, kind: str, by: str, seen_by: RunningController) -> bool:
        answer = await seen_by.api("GET", "/switches")
        found = {s["name"]: s for s in items(answer.body)} if answer.status == 200 else {}
        return kind in found and (found[kind]["holder"], found[kind]["state"]) == (by, "up")

    async def settled(self) -> None:
        """Both live, and each has what it is meant to have."""
        for controller in self.controllers.values():
            if not controller.running:
                await controller.start()
        for name, kind in MEANT.items():
            if kind in self.labs:
                for seen_by in self.controllers.values():
                    there = partial(self.held, kind, name, seen_by)
                    await until(there, f"{name} has {kind}", 40)


def configuration(name: str, labs: dict[str, Any], folder: Path, url: str) -> str:
    # A busy machine may take longer than the switch waits before it carries on alone: this is about leases.
    sections = "\n".join(f"{switch_section(lab)}standby_after_s = 20\n" for lab in labs.values())
    prefer = [kind for kind in (MEANT[name],) if kind in labs]
    return f"""
[web]
port = 0
secret_file = "{folder}/session.key"
[database]
url = "{url}"
[storage]
path = "{folder}/recordings"
[proof]
key_file = "{folder}/proof.key"
[jobs]
nice = 5
[node]
name = "{name}"
prefer = {prefer!r}
{sections}
"""


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def running_pair(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pair]:
    programs = cluster.programs()
    if programs is None:
        pytest.skip("NO POSTGRESQL HERE: install postgresql (initdb, postgres)")
    folder = tmp_path_factory.mktemp("pair")
    async with AsyncExitStack() as stack:
        labs = {}
        for kind, make in LABS.items():
            try:
                labs[kind] = await stack.enter_async_context(make())
            except LabUnavailable as error:
                warnings.warn(f"{kind} TESTS SKIPPED: {error}", stacklevel=1)
        database = stack.enter_context(cluster.started(programs))
        url = f"{database.url}/postgres"
        controllers = {}
        for name in MEANT:
            controller = RunningController(folder / name, ())
            controller.config_file.write_text(configuration(name, labs, folder, url))
            controllers[name] = controller
        first, second = controllers.values()
        await first.set_policy(users=POLICY, tenants={}, external=False)
        second.token = await first.add_account("admin", "correct horse battery")
        await asyncio.gather(*(stack.enter_async_context(c) for c in controllers.values()))
        pair = Pair(labs, controllers, folder, database)
        for kind in labs:
            system = pair.system(kind)
            async with telephones(system):
                a, _ = await system.call("102", "103")
                await a.bye()
        yield pair


@pytest_asyncio.fixture(loop_scope="session")
async def pair(running_pair: Pair) -> Pair:
    await running_pair.settled()
    return running_pair


@pytest_asyncio.fixture(
    loop_scope="session", params=[pytest.param(k, marks=getattr(pytest.mark, k)) for k in LABS]
)
async def system(request: pytest.FixtureRequest, pair: Pair) -> AsyncIterator[System]:
    """The controller of it is the one that does not have the switch."""
    if request.param not in pair.labs:
        pytest.skip(f"no {request.param} here")
    found = pair.system(request.param)
    async with telephones(found):
        yield found


async def paused_call(system: System) -> tuple[Any, str, float]:
    """A recorded call that is paused, asked for at the controller that does not have the switch."""
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(1.0)
    asked = time.time()
    answer = await system.control(a.call_id, "pause-audio-recording")
    assert (answer.status, answer.body["confirmed"]) == (200, True), answer
    return a, call_id, asked


async def taken_over(pair: Pair, kind: str, since: float) -> float:
    """Wait until the other controller has the switch; how long that took."""
    name = "b" if kind == "asterisk" else "a"
    await until(lambda: pair.held(kind, name, pair.other(kind)), f"{name} has {kind}", 30)
    return time.monotonic() - since


async def one_recording_with_one_pause(system: System, call_id: str, asked: float, resumed: float) -> None:
    # A killed controller's work is taken over within 30 s, and some of it is the same tenant's turn.
    [recording] = await system.recordings(call_id, within=75)
    path = await system.audio(recording["recording"]["recording_id"])
    masks = find_masks(path)
    mask = max(masks, key=lambda each: each[1] - each[0])
    longer = (mask[1] - mask[0]) - (resumed - asked) * 1000
    # Phones that come late on a busy machine leave silence, too, but none of it beside a pause that leaks.
    assert -300 < longer < 1500, (masks, resumed - asked)
    heard = presence(path, [TONES["101"], TONES["102"]])
    assert all(sum(s.duration_ms for s in spans) > 1200 for spans in heard.values()), heard
    assert len(recording["segments"]) == 1, "the capture that was running is adopted, not replaced"
    [pause] = recording["pauses"]
    assert (pause["means"], pause["ended_means"]) == ("api", "api")


async def test_a_killed_controllers_call_is_taken_over_with_its_pause(pair: Pair, system: System) -> None:
    a, call_id, asked = await paused_call(system)
    await asyncio.sleep(0.3)
    holder = pair.holder(system.kind)
    died = time.monotonic()
    await holder.kill()
    took = await taken_over(pair, system.kind, died)
    print(f"\n{system.kind}: killed, taken over after {took:.2f} s")
    await system.recording_up(call_id, "paused")
    await asyncio.sleep(0.5)
    assert (await system.control(a.call_id, "resume-audio-recording")).status == 200
    resumed = time.time()
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    await a.bye()
    await one_recording_with_one_pause(system, call_id, asked, resumed)
    assert took < TAKEN_OVER_S


async def test_a_graceful_stop_hands_over_at_once(pair: Pair, system: System) -> None:
    a, call_id, asked = await paused_call(system)
    holder = pair.holder(system.kind)
    await holder.stop()
    took = await taken_over(pair, system.kind, time.monotonic())
    print(f"\n{system.kind}: stopped, taken over {took:.2f} s after the process had ended")
    await system.recording_up(call_id, "paused")
    assert (await system.control(a.call_id, "resume-audio-recording")).status == 200
    resumed = time.time()
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    await a.bye()
    await one_recording_with_one_pause(system, call_id, asked, resumed)


async def commands(controller: RunningController) -> tuple[int, int]:
    """What it has told switches, and heard from them, since it was started."""
    text = (await controller.api("GET", "/metrics")).raw.decode()
    told = sum(int(float(n)) for n in re.findall(r"^tapeline_command_seconds_count.* (\S+)$", text, re.M))
    heard = sum(int(float(n)) for n in re.findall(r"^tapeline_switch_facts_total.* (\S+)$", text, re.M))
    return told, heard


async def test_a_frozen_controller_neither_commands_nor_writes_when_it_wakes_up(
    pair: Pair, system: System
) -> None:
    a, call_id, asked = await paused_call(system)
    holder = pair.holder(system.kind)
    told, _ = await commands(holder)
    log = len(holder.log())
    assert holder.pid
    os.kill(holder.pid, signal.SIGSTOP)
    try:
        frozen = time.monotonic()
        took = await taken_over(pair, system.kind, frozen)
        print(f"\n{system.kind}: frozen, taken over after {took:.2f} s")
        await system.recording_up(call_id, "paused")
        assert (await system.control(a.call_id, "resume-audio-recording")).status == 200
        resumed = time.time()
        await system.recording_up(call_id)
        # What the frozen one finds in its sockets when it wakes up: a whole call, codes and all.
        b, _ = await system.call("201", "202")
        await b.send_digits("*48")
        await asyncio.sleep(max(0.0, 10 - (time.monotonic() - frozen)))
        await b.bye()
    finally:
        os.kill(holder.pid, signal.SIGCONT)

    async def noticed() -> bool:
        return "lease.run_out" in holder.log()[log:] or "lease.taken" in holder.log()[log:]

    await until(noticed, "it has noticed that it has lost the lease", 20)
    await asyncio.sleep(1.0)
    text = holder.log()[log:]
    assert "control.accepted" not in text
    assert "lease.taken_over" not in text
    await system.recording_up(call_id)
    assert await pair.held(system.kind, "b" if system.kind == "asterisk" else "a", holder), (
        "it knows who has it"
    )
    # Whatever it may have been at when it was frozen; then nothing.
    assert (await commands(holder))[0] - told <= 1
    await a.bye()
    await one_recording_with_one_pause(system, call_id, asked, resumed)
    assert took < TAKEN_OVER_S


async def test_each_gets_back_the_switch_that_it_is_meant_to_have(pair: Pair, system: System) -> None:
    holder = pair.holder(system.kind)
    await holder.kill()
    await taken_over(pair, system.kind, time.monotonic())
    a, call_id, asked = await paused_call(system)
    await holder.start()
    await pair.settled()
    await system.recording_up(call_id, "paused")
    assert (await system.control(a.call_id, "resume-audio-recording")).status == 200
    resumed = time.time()
    await asyncio.sleep(0.8)
    await a.bye()
    await one_recording_with_one_pause(system, call_id, asked, resumed)


async def test_without_the_database_the_holder_goes_on_and_nothing_is_lost_or_there_twice(
    pair: Pair, system: System
) -> None:
    """Nobody can take over, as each controller hears from the other. A pause is asked for on the phone: who
    may ask by the API stands in the database."""
    before = await of_the_other_tenant(system)
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.5)
    name = "a" if system.kind == "asterisk" else "b"
    logs = {n: len(c.log()) for n, c in pair.controllers.items()}

    def since(name: str) -> str:
        return pair.controllers[name].log()[logs[name] :]

    async def paused() -> bool:
        return "control.accepted" in since(name)

    await asyncio.to_thread(pair.database.kill)
    try:
        await asyncio.sleep(4)  # longer than a lease lasts
        await a.send_digits("*48")
        asked = time.time()
        await until(paused, "the code has paused it", 10)
        await asyncio.sleep(1.5)
        await a.send_digits("*49")
        resumed = time.time()
        await asyncio.sleep(0.8)
        # Begins and ends while nobody can write anything.
        b, _ = await system.call("201", "202")
        await asyncio.sleep(2)
        await b.bye()
        await a.bye()
        await asyncio.sleep(0.5)
    finally:
        await asyncio.to_thread(pair.database.start)
    [recording] = await system.recordings(call_id)
    [mask] = find_masks(await system.audio(recording["recording"]["recording_id"]))
    longer = (mask[1] - mask[0]) - (resumed - asked) * 1000
    assert -300 < longer < 1500, (mask, resumed - asked)
    [pause] = recording["pauses"]
    assert (pause["means"], pause["ended_means"]) == ("feature_code", "feature_code")

    async def other_call() -> bool:
        return len(await of_the_other_tenant(system)) > len(before)

    await until(other_call, "what began and ended meanwhile is in the catalog", 60)
    assert len(await of_the_other_tenant(system)) == len(before) + 1
    assert not any("lease.run_out" in since(n) or "catalog.fenced" in since(n) for n in logs)


async def of_the_other_tenant(system: System) -> list[str]:
    """Its recordings that can be played."""
    rows = items((await system.controller.api("GET", "/recordings?limit=200")).body or [])
    return [r["recording_id"] for r in rows if (r["tenant"], r["media_state"]) == ("other.test", "available")]
