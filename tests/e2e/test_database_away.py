"""PostgreSQL stands still, or is shut down, in the midst of live calls: for 60 s where `TAPELINE_TEST_AWAY_S`
says so, else for as long as it takes to see everything."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from controller.demo.listen import find_masks, presence
from controller.demo.running import RunningController, items, switch_section
from controller.engine.ids import new_id

from ..catalog import cluster
from .system import TONES, System, under_another, until

pytestmark = pytest.mark.postgres

AWAY_S = float(os.environ.get("TAPELINE_TEST_AWAY_S", "9"))
#: The usual run tries one way on each switch: what is away has nothing to do with which one it is.
USUAL = {"asterisk": "frozen", "freeswitch": "shut down"}
WAYS = ["frozen", "shut down"] if "TAPELINE_TEST_AWAY_S" in os.environ else ["usual"]
#: From a code's last digit to the controller's decision: RFC 4733 events, the switch's own timers, and what
#: a busy machine takes. Without the database it is the same.
QUICK_S = 3.0


@pytest.fixture(scope="module")
def postgres() -> Iterator[cluster.Cluster]:
    programs = cluster.programs()
    if programs is None:
        pytest.skip("NO POSTGRESQL HERE: install postgresql (initdb, postgres)")
    with cluster.started(programs) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def system(running: System, postgres: cluster.Cluster, tmp_path: Path) -> AsyncIterator[System]:
    """The same switch under another controller, whose catalog is in PostgreSQL."""
    controller = RunningController(tmp_path / "controller", ())
    name = f"away_{new_id().lower()}"
    await postgres.make(name)
    controller.config_file.write_text(f"""
[web]
port = 0
[database]
url = "{postgres.url}/{name}"
[jobs]
nice = 5
{switch_section(running.lab)}
standby_after_s = 30
""")
    async with under_another(running, controller, tmp_path) as found:
        yield found


async def accepted(system: System, since: int, count: int) -> None:
    async def there() -> bool:
        return system.controller.log()[since:].count("control.accepted") >= count

    await until(there, f"{count} codes are carried out", 10)


@pytest.mark.parametrize("how", WAYS)
async def test_calls_begin_are_paused_and_end_meanwhile(
    system: System, postgres: cluster.Cluster, how: str
) -> None:
    how = USUAL.get(system.kind, how) if how == "usual" else how
    goes_on, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.5)
    log = len(system.controller.log())
    if how == "frozen":
        postgres.signal(signal.SIGSTOP)
    else:
        await asyncio.to_thread(postgres.kill)
    began = time.monotonic()
    try:
        await goes_on.send_digits("*48")
        asked = time.time()
        await accepted(system, log, 1)
        assert time.time() - asked < QUICK_S
        # Begins and ends while nobody can write or read anything, with a pause of its own.
        whole, _ = await system.call("201", "202")
        await asyncio.sleep(1.5)
        await whole.send_digits("*48")
        await accepted(system, log, 2)
        await asyncio.sleep(0.8)
        await whole.send_digits("*49")
        await accepted(system, log, 3)
        await asyncio.sleep(0.8)
        await whole.bye()
        # Who asks cannot be known now, so it says no more.
        answer = await system.controller.api("GET", "/readyz")
        assert (answer.status, answer.body) == (503, {"ok": False})
        await asyncio.sleep(max(0.0, AWAY_S - (time.monotonic() - began)))
        await goes_on.send_digits("*49")
        resumed = time.time()
        await accepted(system, log, 4)
        assert time.time() - resumed < QUICK_S
        await asyncio.sleep(0.8)
    finally:
        if how == "frozen":
            postgres.signal(signal.SIGCONT)
        else:
            await asyncio.to_thread(postgres.start)
    lasted = time.monotonic() - began
    print(f"\n{system.kind}: PostgreSQL {how} for {lasted:.0f} s")
    await asyncio.sleep(0.5)
    await goes_on.bye()
    [recording] = await system.recordings(call_id, within=60)
    path = await system.audio(recording["recording"]["recording_id"])
    mask = max(find_masks(path), key=lambda each: each[1] - each[0])
    longer = (mask[1] - mask[0]) - (resumed - asked) * 1000
    assert -300 < longer < 1500, (mask, resumed - asked)
    assert [len(recording["segments"]), len(recording["pauses"])] == [1, 1]

    async def ready() -> bool:
        return (await system.controller.api("GET", "/readyz")).status == 200

    await until(ready, "all is well again", 30)
    answer = await system.controller.api("GET", "/recordings?limit=200")
    [other] = [r for r in items(answer.body) if r["tenant"] == "other.test"]
    [detail] = await system.recordings(other["call_id"], within=60)
    heard = presence(await system.audio(other["recording_id"]), [TONES["201"], TONES["202"]])
    assert all(sum(s.duration_ms for s in spans) > 1500 for spans in heard.values()), heard
    [pause] = detail["pauses"]
    assert (pause["means"], pause["ended_means"]) == ("feature_code", "feature_code")
