"""Explain: an imagined call is answered as the core would decide it, with the rules that had a say."""

from __future__ import annotations

from typing import Any

import pytest

from controller.core.media_kinds import Kind
from controller.core.options import NewUser, TenantOptions
from controller.core.parties import Party, Side
from controller.core.policy import decide
from controller.core.rules import Mode, PolicyRule, PolicyScope, Route, Setting, sample_point
from controller.engine.reading import SystemSettings, TenantSettings, UserSettings
from controller.web.explaining import Imagined, explain
from tests.policies import policy_of

from .world import World

RED = "red.example"
ANNA = Party(Side.INTERNAL, RED, "101", "101")
OUT = Party(Side.EXTERNAL, None, None, "+4930")


@pytest.fixture
async def settled(world: World) -> World:
    """101 is on demand, 102 off; the queue Sales a sample; the works council forbidden."""
    c = world.catalog
    await c.set_user(UserSettings(RED, "101", "Anna", Setting.ON, mode=Mode.ON_DEMAND))
    await c.set_user(UserSettings(RED, "102", "Bela", Setting.OFF, mode=Mode.ALWAYS))
    await c.set_rule(PolicyRule(PolicyScope.QUEUE, RED, "Sales", Setting.ON, sample_percent=50))
    await c.set_rule(PolicyRule(PolicyScope.RING_GROUP, RED, "Council", Setting.FORBID))
    await c.set_rule(PolicyRule(PolicyScope.TRUNK, None, "carrier", Setting.REQUIRE))
    await c.set_rule(PolicyRule(PolicyScope.QUEUE, "blue.example", "Sales", Setting.FORBID))
    return world


async def ask(world: World, who: str = "red-admin", **query: str) -> dict[str, Any]:
    """The answer about the audio of a call between 101 and an outside number."""
    async with world.client(who) as client:
        params = {"caller": "101", "callee": "+4930", **query}
        answer = await client.get("/api/v1/explain", params=params)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return {**body, "audio": body["answers"]["audio"], "video": body["answers"]["video"]}


async def test_the_answer_is_the_cores(settled: World) -> None:
    found = await ask(settled)
    assert (found["direction"], found["caller"], found["callee"]) == (
        "outbound",
        {"number": "101", "side": "internal"},
        {"number": "+4930", "side": "external"},
    )
    audio = found["audio"]
    policy = await settled.catalog.policy()
    core = decide(policy, Kind.AUDIO, RED, Imagined(RED, ANNA, OUT).legs)
    assert (audio["verdict"], audio["rule"], audio["reason"]) == (core.verdict, core.rule, core.reason)
    assert (audio["verdict"], audio["rule"]) == ("provisional", "user.on_demand")
    assert found["video"]["rule"] == "not_a_video_call"
    assert (await ask(settled, video="true"))["video"]["rule"] == "nobody_wants"


async def test_every_rule_about_the_call_is_there_with_what_it_says(settled: World) -> None:
    await settled.catalog.set_system(SystemSettings(False, Setting.OFF))
    audio = (await ask(settled, ring_group="Council", trunk="carrier"))["audio"]
    assert (audio["verdict"], audio["rule"]) == ("leave", "ring_group.forbid")
    said = {one["subject"]: (one["says"], one["decided"]) for one in audio["rules"]}
    assert said == {
        "the system": ("off", False),
        "tenant red.example": (None, False),
        "trunk carrier": ("require", False),
        "ring group Council": ("forbid", True),
        "user 101": ("on_demand", False),
    }
    assert [one["subject"] for one in audio["rules"]] == list(said), "the general ones first"


async def test_a_rule_for_another_direction_is_there_and_says_nothing(settled: World) -> None:
    inbound = TenantSettings(RED, Setting.REQUIRE, directions=frozenset({"inbound"}))  # type: ignore[arg-type]
    await settled.catalog.set_tenant(inbound)
    out = (await ask(settled))["audio"]
    tenant = next(one for one in out["rules"] if one["subject"] == f"tenant {RED}")
    assert (tenant["setting"], tenant["direction_fits"], tenant["says"]) == ("require", False, None)
    back = (await ask(settled, caller="+4930", callee="101"))["audio"]
    assert (back["verdict"], back["rule"]) == ("record", "tenant.require")


