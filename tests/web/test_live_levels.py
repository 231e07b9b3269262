"""Strips on the live stream: of the calls that one sees and of no other, and only what is new."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import httpx
import pytest

from controller.engine import levels
from controller.engine.levels import ELSEWHERE, UNREADABLE, LiveCapture, LiveLevels, Strip, captures_of
from controller.engine.ports import LiveCall
from controller.engine.reading import Account, Role
from controller.web.live_levels import LevelTeller
from controller.web.live_view import all_visible
from tests.catalog.story import inside

from .serving import served
from .world import World, begin_live, sign_in

RED, BLUE = "red.example", "blue.example"
ROOT = Account("r", "r", Role.SYSTEM, None, None)


def audio_of(call: LiveCall) -> str:
    [recording] = [r for r in call.recordings if r.kind == "audio"]
    return recording.recording_id


def told(teller: LevelTeller, calls: list[LiveCall], strips: dict[str, Strip]) -> Any:
    text = teller.tell(calls, strips, 100.0)
    return json.loads(text)["strips"] if text else None


def live(world: World, who: Account) -> list[LiveCall]:
    return all_visible(world.control.live_calls(), who.scope)


async def test_first_all_then_what_is_new_and_all_after_something_was_missed(world: World) -> None:
    calls = live(world, Account("a", "a", Role.TENANT, RED, None))
    [call] = calls
    one, own = audio_of(call), call.parties[0].leg_id
    teller = LevelTeller()
    strip = Strip(own, ("--abc", "--111"), 405, 101.2, number=1, fresh=3)
    assert told(teller, calls, {one: strip}) == {
        one: {"party": 0, "end": 405, "newest": 404.8, "lanes": ["--abc", "--111"]}
    }
    assert told(teller, calls, {one: strip}) == {}, "nothing is new"
    strip = Strip(own, ("-abcd", "-1111"), 406, 101.4, number=2, fresh=1)
    assert told(teller, calls, {one: strip}) == {
        one: {"party": 0, "end": 406, "newest": 405.6, "lanes": ["d", "1"]}
    }
    strip = Strip(own, ("bcdef", "11111"), 408, number=4, fresh=1)
    assert told(teller, calls, {one: strip})[one]["lanes"] == ["bcdef", "11111"]
    assert told(LevelTeller(), calls, {one: strip})[one]["lanes"] == ["bcdef", "11111"]


async def test_whose_voice_it_is(world: World) -> None:
    calls = live(world, Account("a", "a", Role.TENANT, RED, None))
    [call] = calls
    one = audio_of(call)
    for leg, lanes, own_only, party in (
        (call.parties[1].leg_id, ("a", "b"), False, 1),
        (call.parties[0].leg_id, ("a",), False, None),
        (call.parties[0].leg_id, ("a",), True, 0),
        ("gone", ("a", "b"), False, None),
    ):
        strip = Strip(leg, lanes, 1, 0.2, 1, 1, own_only)
        assert told(LevelTeller(), calls, {one: strip})[one]["party"] == party


async def test_why_there_is_none_is_said_once(world: World) -> None:
    calls = live(world, Account("a", "a", Role.TENANT, RED, None))
    one = audio_of(calls[0])
    teller = LevelTeller()
    assert told(teller, calls, {one: Strip("x", why=UNREADABLE)}) == {one: {"why": UNREADABLE}}
    assert told(teller, calls, {one: Strip("x", why=UNREADABLE)}) == {}
    teller = LevelTeller()
    assert told(teller, calls, {}) == {}, "it may have begun since"
    assert told(teller, calls, {}) == {one: {"why": ELSEWHERE}}, "another controller has it"
    assert told(LevelTeller(), [], {}) is None


async def test_of_a_call_of_two_tenants_each_is_told_its_own(world: World) -> None:
    begin_live(world.story, "both", inside("101"), inside("201", BLUE))
    strips = {
        r.recording_id: Strip(call.parties[0].leg_id, ("abc", "abc"), 3, 0.7, 1, 3)
        for call in world.control.live_calls()
        for r in call.recordings
        if r.kind == "audio"
    }
    assert len(strips) == 4
    seen = {}
    for tenant in (RED, BLUE):
        calls = live(world, Account("a", "a", Role.TENANT, tenant, None))
        found = told(LevelTeller(), calls, strips)
        assert set(found) == {r.recording_id for c in calls for r in c.recordings if r.kind == "audio"}
        both = calls[0]
        seen[tenant] = (set(found), found[audio_of(both)]["party"])
    assert not seen[RED][0] & seen[BLUE][0]
    assert seen[RED][1] == 0
    assert seen[BLUE][1] is None, "the other tenant's leg is nobody that it knows"
    assert set(told(LevelTeller(), live(world, ROOT), strips)) == set(strips)


@pytest.fixture
def strips(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Every running capture sounds; how often it was looked."""
    monkeypatch.setattr(levels, "LOOK_S", 0.05)
    looks: list[int] = []

    def look(captures: Sequence[LiveCapture]) -> dict[str, Strip]:
        looks.append(len(captures))
        return {c.recording_id: Strip(c.leg_id, ("abc",), len(looks), 0.5, len(looks), 1) for c in captures}

    web = world.app.state.web
    live = LiveLevels(lambda: captures_of("fs1", world.story.running), look)
    world.app.state.web = replace(web, services=replace(web.services, levels=live))
    return looks


