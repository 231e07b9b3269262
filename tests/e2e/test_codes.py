"""Feature codes of a tenant's own: they do what its options say, and the default ones nothing any more."""

from __future__ import annotations

import asyncio

from .parties import ms_of, needs
from .system import TONES, System, until

OWN = {"*71": "pause-recording", "*72": "resume-recording"}


async def test_a_tenants_own_codes_in_the_call(system: System) -> None:
    needs(system, "other codes")
    await system.put_tenant("acme.test", True, codes=OWN)
    a, b = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await a.send_digits("*71")
    await system.recording_up(call_id, "paused")
    await b.send_digits("*72")
    await system.recording_up(call_id)
    await a.send_digits("*48")
    await asyncio.sleep(2.0)  # longer than a switch waits for the next digit
    states = [r["state"] for c in await system.live(user="101") for r in c["recordings"]]
    assert states == ["recording"], "*48 means nothing to this tenant now"
    assert "*71" not in b.rtp.digits
    assert "*72" not in a.rtp.digits
    await a.bye()
    [recording] = await system.recordings(call_id)
    [pause] = recording["pauses"]
    assert (pause["asked_by"], pause["ended_by"]) == ("101@acme.test", "102@acme.test")


async def test_another_tenant_keeps_its_own(system: System) -> None:
    needs(system, "other codes")
    await system.put_tenant("acme.test", True, codes=OWN)
    a, _ = await system.call("201", "202")
    call_id = await system.call_id("201")
    await system.recording_up(call_id)
    await a.send_digits("*71")
    await a.send_digits("*48")
    await system.recording_up(call_id, "paused")
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert len(recording["pauses"]) == 1


async def test_as_a_call_of_its_own(system: System) -> None:
    needs(system, "other codes")
    await system.put_tenant("acme.test", True, codes=OWN)
    a, _ = await system.call("101", "102")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await a.hold()
    before = await system.refusals("the code means nothing to this tenant")
    wrong = await system.phone("101").dial("*48")

    async def refused() -> bool:
        return await system.refusals("the code means nothing to this tenant") > before

    await until(refused, "*48 is refused")
    await wrong.wait_ended(10)
    code = await system.phone("101").dial("*71")

    async def paused() -> bool:
        return any(r["paused"] for c in await system.live(user="101") for r in c["recordings"])

    await until(paused, "*71 pauses the held call")
    await code.wait_ended(10)
    await a.bye()


async def test_in_a_conference_room(system: System) -> None:
    """Which on Asterisk has a menu of its own for them, and on FreeSWITCH needs nothing."""
    needs(system, "other codes", "conference")
    await system.put_tenant("acme.test", True, codes=OWN)
    a = await system.phone("101").call("7040")
    b = await system.phone("102").call("7040")
    c = await system.phone("outside").call("7040")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.6)
    await c.send_digits("*71")
    await asyncio.sleep(2.0)
    states = [r["state"] for one in await system.live(user="101") for r in one["recordings"]]
    assert states == ["recording"], "an outside party has no code"
    await b.send_digits("*71")
    await system.recording_up(call_id, "paused")
    await asyncio.sleep(0.8)
    await a.send_digits("*72")
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    assert "*7" not in a.rtp.digits + b.rtp.digits
    for dialog in (c, b, a):
        await dialog.bye()
    [recording] = await system.recordings(call_id)
    [pause] = recording["pauses"]
    assert (pause["asked_by"], pause["ended_by"]) == ("102@acme.test", "101@acme.test")
    ms = await ms_of(system, recording, TONES["101"], TONES["102"])
    assert min(ms.values()) > 800, (ms, "whoever has dialled is in the room again")
