"""The controller or the switch dies in the middle of a call: nothing recorded is lost, no pause forgotten."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Iterator
from datetime import datetime

import pytest

from controller.demo.listen import find_masks, presence
from controller.demo.running import items

from .system import TONES, System, until


@contextlib.contextmanager
def nothing_saved(system: System) -> Iterator[None]:
    """Somebody else has the database: what the controller writes waits in its memory meanwhile."""
    file = system.controller.folder / "data/tapeline.db"
    assert file.exists()
    database = sqlite3.connect(file, isolation_level=None)
    try:
        database.execute("BEGIN IMMEDIATE")
        yield
        database.execute("ROLLBACK")
    finally:
        database.close()


async def test_a_pause_outlives_the_controller_and_can_be_ended_afterwards(system: System) -> None:
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    asked = time.time()
    assert (await system.control(a.call_id, "pause-audio-recording")).status == 200
    await asyncio.sleep(0.3)
    await system.controller.kill()
    await asyncio.sleep(0.5)
    await system.controller.start()
    await system.recording_up(call_id, "paused")
    await asyncio.sleep(0.5)
    await a.send_digits("*49")
    resumed = time.time()
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    await a.bye()
    [recording] = await system.recordings(call_id)
    [mask] = find_masks(await system.audio(recording["recording"]["recording_id"]))
    longer = (mask[1] - mask[0]) - (resumed - asked) * 1000
    assert -200 < longer < 800, (mask, resumed - asked)
    assert len(recording["segments"]) == 1, "the capture that was running is adopted, not replaced"
    [pause] = recording["pauses"]
    assert (pause["means"], pause["ended_means"]) == ("api", "feature_code")


async def test_killed_before_anything_of_the_call_was_saved_it_is_one_recording(system: System) -> None:
    with nothing_saved(system):
        a, _ = await system.call("101", "102")
        await system.recording_up(await system.call_id("101"))
        await asyncio.sleep(1.0)
        await system.controller.kill()
    await asyncio.sleep(0.3)
    await system.controller.start()
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(1.0)
    await a.send_digits("*48")
    await system.recording_up(call_id, "paused")
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert len(recording["segments"]) == 1, "the capture that was running is adopted, not replaced"
    assert recording["rule"] == "user.on"
    heard = presence(await system.audio(recording["recording"]["recording_id"]), [TONES["101"], TONES["102"]])
    assert all(sum(s.duration_ms for s in spans) > 2000 for spans in heard.values()), heard


async def test_killed_before_the_next_capture_was_saved_it_is_the_next_segment(system: System) -> None:
    """The call and its first capture are saved, what follows the transfer is not."""
    await system.put_tenant("acme.test", "on")
    a, b = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(1.0)
    with nothing_saved(system):
        await a.transfer("103")
        await system.phone("103").next_call()
        await a.wait_ended()
        await system.recording_up(call_id)
        await asyncio.sleep(1.0)
        await system.controller.kill()
    await system.controller.start()
    await system.recording_up(call_id)
    await asyncio.sleep(1.0)
    await b.bye()
    [recording] = await system.recordings(call_id)
    assert [s["number"] for s in recording["segments"]] == [1, 2]
    heard = presence(await system.audio(recording["recording"]["recording_id"]), [TONES["101"], TONES["103"]])
    lengths = {tone: sum(s.duration_ms for s in spans) for tone, spans in heard.items()}
    assert lengths[TONES["101"]] > 700, lengths
    assert lengths[TONES["103"]] > 1700, lengths


async def test_a_call_goes_on_being_recorded_without_the_controller(system: System) -> None:
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.5)
    await system.controller.stop()
    await asyncio.sleep(1.0)
    await system.controller.start()
    await system.recording_up(call_id)
    await asyncio.sleep(0.5)
    await a.bye()
    [recording] = await system.recordings(call_id)
    heard = presence(await system.audio(recording["recording"]["recording_id"]), [TONES["101"], TONES["102"]])
    assert all(sum(s.duration_ms for s in spans) > 1900 for spans in heard.values()), heard


async def test_a_call_that_ends_while_the_controller_is_away_is_in_the_catalog(system: System) -> None:
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    await system.controller.kill()
    await a.bye()
    await asyncio.sleep(0.5)
    await system.controller.start()
    [recording] = await system.recordings(call_id)
    assert recording["recording"]["duration_ms"] > 600, recording["recording"]


async def test_a_call_that_begins_while_the_controller_is_away_is_recorded_from_its_return(
    system: System,
) -> None:
    await system.controller.kill()
    a, _ = await system.call("101", "102")
    await asyncio.sleep(0.3)
    await system.controller.start()
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.6)
    await a.send_digits("*48")
    await system.recording_up(call_id, "paused")
    await a.bye()
    await system.recordings(call_id)


async def test_what_a_killed_switch_had_written_is_salvaged_and_marked(system: System) -> None:
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    # What a switch had not written dies with it: see the next test.
    await asyncio.sleep(6.5)
    await system.lab.kill()

    async def noticed() -> bool:
        return (await system.controller.api("GET", "/readyz")).status == 503

    await until(noticed, "the controller sees that the switch is down")
    await system.lab.start()

    async def back() -> bool:
        return (await system.controller.api("GET", "/readyz")).status == 200

    await until(back, "the controller is connected again", 30)
    [recording] = await system.recordings(call_id)
    assert recording["recording"]["duration_ms"] > 3500, recording
    # Marked: in its row, its segment, the list's filter and the CDR.
    assert recording["recording"]["error"].startswith("interrupted: "), recording
    assert [s["cause"] for s in recording["segments"]] == ["the switch died"]
    listed = items((await system.controller.api("GET", "/recordings?state=interrupted")).body)
    assert recording["recording"]["recording_id"] in {r["recording_id"] for r in listed}
    cdr = await system.cdr(call_id)
    assert "recording interrupted" in {entry["what"] for entry in cdr["journey"]}
    heard = presence(await system.audio(recording["recording"]["recording_id"]), [TONES["101"], TONES["102"]])
    assert all(sum(s.duration_ms for s in spans) > 3000 for spans in heard.values()), heard
    a.abandon()
    # And calls work again (phones have to register anew).
    await system.register()
    warm, _ = await system.call("102", "103")
    await warm.bye()
    b, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await b.bye()
    await system.recordings(call_id)


#: What a killed switch takes with it, at most: the block that it was gathering (8,192 bytes that we have
#: FreeSWITCH write, in stereo half as long; 32,768 that are in Asterisk's source), and what the machine takes
#: between the two clocks that are compared.
BLOCK_S = {("freeswitch", "mono"): 0.512, ("freeswitch", "stereo"): 0.256}
ASTERISKS_S = 2.048
CLOCKS_S = 0.35


@pytest.mark.parametrize("channels", ["mono", "stereo"])
async def test_a_killed_switch_takes_only_what_it_was_gathering(system: System, channels: str) -> None:
    await system.put_tenant("acme.test", False, channels=channels)
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    # FreeSWITCH by itself would have written nothing yet in mono, and two of three seconds in stereo.
    await asyncio.sleep(3.4)
    killed = time.time()
    await system.lab.kill()
    written = {path.name: path.stat().st_size - 44 for path in system.lab.spool.rglob("*.wav")}
    await system.lab.start()
    a.abandon()
    detail = (await system.recordings(call_id))[0]
    [segment] = detail["segments"]
    lasted = killed - datetime.fromisoformat(segment["opened_at"]).timestamp()
    name = f"{detail['recording']['recording_id']}.1"
    second = 32_000 if (system.kind, channels) == ("freeswitch", "stereo") else 16_000
    lost = {path: lasted - size / second for path, size in written.items() if path.startswith(name)}
    print(f"{system.kind}, {channels}: after {lasted:.2f} s lost {lost}")
    assert lost
    block = BLOCK_S.get((system.kind, channels), ASTERISKS_S)
    assert max(lost.values()) < block + CLOCKS_S, lost
    await system.register()
    warm, _ = await system.call("102", "103")
    await warm.bye()
