"""Queues, ring groups, receptionists and rules: known before the first word, kept through transfers."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from controller.demo.phone import Dialog

from .parties import decisions, ms_of, needs, next_call, outside
from .system import TONES, TRUNK_A, System, until

OUTSIDE_B = "+15557654321"


async def by_queue(system: System) -> tuple[Dialog, Dialog]:
    system.phone("102").auto_answer = False
    a = await system.phone("outside").call("7001")
    return a, await next_call(system, "101")


async def by_ring_group(system: System) -> tuple[Dialog, Dialog]:
    system.phone("102").auto_answer = system.phone("103").auto_answer = False
    a = await system.phone("outside").dial("7010")
    b = await next_call(system, "101")
    return await a.answered(), b


async def by_receptionist(system: System) -> tuple[Dialog, Dialog]:
    a = await system.phone("outside").call("7020")
    await asyncio.sleep(0.3)  # a caller listens before choosing
    await a.send_digits("1")
    return a, await next_call(system, "101")


async def by_inbound_rule(system: System) -> tuple[Dialog, Dialog]:
    return await system.call("outside", "101")


async def by_outbound_rule(system: System) -> tuple[Dialog, Dialog]:
    a = await system.phone("101").dial(OUTSIDE_B)
    b = await outside(system, OUTSIDE_B, TRUNK_A)
    return await a.answered(), b


WAYS: dict[str, tuple[str, Any]] = {
    "queue/sales": ("queue", by_queue),
    "ring_group/all": ("ring group", by_ring_group),
    "receptionist/welcome": ("receptionist", by_receptionist),
    "inbound_rule/main": ("inbound rule", by_inbound_rule),
    "outbound_rule/mobile": ("outbound rule", by_outbound_rule),
}


@pytest.mark.parametrize("rule", WAYS)
async def test_its_rule_records(system: System, rule: str) -> None:
    what, dial = WAYS[rule]
    needs(system, what)
    scope, name = rule.split("/")
    await system.put_policy("acme.test", "101", False)
    await system.put_rule("acme.test", scope, name, "on")
    a, _ = await dial(system)
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.5)
    await a.bye()
    cdr = await system.cdr(call_id)
    assert decisions(cdr)["acme.test"] == f"{scope}.on"
    assert (scope, name) in {(r["scope"], r["name"]) for leg in cdr["legs"] for r in leg["routes"]}
    [recording] = await system.recordings(call_id)
    assert name in recording["recording"]["reason"]
    ms = await ms_of(system, recording, TRUNK_A, TONES["101"])
    assert min(ms.values()) > 300, ms


@pytest.mark.parametrize("rule", WAYS)
async def test_its_forbid_holds_from_the_first_word(system: System, rule: str) -> None:
    what, dial = WAYS[rule]
    needs(system, what)
    scope, name = rule.split("/")
    await system.put_tenant("acme.test", "require")
    await system.put_rule("acme.test", scope, name, "forbid")
    a, _ = await dial(system)
    call_id = await system.call_id("101")
    await asyncio.sleep(0.5)
    await a.bye()
    cdr = await system.cdr(call_id)
    assert decisions(cdr)["acme.test"] == f"{scope}.forbid"
    # Not even one that was taken back: it was known before the parties talked.
    assert cdr["recordings"] == []


async def test_of_those_that_ring_only_the_one_who_answers_counts(system: System) -> None:
    needs(system, "ring group")
    system.phone("101").auto_answer = system.phone("103").auto_answer = False
    a = await system.phone("outside").dial("7010")
    await next_call(system, "102")
    await a.answered()
    call_id = await system.call_id("102")
    await asyncio.sleep(0.5)
    await a.bye()
    cdr = await system.cdr(call_id)
    assert cdr["recordings"] == [], "101, whose calls are recorded, has only rung"


async def test_a_transfer_keeps_what_the_caller_came_through(system: System) -> None:
    needs(system, "queue")
    await system.put_policy("acme.test", "101", False)
    await system.put_rule("acme.test", "queue", "sales", "on")
    a, b = await by_queue(system)
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.4)
    # A consultation with a colleague did not come through the queue.
    await b.hold()
    second = await system.phone("101").call("103")
    await system.phone("103").next_call()
    await asyncio.sleep(0.5)
    await second.bye()
    await b.unhold()
    await b.transfer("104")
    c = await next_call(system, "104")
    await asyncio.sleep(0.8)
    await c.bye()
    await a.wait_ended()
    [recording] = await system.recordings(call_id)
    ms = await ms_of(system, recording, TRUNK_A, TONES["101"], TONES["103"], TONES["104"])
    assert ms[TONES["104"]] > 500, "the caller came through the queue, whoever talks to them"
    assert ms[TONES["103"]] == 0, ms


async def test_a_call_inside_comes_through_the_queue_too(system: System) -> None:
    needs(system, "queue")
    await system.put_policy("acme.test", "101", False)
    await system.put_rule("acme.test", "queue", "sales", "on")
    system.phone("102").auto_answer = False
    a = await system.phone("103").call("7001")
    await next_call(system, "101")
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await a.bye()


async def test_a_controller_that_was_away_finds_the_routes_again(system: System) -> None:
    needs(system, "queue")
    await system.put_rule("acme.test", "queue", "sales", "on")
    await system.put_policy("acme.test", "101", False)
    await system.controller.kill()
    try:
        a, _ = await by_queue(system)  # nobody is there to hear the queue's events
    finally:
        await system.controller.start()
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.4)
    await system.controller.kill()
    await system.controller.start()
    await system.put_rule("acme.test", "queue", "sales", "forbid")

    async def over() -> bool:
        states = [r["state"] for c in await system.live(user="101") for r in c["recordings"]]
        return "recording" not in states

    await until(over, "the queue's forbid ends the recording")
    await a.bye()


async def test_a_hostile_queue_name_is_only_a_name(system: System) -> None:
    """A dialplan that takes a name from the caller hands on whatever the caller wrote."""
    needs(system, "tainted route")
    await system.put_tenant("acme.test", True)
    number = "1\r\nQueue: x"
    quoted = "".join(f"%{ord(c):02X}" if not c.isalnum() else c for c in number)
    a = await system.phone("101").call("7090", headers=[f"X-Route: {quoted}"])
    b = await system.phone("102").next_call()
    call_id = await system.call_id("101")
    await system.recording_up(call_id)
    await a.bye()
    await b.wait_ended()
    cdr = await system.cdr(call_id)
    assert len(cdr["recordings"]) == 1
    names = [r["name"] for leg in cdr["legs"] for r in leg["routes"]]
    assert names
    assert all("\n" not in n and "\r" not in n for n in names)
