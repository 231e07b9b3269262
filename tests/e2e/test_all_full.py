"""The disk that holds everything of the controller's is full: database, store, log. It lives on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from controller.demo.listen import find_masks, presence
from controller.demo.running import RunningController, items, switch_section

from ..disks import fill, small_disk
from .system import TONES, System, under_another, until


@pytest_asyncio.fixture(loop_scope="session")
async def system(running: System, tmp_path: Path) -> AsyncIterator[System]:
    """The same switch under another controller, all of whose folder is on a small disk."""
    if running.kind != "asterisk":
        pytest.skip("what the controller's disk does has nothing to do with the switch")
    with small_disk(tmp_path / "controller", 48) as disk:
        controller = RunningController(disk, ())
        controller.config_file.write_text(
            f"[web]\nport = 0\n[jobs]\nnice = 5\n{switch_section(running.lab)}standby_after_s = 30\n"
        )
        async with under_another(running, controller, tmp_path) as found:
            yield found


async def alarms(system: System) -> set[str]:
    return {a["code"] for a in items((await system.controller.api("GET", "/alarms")).body)}


async def test_a_full_disk_neither_ends_it_nor_a_pause(system: System) -> None:
    controller = system.controller
    a, _ = await system.call("101", "102")
    ids = [await system.call_id("101")]
    await system.recording_up(ids[0])
    await asyncio.sleep(1.0)
    pid = controller.pid
    ballast = fill(controller.folder)
    # By its code, and by the API.
    await a.send_digits("*48")
    await system.recording_up(ids[0], "paused")
    paused = time.time()
    # A call begins, is paused and ends, and nothing of it can be written.
    b, _ = await system.call("201", "202")
    ids.append(await system.call_id("201"))
    await system.recording_up(ids[1])
    await asyncio.sleep(1.0)
    assert (await system.control(b.call_id, "pause-audio-recording")).status == 200
    await asyncio.sleep(0.5)
    assert (await system.control(b.call_id, "resume-audio-recording")).status == 200
    await asyncio.sleep(1.0)
    await b.bye()

    async def told() -> bool:
        return {"catalog.unwritten", "disk.full"} <= await alarms(system)

    await until(told, "the alarms are raised", 15)
    await system.recording_up(ids[0], "paused")
    assert controller.pid == pid
    assert controller.running
    ballast.unlink()
    await a.send_digits("*49")
    await system.recording_up(ids[0])
    resumed = time.time()
    await asyncio.sleep(1.0)
    await a.bye()
    details = [(await system.recordings(i, within=60))[0] for i in ids]
    assert controller.pid == pid
    assert not {"catalog.unwritten", "disk.full"} & await alarms(system)
    assert [len(d["pauses"]) for d in details] == [1, 1]
    assert [len(d["segments"]) for d in details] == [1, 1]
    path = await system.audio(details[0]["recording"]["recording_id"])
    mask = max(find_masks(path), key=lambda each: each[1] - each[0])
    assert abs((mask[1] - mask[0]) / 1000 - (resumed - paused)) < 1.0, mask
    path = await system.audio(details[1]["recording"]["recording_id"])
    heard = presence(path, [TONES["201"], TONES["202"]])
    assert all(sum(s.duration_ms for s in spans) > 1500 for spans in heard.values()), heard
    [mask] = [m for m in find_masks(path) if m[1] - m[0] > 300]


async def test_started_on_a_full_disk_it_has_the_call_and_its_pause(system: System) -> None:
    controller = system.controller
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(1.0)
    ballast = fill(controller.folder)
    await a.send_digits("*48")
    await system.recording_up(call_id, "paused")
    await controller.kill()
    await controller.start()
    await system.recording_up(call_id, "paused")
    ballast.unlink()
    await a.send_digits("*49")
    await system.recording_up(call_id)
    await asyncio.sleep(1.0)
    await a.bye()
    [detail] = await system.recordings(call_id, within=60)
    assert [len(detail["segments"]), len(detail["pauses"])] == [1, 1]
    path = await system.audio(detail["recording"]["recording_id"])
    assert max(stop - start for start, stop in find_masks(path)) > 1000