async def test_a_sample_is_told_from_both_sides_or_by_a_calls_id(settled: World) -> None:
    both = (await ask(settled, queue="Sales"))["audio"]
    assert (both["verdict"], both["rule"]) == ("record", "queue.on")
    assert both["outside_sample"]["rule"] == "user.on_demand"
    assert next(o for o in both["rules"] if o["subject"] == "queue Sales")["rule"]["sample_percent"] == 50
    rule = PolicyRule(PolicyScope.QUEUE, RED, "Sales", Setting.ON, sample_percent=50)
    ids = [f"call{n}" for n in range(20)]
    chosen = {i: sample_point(i, rule) < 50 for i in ids}
    assert set(chosen.values()) == {True, False}
    for call_id, inside in list(chosen.items())[:6]:
        one = (await ask(settled, queue="Sales", call_id=call_id))["audio"]
        assert one["outside_sample"] is None
        assert one["rule"] == ("queue.on" if inside else "user.on_demand"), call_id
        says = next(o["says"] for o in one["rules"] if o["subject"] == "queue Sales")
        assert says == ("on" if inside else "not_sampled")


async def test_who_may_do_what(settled: World) -> None:
    def may(audio: dict[str, Any]) -> dict[str, tuple[bool, bool, bool]]:
        return {m["who"]: (m["pause"], m["start"], m["stop"]) for m in audio["may"]}

    assert may((await ask(settled))["audio"]) == {
        "an administrator, the API": (True, True, True),
        "user 101": (True, True, True),
        "an external party": (False, False, False),
    }
    internal = may((await ask(settled, callee="102"))["audio"])
    assert internal["user 102"] == (False, False, False), "its mode is always, without a pause"
    assert "an external party" not in internal
    required = may((await ask(settled, trunk="carrier"))["audio"])
    assert required["an administrator, the API"] == (True, True, False)
    assert required["user 101"] == (True, True, False)
    forbidden = may((await ask(settled, ring_group="Council"))["audio"])
    assert forbidden["an administrator, the API"][1] is False
    assert forbidden["user 101"][1] is False


async def test_another_tenants_users_and_rules_count_for_nothing(settled: World) -> None:
    await settled.catalog.set_user(UserSettings("blue.example", "201", "Carl", Setting.REQUIRE))
    found = await ask(settled, callee="201", queue="Sales", call_id="x")
    assert found["callee"]["side"] == "external"
    assert "blue.example" not in str(found)
    blue = await ask(settled, "blue-admin", caller="201", callee="101", queue="Sales")
    assert (blue["audio"]["rule"], blue["callee"]["side"]) == ("queue.forbid", "external")


async def test_who_is_not_known_is_said(settled: World) -> None:
    options = TenantOptions(new_user=NewUser(Setting.ON, mode=Mode.ALWAYS))
    await settled.catalog.set_tenant(TenantSettings(RED, options=options))
    found = await ask(settled, caller="150", callee="+4930", queue="Nowhere")
    assert (found["caller"]["side"], found["audio"]["rule"]) == ("external", "external_only")
    assert found["notes"] == ["there is no rule of queue Nowhere"]
    new = await ask(settled, caller="user:150")
    assert new["caller"] == {"number": "150", "side": "internal"}
    assert (new["audio"]["verdict"], new["audio"]["rule"]) == ("record", "user.on")
    assert new["notes"] == [
        "user 150 is not known: from its first call it has audio on, video off, mode always"
    ]
    assert {m["who"]: m["pause"] for m in new["audio"]["may"]}["user 150"] is False
    assert (await ask(settled))["notes"] == []


async def test_what_is_missing_or_wrong_is_named(settled: World) -> None:
    async with settled.client("root") as root:
        nobody = await root.get("/api/v1/explain?caller=101&callee=102")
        assert (nobody.status_code, nobody.json()["errors"][0]["where"]) == (422, "query.tenant")
        for query, where in (
            ("callee=102", "query.caller"),
            ("caller=101&callee=102&queue=%00", "query.queue"),
            ("caller=101&callee=102&tenant=a%20b", "query.tenant"),
            ("caller=101&callee=102&video=perhaps", "query.video"),
        ):
            answer = await root.get(f"/api/v1/explain?{query}")
            assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, where)
        same = await root.get(f"/api/v1/explain?caller=101&callee=%2B4930&tenant={RED}")
        assert same.json()["answers"]["audio"]["rule"] == "user.on_demand"