async def read(client: httpx.AsyncClient, path: str, wanted: int) -> list[dict[str, Any]]:
    """So many events ``levels`` of a stream."""
    found: list[dict[str, Any]] = []
    async with client.stream("GET", path) as answer:
        assert answer.status_code == 200
        event = ""
        async for line in answer.aiter_lines():
            event = line.removeprefix("event: ") if line.startswith("event: ") else event
            if line.startswith("data: ") and event == "levels":
                found.append(json.loads(line.removeprefix("data: ")))
                if len(found) == wanted:
                    break
    return found


@pytest.mark.parametrize(
    ("who", "names"),
    [("red-admin", ["live-red"]), ("blue-admin", ["live-blue"]), ("root", ["live-red", "live-blue"])],
)
async def test_a_tenants_levels_never_reach_another(
    world: World, strips: list[int], who: str, names: list[str]
) -> None:
    calls = {c.call_id: audio_of(c) for c in world.control.live_calls()}
    own = {calls[world.calls[name]] for name in names}
    async with served(world) as url:
        headers = {"authorization": f"Bearer {world.tokens[who]}"}
        async with httpx.AsyncClient(base_url=url, timeout=5, headers=headers) as client:
            events = await read(client, "/api/v1/live/events?levels=true", 4)
    assert strips[0] == len(calls), "all of them were looked at, for everybody"
    assert {recording for event in events for recording in event["strips"]} == own
    assert all(set(event) == {"at", "strips"} for event in events)


async def test_the_page_has_them_if_it_asks(world: World, strips: list[int]) -> None:
    async with served(world) as url, httpx.AsyncClient(base_url=url, timeout=5) as browser:
        assert (await sign_in(browser, "red-admin")).status_code == 303
        [event] = await read(browser, "/live/stream?levels=true", 1)
        assert len(event["strips"]) == 1
    await asyncio.sleep(0.3)
    seen = len(strips)
    await asyncio.sleep(0.3)
    assert len(strips) == seen, "nobody watches any more"


async def test_nobody_is_told_unasked(world: World, strips: list[int]) -> None:
    async with served(world) as url:
        headers = {"authorization": f"Bearer {world.tokens['red-admin']}"}
        async with httpx.AsyncClient(base_url=url, timeout=5, headers=headers) as client:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.6):
                    await read(client, "/api/v1/live/events", 1)
    assert strips == []
