"""The live page says who is held and paused, for how long and by whom; and its stream loses no change."""

from __future__ import annotations

import asyncio

from controller.core import facts as f
from controller.core.options import TenantOptions
from controller.engine.reading import Account, Role
from controller.web.live_stream import changes
from controller.web.live_view import visible
from tests.catalog.story import inside
from tests.policies import policy_of, tenant_rule

from .world import World, begin_live

RED, BLUE = "red.example", "blue.example"
LIMITED = TenantOptions(longest_pause_s=300)


def policy(**options: TenantOptions) -> object:
    rules = (tenant_rule(RED, True), tenant_rule(BLUE, True))
    return policy_of(rules, options={f"{name}.example": one for name, one in options.items()})


async def test_a_pause_names_its_asker_and_its_end(world: World) -> None:
    world.story.desk.policy = policy(red=LIMITED)  # type: ignore[assignment]
    assert world.story.ask("pause-audio-recording", "live-red-a").accepted
    asked = world.story.at
    world.story.wait(20)
    [call] = [c for c in world.control.live_calls() if c.call_id == world.calls["live-red"]]
    [audio] = [r for r in call.recordings if r.kind == "audio"]
    assert audio.paused_by == "101@red.example"
    assert audio.resumes_at is not None
    assert abs((audio.resumes_at - asked).total_seconds() - 300) < 1
    async with world.browser("red-admin") as browser:
        html = (await browser.get("/live")).text
    assert "resumes in" in html
    assert "Paused by <bdi>101@red.example</bdi>" in html


async def test_no_end_is_promised_where_one_tenant_sets_none(world: World) -> None:
    world.story.desk.policy = policy(red=LIMITED)  # type: ignore[assignment]
    begin_live(world.story, "both", inside("101"), inside("201", BLUE))
    assert world.story.ask("pause-audio-recording", "both-a").accepted
    call = world.control.live_calls()[-1]
    assert len([r for r in call.recordings if r.paused]) == 2
    assert [r.resumes_at for r in call.recordings if r.paused] == [None, None]
    blue = Account("b", "b", Role.TENANT, BLUE, None).scope
    seen = visible(call, blue)
    assert seen is not None
    assert [r.paused_by for r in seen.recordings] == ["somebody else"]


async def test_a_hold_says_since_when(world: World) -> None:
    world.story.apply(f.LegHeld("live-red-b", world.story.at))
    held = world.story.at
    world.story.wait(30)
    [call] = [c for c in world.control.live_calls() if c.call_id == world.calls["live-red"]]
    assert [p.held_since for p in call.parties if p.held] == [held]


async def test_the_filter_works_without_javascript(world: World) -> None:
    async with world.browser("root") as browser:
        for wanted, found in (("ANNA", ["live-red"]), ("+49500", ["live-blue"]), ("nobody", [])):
            html = (await browser.get("/live", params={"q": wanted})).text
            there = [n for n in ("live-red", "live-blue") if f'id="call-{world.calls[n]}"' in html]
            assert there == found, wanted


async def test_a_change_that_the_feed_dropped_is_told_all_the_same(world: World) -> None:
    boss = Account("account-root", "root", Role.SYSTEM, None, None)
    stream = changes(world.control, boss, lambda: world.catalog.account(boss.account_id), recheck=0.02)
    told = [await anext(stream) for _ in range(3)]
    assert [change.complete for change in told] == [False, False, True]
    # Nothing is published: as if the feed had dropped it for a slow reader.
    assert world.story.ask("pause-audio-recording", "live-red-a").accepted
    change = await asyncio.wait_for(anext(stream), 5)
    assert change.call_id == world.calls["live-red"]
    assert change.call is not None
    assert any(r.paused for r in change.call.recordings)
    await stream.aclose()
