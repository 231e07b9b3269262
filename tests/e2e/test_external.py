"""Two parties outside, however they got there: with the rule off no packet of the second is recorded.

The recording ends when the last internal party goes, and a new segment begins when one joins.
Everybody has a tone of their own, so who is in which file is heard, not believed.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.demo.lab import MOBILE
from controller.demo.phone import Dialog, tone

from .parties import decisions, joined, ms_of, needs, next_call, outside, park
from .system import TONES, TRUNK_A, TRUNK_B, System, until

OUTSIDE_B = "+15557654321"
#: What the outside parties say while nobody from inside is with them.
ALONE_A, ALONE_B = 3200, 3500

either = pytest.mark.parametrize("rule", [False, True], ids=["rule off", "rule on"])


async def recorded_call(system: System) -> tuple[Dialog, Dialog, str]:
    """An outside party talks to 101 and is recorded: (its dialog, 101's, the call)."""
    a, b = await system.call("outside", "101")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    return a, b, call_id


@either
async def test_transfer_while_it_still_rings(system: System, rule: bool) -> None:
    await system.put_external(rule)
    a, b, call_id = await recorded_call(system)
    system.phone("outside").auto_answer = False
    await b.hold()
    second = await system.phone("101").dial(OUTSIDE_B)
    c = await outside(system, OUTSIDE_B, TRUNK_B)
    await second.ringing.wait()
    transfer = asyncio.create_task(b.transfer(second))
    await asyncio.sleep(0.4)  # it rings on, for the outside party that waits
    c.answer()
    await transfer
    await asyncio.sleep(1.2)
    if not c.ended.is_set():
        await c.bye()
    await a.wait_ended()
    [recording] = await system.recordings(call_id)
    ms = await ms_of(system, recording, TRUNK_A, TONES["101"], TRUNK_B)
    assert min(ms[TRUNK_A], ms[TONES["101"]]) > 600, ms
    if rule:
        assert ms[TRUNK_B] > 700, ms
    else:
        assert ms[TRUNK_B] == 0, "a syllable of the second external party is in the file"


async def test_a_controller_started_after_it_takes_nobody_for_somebody_else(system: System) -> None:
    """The waiting party has taken the place of the user's leg, with all that was written on it."""
    a, b, _ = await recorded_call(system)
    system.phone("outside").auto_answer = False
    await b.hold()
    second = await system.phone("101").dial(OUTSIDE_B)
    c = await outside(system, OUTSIDE_B, TRUNK_B)
    await second.ringing.wait()
    await b.transfer(second)
    await system.controller.kill()
    try:
        c.answer()
        await asyncio.sleep(0.3)
    finally:
        await system.controller.start()
    found: list[dict[str, Any]] = []

    async def there() -> bool:
        found[:] = [x for x in await system.live() if len(x["parties"]) == 2]
        return len(found) == 1

    await until(there, "the call of the two outside parties")
    assert [p["side"] for p in found[0]["parties"]] == ["external", "external"], found
    await asyncio.sleep(0.5)
    recordings = [r for x in await system.live() for r in x["recordings"]]
    assert not [r for r in recordings if r["state"] == "recording"], recordings
    await c.bye()
    await a.wait_ended()


@either
async def test_an_inbound_call_forwarded_to_a_mobile(system: System, rule: bool) -> None:
    needs(system, "forwarding")
    await system.put_external(rule)
    await system.put_tenant("acme.test", True)
    a = await system.phone("outside").dial("7030")
    b = await outside(system, MOBILE, TRUNK_B)
    await a.answered()
    found: list[str] = []

    async def there() -> bool:
        found[:] = [c["call_id"] for c in await system.live() if len(c["parties"]) > 1]
        return len(found) == 1

    await until(there, "the forwarded call")
    if rule:
        await system.recording_up(found[0])
    await asyncio.sleep(1.0)
    await b.bye()
    cdr = await system.cdr(found[0])
    if rule:
        [recording] = await system.recordings(found[0])
        ms = await ms_of(system, recording, TRUNK_A, TRUNK_B)
        assert min(ms.values()) > 700, ms
    else:
        assert cdr["recordings"] == []
        assert set(decisions(cdr).values()) == {"external_only"}


async def test_a_phone_that_sends_its_calls_outside_by_itself(system: System) -> None:
    """302: to a number, which goes by the dialplan, and straight to an address behind the trunk."""
    await system.put_tenant("acme.test", True)
    trunk = f"sip:{OUTSIDE_B}@{system.lab.trunk_ip}:{system.lab.trunk_port}"
    for caller, to in (("outside", OUTSIDE_B), ("outside", trunk), ("101", OUTSIDE_B), ("101", trunk)):
        system.phone("102").forward_to = to
        a = await system.phone(caller).dial("102")
        b = await outside(system, OUTSIDE_B, TRUNK_B)
        await a.answered()
        found: list[str] = []

        async def up(found: list[str] = found) -> bool:
            found[:] = [c["call_id"] for c in await system.live() if len(c["parties"]) > 1]
            return len(found) == 1

        await until(up, f"{caller} talks to {to}")
        if caller == "101":
            await system.recording_up(found[0])
        await asyncio.sleep(0.6)
        [call] = await system.live()
        assert [p["user"] for p in call["parties"]] == ["101" if caller == "101" else None, None], (to, call)
        await b.bye()
        await a.wait_ended()
        if caller == "101":
            [recording] = await system.recordings(found[0])
            ms = await ms_of(system, recording, TONES["101"], TRUNK_B)
            assert min(ms.values()) > 400, (to, ms)
        else:
            cdr = await system.cdr(found[0])
            assert set(decisions(cdr).values()) == {"external_only"}, (to, cdr["decisions"])
            assert cdr["recordings"] == [], "two parties outside, and 102 has not even answered"


@either
async def test_a_call_picked_up_and_then_sent_outside(system: System, rule: bool) -> None:
    needs(system, "pickup")
    await system.put_external(rule)
    await system.put_policy("acme.test", "103", True)
    await system.put_policy("acme.test", "101", False)
    system.phone("101").auto_answer = False
    a = await system.phone("outside").dial("101")
    ringing = await next_call(system, "101")
    ringing.rtp.play(tone(TONES["101"]))
    b = await system.phone("103").call("*8")
    await a.answered()
    call_id = await joined(system, "103")
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    transfer = asyncio.create_task(b.transfer(OUTSIDE_B))
    c = await outside(system, OUTSIDE_B, TRUNK_B)
    await transfer
    await asyncio.sleep(1.0)
    await c.bye()
    await a.wait_ended()
    [recording] = await system.recordings(call_id)
    ms = await ms_of(system, recording, TRUNK_A, TONES["101"], TONES["103"], TRUNK_B)
    assert min(ms[TRUNK_A], ms[TONES["103"]]) > 600, ms
    assert ms[TONES["101"]] == 0
    assert (ms[TRUNK_B] > 600) if rule else (ms[TRUNK_B] == 0), ms


async def test_parked_and_retrieved_by_a_colleague(system: System) -> None:
    needs(system, "parking")
    await system.put_policy("acme.test", "103", True)
    a, b, call_id = await recorded_call(system)
    slot = await park(system, b)
    await asyncio.sleep(0.8)
    before = len(a.rtp.heard)
    a.rtp.play(tone(ALONE_A))
    await asyncio.sleep(0.5)
    assert len(a.rtp.heard) > before, "the parked party hears music"
    a.rtp.play(tone(TRUNK_A))
    await asyncio.sleep(0.1)
    c = await system.phone("103").call(slot)
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    await c.bye()
    await a.wait_ended()
    [recording] = await system.recordings(call_id)
    assert len(recording["segments"]) >= 2
    ms = await ms_of(system, recording, TRUNK_A, TONES["101"], TONES["103"], ALONE_A)
    assert min(ms[TONES["101"]], ms[TONES["103"]]) > 600, ms
    assert ms[TRUNK_A] > 1200, ms
    assert ms[ALONE_A] == 0, "nobody talks to a parked party, so nothing is recorded"


@either
async def test_parked_and_retrieved_from_outside(system: System, rule: bool) -> None:
    needs(system, "parking")
    await system.put_external(rule)
    a, b, call_id = await recorded_call(system)
    slot = await park(system, b)
    await asyncio.sleep(0.5)
    c = await system.phone("outside").call(slot, source=tone(TRUNK_B))
    await asyncio.sleep(1.2)
    await c.bye()
    await a.wait_ended()
    [recording] = await system.recordings(call_id)
    ms = await ms_of(system, recording, TRUNK_A, TONES["101"], TRUNK_B)
    assert min(ms[TRUNK_A], ms[TONES["101"]]) > 600, ms
    assert (ms[TRUNK_B] > 600) if rule else (ms[TRUNK_B] == 0), ms


async def test_two_parked_calls_do_not_talk_to_each_other(system: System) -> None:
    """A parking lot is one bridge for all who wait in it, and no conversation."""
    needs(system, "parking")
    await system.put_tenant("acme.test", True)
    await system.put_external(True)
    a, b, call_id = await recorded_call(system)
    await park(system, b)
    other = await system.phone("outside").call("102", source=tone(TRUNK_B))
    d = await next_call(system, "102")
    second_id = await system.call_id("102")
    await system.recording_up(second_id)
    await d.transfer("7050")
    await asyncio.sleep(0.8)
    for call in await system.live():
        assert not [r for r in call["recordings"] if r["state"] == "recording"], call
    await a.bye()
    await other.bye()
    [one] = await system.recordings(call_id)
    assert (await ms_of(system, one, TRUNK_B))[TRUNK_B] == 0
    [two] = await system.recordings(second_id)
    assert (await ms_of(system, two, TRUNK_A))[TRUNK_A] == 0


@either
async def test_a_conference_whose_internal_party_leaves_and_comes_back(system: System, rule: bool) -> None:
    needs(system, "conference")
    await system.put_external(rule)
    a = await system.phone("outside").call("7040")
    c = await system.phone("outside").call("7040", source=tone(TRUNK_B))
    b = await system.phone("101").call("7040")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    await b.bye()

    async def gone() -> bool:
        calls = [x for x in await system.live() if x["call_id"] == call_id]
        return all(len(x["parties"]) == 2 for x in calls)

    await until(gone, "101 has left the conference")
    if rule:
        await system.recording_up(call_id)
    else:
        await system.recording_up(call_id, "waiting")
    a.rtp.play(tone(ALONE_A))
    c.rtp.play(tone(ALONE_B))
    await asyncio.sleep(0.8)
    a.rtp.play(tone(TRUNK_A))
    c.rtp.play(tone(TRUNK_B))
    await asyncio.sleep(0.2)  # what is on its way in the mixer
    b = await system.phone("101").call("7040")
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    await b.bye()
    await a.bye()
    await c.bye()
    [recording] = await system.recordings(call_id)
    assert len(recording["segments"]) >= 2
    ms = await ms_of(system, recording, TRUNK_A, TRUNK_B, TONES["101"], ALONE_A, ALONE_B)
    assert min(ms[TRUNK_A], ms[TRUNK_B], ms[TONES["101"]]) > 1100, ms
    if rule:
        assert min(ms[ALONE_A], ms[ALONE_B]) > 400, ms
    else:
        assert ms[ALONE_A] == ms[ALONE_B] == 0, "not one packet of what they said to each other alone"