async def test_the_page_shows_the_same(settled: World) -> None:
    async with settled.browser("red-admin") as browser:
        assert "Imagine a call" in (await browser.get("/explain")).text
        page = await browser.get("/explain?caller=101&callee=%2B4930&queue=Sales&ring_group=Council")
        assert page.status_code == 200
        assert "Not recorded because ring group Council forbids audio; queue Sales has audio on" in page.text
        row = page.text[page.text.index("class=decided") :]
        assert row.index("ring group Council") < row.index("</tr>")
        assert "<details open>" in page.text
        hostile = await browser.get("/explain?caller=<script>alert(1)</script>&callee=%22%3E<b>&queue='")
        assert hostile.status_code == 200
        assert "<script>alert" not in hostile.text
        missing = await browser.get("/explain?caller=101")
        assert missing.status_code == 422
        assert "An extension or a number." in missing.text
    async with settled.browser("root") as root:
        assert (await root.get("/explain")).status_code == 200
        bad = await root.get("/explain?tenant=a%20b&caller=1&callee=2")
        assert bad.status_code == 422


async def test_no_video_is_promised_where_the_switch_records_none(settled: World) -> None:
    await settled.catalog.set_user(UserSettings(RED, "103", "Cleo", Setting.ON, Setting.ON))
    call = {"caller": "103", "video": "true"}
    assert (await ask(settled, **call))["video"]["verdict"] == "record"
    settled.control.video = {"pbx": False}
    found = await ask(settled, **call)
    assert (found["video"]["verdict"], found["video"]["rule"]) == ("leave", "unsupported_by_switch")
    assert not any(one["start"] for one in found["video"]["may"]), "and nobody may start it"
    assert (found["audio"]["verdict"], found["notes"]) == ("record", [])
    settled.control.video = {"pbx": False, "fs": True}
    found = await ask(settled, **call)
    assert found["video"]["verdict"] == "record"
    assert found["notes"] == ["pbx cannot record video: name the switch for a call there"]
    assert (await ask(settled, caller="103"))["notes"] == [], "nothing to doubt of a call without video"
    assert (await ask(settled, **call, switch="pbx"))["video"]["verdict"] == "leave"
    found = await ask(settled, **call, switch="fs")
    assert (found["video"]["verdict"], found["notes"]) == ("record", [])
    async with settled.client("red-admin") as client:
        answer = await client.get("/api/v1/explain?caller=103&callee=102&switch=sf")
    [fault] = answer.json()["errors"]
    assert (answer.status_code, fault) == (422, {"where": "query.switch", "problem": "there are: pbx, fs"})


async def test_the_pages_promise_no_video_either(settled: World) -> None:
    await settled.catalog.set_user(UserSettings(RED, "103", "Cleo", Setting.ON, Setting.ON))
    url = "/explain?caller=103&callee=%2B4930&video=on"
    cannot, whole = "cannot record video", f"/users/{RED}/103"
    async with settled.browser("red-admin") as browser:
        assert cannot not in (await browser.get(url)).text
        assert cannot not in (await browser.get(whole)).text
        assert 'name="switch"' not in (await browser.get("/explain")).text, "there is but one"
        settled.control.video = {"pbx": False}
        assert cannot in (await browser.get(url)).text
        assert cannot in (await browser.get(whole)).text, "what a user's settings come to"
        settled.control.video = {"pbx": False, "fs": True}
        assert 'name="switch"' in (await browser.get("/explain")).text
        assert "Pbx cannot record video: name the switch" in (await browser.get(url)).text
        assert cannot not in (await browser.get(f"{url}&switch=fs")).text
        refused = await browser.get(f"{url}&switch=sf")
        assert (refused.status_code, "There are: pbx, fs." in refused.text) == (422, True)


def test_of_several_rules_that_say_the_same_the_most_general_is_named() -> None:
    policy = policy_of(
        PolicyRule(PolicyScope.USER, RED, "101", Setting.ON),
        PolicyRule(PolicyScope.QUEUE, RED, "a", Setting.ON),
        PolicyRule(PolicyScope.QUEUE, RED, "b", Setting.ON),
        PolicyRule(PolicyScope.TENANT, RED, "", Setting.ON),
    )
    routes = (Route(PolicyScope.QUEUE, "a", RED), Route(PolicyScope.QUEUE, "b", RED))
    answer = explain(policy, Imagined(RED, ANNA, OUT, routes)).answers[0]
    assert [s.subject for s in answer.said if s.decided] == [f"tenant {RED}"]
    assert answer.decision.reason.startswith(f"recorded because tenant {RED} has audio on")
