"""The CDR: the drawn journey, links into the player, causes in words, and its filters."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from controller.core.policy import Policy
from controller.core.rules import PolicyRule, PolicyScope, Route, Setting
from controller.engine.media_ports import MediaState
from controller.engine.reading import CallDetail, RecordingDetail, Scope
from controller.web.pages.causes import cause
from controller.web.pages.journey import Drawing, draw
from tests.catalog.story import BEGIN, EVERYBODY, Story, inside, outside
from tests.policies import policy_of, tenant_rule

from .serving import CHROMIUM, served
from .world import World, wav

ALL = Scope(None)


def started(policy: Policy = EVERYBODY, prefix: str = "j") -> Story:
    return Story(policy, begin=BEGIN + timedelta(hours=3), prefix=prefix)


async def transferred(world: World, *, kept: bool = True) -> str:
    """Anna calls a customer, holds, and hands over to Bela; ten seconds each."""
    story = started()
    story.start("a", inside("101", name="Anna"), dialled="+4930")
    story.start("x", outside("+4930", "Customer"), origin="a")
    story.wait(5)
    story.answer("x", "a")
    story.bridge("b1", "a", "x")
    story.wait(10)
    assert story.ask("pause-audio-recording", "a").accepted
    story.wait(5)
    assert story.ask("resume-audio-recording", "a").accepted
    story.wait(10)
    story.start("b", inside("102", name="Bela"), origin="a")
    story.answer("b")
    story.bridge("b1", "b")
    story.hang_up("a", cause="ATTENDED_TRANSFER")
    story.wait(10)
    story.hang_up("x", "b", cause="USER_BUSY")
    call = next(iter(story.changed.values())).call_id
    await story.save(world.catalog, "fs2")
    if kept:
        await world.keep("moved", call, wav(35), seconds=35)
    return call


async def drawn(world: World, call_id: str) -> tuple[CallDetail, Drawing]:
    detail = await world.catalog.call(ALL, call_id)
    assert detail is not None
    found = [await world.catalog.recording(ALL, r.recording_id) for r in detail.recordings]
    known: list[RecordingDetail] = [r for r in found if r is not None]
    return detail, draw(detail, known, world.story.at)


async def test_every_leg_and_recording_has_its_lane(world: World) -> None:
    _, drawing = await drawn(world, await transferred(world))
    names = [lane.leg.party.name if lane.leg else "recording" for lane in drawing.lanes]
    assert names == ["Anna", "Customer", "Bela", "recording"]
    anna, customer, bela, recording = drawing.lanes

    def shape(lane: object) -> list[tuple[str, int, int]]:
        return [(s.kind, round(s.from_ms / 1000), round(s.to_ms / 1000)) for s in lane.stretches]  # type: ignore[attr-defined]

    assert shape(anna) == [("ring", 0, 5), ("talk", 5, 30)]
    assert shape(customer) == [("ring", 0, 5), ("talk", 5, 40)]
    assert shape(bela)[-1] == ("talk", 30, 40)
    assert ("pause", 15, 20) in shape(recording)
    assert anna.ending == "transferred away"
    assert customer.ending == "was busy"
    [transfer] = drawing.transfers
    assert transfer.text == "Transferred from Anna to Bela at 0:30"
    assert transfer.y1 < transfer.y2
    assert transfer.x == pytest.approx(75, abs=0.2)


async def test_a_stretch_leads_into_the_player_at_its_time(world: World) -> None:
    detail, drawing = await drawn(world, await transferred(world))
    recording = detail.recordings[0].recording_id
    (ring, talk), pause = drawing.lanes[0].stretches, drawing.lanes[3].stretches[-1]
    assert ring.href.partition("#")[2] in ("", "t=0"), "nothing was recorded of the ringing"
    assert talk.href == f"/recordings/{recording}#t=0"
    at = re.fullmatch(rf"/recordings/{recording}#t=(\d+)", pause.href)
    assert at
    assert int(at[1]) == pytest.approx(10_000, abs=100)


async def test_whoever_is_left_alone_waits(world: World) -> None:
    story = started()
    story.start("a", inside("101"))
    story.start("b", inside("102"), origin="a")
    story.answer("b", "a")
    story.bridge("b1", "a", "b")
    story.wait(10)
    story.hang_up("b")
    story.wait(5)
    story.hang_up("a")
    call = next(iter(story.changed.values())).call_id
    await story.save(world.catalog, "fs2")
    _, drawing = await drawn(world, call)
    kinds = [(s.kind, round((s.to_ms - s.from_ms) / 1000)) for s in drawing.lanes[0].stretches]
    assert kinds[-2:] == [("talk", 10), ("wait", 5)]


async def test_the_page_says_it_in_words_and_links_the_rule(world: World) -> None:
    call = await transferred(world)
    async with world.browser("red-admin") as browser:
        html = (await browser.get(f"/calls/{call}")).text
    assert "Transferred from Anna to Bela" in html
    assert "Anna</b></bdi> calls" in html
    assert 'href="/company/options?tenant=red.example"' in html
    assert f"call_id={call}" in html
    assert 'aria-label="Listen from 0:15"' in html
    async with world.browser("red-102") as browser:
        html = (await browser.get(f"/calls/{call}")).text
        assert "Transferred from Anna" in html
        assert "/explain?" not in html, "who may not see the policy gets no links to it"


async def test_a_queues_rule_is_linked(world: World) -> None:
    rule = PolicyRule(PolicyScope.QUEUE, "red.example", "Sales & more", Setting.REQUIRE)
    story = started(policy_of((rule,)), "q")
    route = Route(PolicyScope.QUEUE, "Sales & more", "red.example")
    call = story.talk("a", outside("+49"), "b", inside("101"), routes=(route,))
    await story.save(world.catalog, "fs2")
    async with world.browser("red-admin") as browser:
        html = (await browser.get(f"/calls/{call}")).text
    assert "/rules/edit?scope=queue&amp;tenant=red.example&amp;name=Sales+%26+more" in html


async def test_each_decision_of_the_call_is_told_with_its_people(world: World) -> None:
    rules = [
        PolicyRule(PolicyScope.USER, "red.example", n, s)
        for n, s in (("101", Setting.OFF), ("102", Setting.ON))
    ]
    story = started(policy_of(rules), "d")
    story.start("a", inside("101", name="Anna"))
    story.start("x", outside("+4930", "Customer"), origin="a")
    story.bridge("b1", "a", "x")
    story.wait(10)
    story.start("b", inside("102", name="Bela"), origin="x")
    story.hang_up("a")
    story.bridge("b2", "x", "b")
    call = story.running[0].call_id
    story.wait(10)
    story.hang_up("x", "b")
    await story.save(world.catalog, "fs2")
    async with world.browser("red-admin") as browser:
        html = (await browser.get(f"/calls/{call}")).text
    assert "not recorded because user 101 has audio off · between Anna, Customer" in html
    assert "recorded because user 102 has audio on · between Customer, Bela" in html
    assert "It was decided otherwise before" in html


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ("NORMAL_CLEARING", "hung up"), ("Normal Clearing", "hung up"), ("User busy", "was busy"),
        ("User alerting, no answer", "did not answer"), ("LOSE_RACE", "somebody else answered"),
        ("SOME_NEW_CAUSE", "some new cause"), ("<b>x", "<b>x"),
    ],
)  # fmt: skip
def test_causes_in_plain_words(code: str, text: str) -> None:
    assert cause(code) == text


async def answered(world: World, who: str, **query: str) -> set[str]:
    async with world.browser(who) as browser:
        page = await browser.get("/calls", params=query)
    assert page.status_code == 200
    assert 'role="alert"' not in page.text
    return set(re.findall(r'data-href="/calls/([^"]+)"', page.text))


async def test_the_list_filters_by_recorded_why_and_switch(world: World) -> None:
    nobody = policy_of((tenant_rule("red.example", False),), external=False)
    story = started(nobody, "n")
    plain = story.talk("p1", inside("101"), "p2", inside("102"))
    await story.save(world.catalog, "fs9")
    lost = await transferred(world, kept=False)
    detail = await world.catalog.call(ALL, lost)
    assert detail is not None
    recording = detail.recordings[0].recording_id
    left = await world.catalog.call(ALL, plain)
    assert left is not None
    why = next(d.rule for d in left.decisions if d.kind == "audio")
    assert left.decisions[0].verdict == "leave"
    every = await answered(world, "red-admin")
    no = await answered(world, "red-admin", recorded="no")
    assert plain in no
    assert lost not in no
    assert await answered(world, "red-admin", recorded="yes") == every - no
    assert await answered(world, "red-admin", recorded="missing") == set()
    await world.catalog.set_media_state(recording, MediaState.EMPTY)
    assert await answered(world, "red-admin", recorded="missing") == {lost}
    assert await answered(world, "blue-admin", recorded="missing") == set()
    assert await answered(world, "red-admin", switch="fs9") == {plain}
    assert plain in await answered(world, "red-admin", why=why)
    assert lost not in await answered(world, "red-admin", why=why)
    async with world.browser("red-admin") as browser:
        assert "not known" in (await browser.get("/calls", params={"why": "x'--"})).text


if Path(CHROMIUM).exists():
    playwright = pytest.importorskip("playwright.async_api", reason="NO PLAYWRIGHT HERE")
    from playwright.async_api import Browser, expect

    from .serving import chromium
    from .test_browser import enter

    @pytest.fixture
    async def browser() -> AsyncIterator[Browser]:
        async with chromium() as running:
            yield running

    @pytest.mark.timeout(90)
    async def test_a_click_on_the_pause_opens_the_player_there(world: World, browser: Browser) -> None:
        call = await transferred(world)
        async with served(world) as url:
            page = await browser.new_page()
            problems = await enter(page, url, "red-admin")
            await page.goto(f"{url}/calls/{call}")
            link = page.get_by_role("link", name=re.compile("audio paused by 101.*listen"))
            await link.focus()
            await page.keyboard.press("Enter")
            await page.wait_for_url("**/recordings/*")
            await expect(page.locator("[data-now]")).to_have_text("0:10")
            assert problems == []
