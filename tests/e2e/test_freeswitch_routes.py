"""FreeSWITCH: what only it has on a call's way: mod_fifo, pickup out of a group, queues named by a domain."""

from __future__ import annotations

import asyncio

import pytest

from .parties import decisions, joined, ms_of, next_call
from .system import TONES, TRUNK_A, System

pytestmark = [pytest.mark.freeswitch, pytest.mark.parametrize("running", ["freeswitch"], indirect=True)]


async def test_a_queue_of_mod_fifo_forbids_and_records(system: System) -> None:
    """The rule about it holds without a word in the dialplan."""
    system.phone("102").auto_answer = False
    await system.put_rule("acme.test", "queue", "support", "forbid")
    a = await system.phone("outside").call("7002")
    b = await next_call(system, "101")
    call_id = await joined(system, "101")
    await asyncio.sleep(0.8)
    await a.bye()
    await b.hangup()
    cdr = await system.cdr(call_id)
    assert (decisions(cdr)["acme.test"], cdr["recordings"]) == ("queue.forbid", [])
    await system.put_policy("acme.test", "101", False)
    await system.put_rule("acme.test", "queue", "support", "on")
    await asyncio.sleep(2.5)  # mod_fifo leaves its members alone for a while
    a = await system.phone("outside").call("7002")
    await next_call(system, "101")
    call_id = await joined(system, "101")
    await system.recording_up(call_id)
    await asyncio.sleep(0.8)
    await a.bye()
    [recording] = await system.recordings(call_id)
    assert recording["rule"] == "queue.on"
    assert min((await ms_of(system, recording, TRUNK_A, TONES["101"])).values()) > 500


async def test_another_tenant_s_queue_of_the_same_name_has_no_say(system: System) -> None:
    system.phone("102").auto_answer = False
    await system.put_rule("other.test", "queue", "sales", "forbid")
    a = await system.phone("outside").call("7001")
    await next_call(system, "101")
    await system.recording_up(await system.call_id("101"))
    await a.bye()


async def test_a_call_picked_up_out_of_a_group_came_through_the_group(system: System) -> None:
    await system.put_policy("acme.test", "104", True)
    await system.put_rule("acme.test", "ring_group", "all", "forbid")
    for who in ("101", "102", "103"):
        system.phone(who).auto_answer = False
    a = await system.phone("outside").dial("7010")
    await system.phone("101").next_call()
    c = await system.phone("104").call("*8")
    await a.answered()
    await asyncio.sleep(0.8)
    call_id = await system.call_id("104")
    await c.bye()
    cdr = await system.cdr(call_id)
    assert (decisions(cdr)["acme.test"], cdr["recordings"]) == ("ring_group.forbid", [])
