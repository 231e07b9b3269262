"""What a change would do, told before it is saved; what calls come through, with their calls a day."""

from __future__ import annotations

import re

import httpx
import pytest

from controller.core.rules import PolicyRule, PolicyScope, Setting
from controller.engine.forecasting import MOST, changed, forecast
from controller.engine.reading import AuditFilter, Scope, UserSettings

from .world import World, form_token

USER = "/users/red.example/101"


async def fields(client: httpx.AsyncClient, path: str) -> dict[str, str]:
    return {"csrf": form_token((await client.get(path)).text)}


def words(html: str) -> str:
    found = html.partition("data-forecast ")[2].partition("</section>")[0]
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", found))


@pytest.fixture
async def ruled(world: World) -> World:
    await world.catalog.set_user(UserSettings("red.example", "101", "Anna", Setting.ON))
    await world.catalog.set_user(UserSettings("red.example", "102", "Bela", Setting.OFF))
    return world


async def test_a_users_change_is_foretold_and_nothing_is_saved(ruled: World) -> None:
    everything = {"directions": ["inbound", "outbound", "internal", "external"], "mode": "always_pause"}
    async with ruled.browser("red-admin") as admin:
        sent = await fields(admin, USER) | everything | {"audio": "off", "video": "inherit"}
        answer = await admin.post(USER, data=sent | {"preview": "1"})
        assert answer.status_code == 200
        text = words(answer.text)
        assert "Audio:" in text
        assert "calls a day" in text
        assert "Users concerned" in text
        assert "101" in text
        assert "Carl" not in text
        kept = await ruled.catalog.users(Scope("red.example", "101"))
        assert kept[0].audio is Setting.ON
        same = await admin.post(USER, data=sent | {"audio": "on", "preview": "1"})
        assert "would have been recorded otherwise" in words(same.text)
        saved = await admin.post(USER, data=sent)
        page = (await admin.get(saved.headers["location"])).text
        assert "audio: on → off" in page
    lines = await ruled.catalog.audit_page(Scope("red.example"), AuditFilter(action="setting"))
    assert "audio: on → off" in lines[0][1].detail


async def test_the_forecast_counts_what_decide_says_of_each_call(ruled: World) -> None:
    now = ruled.story.at
    past = await ruled.catalog.past_calls(Scope("red.example"), now.replace(year=2000), now, MOST)
    of_101 = [c for c in past.calls if any(leg.party.user == "101" for leg in c.legs)]
    assert of_101
    policy = await ruled.catalog.policy()
    rule = PolicyRule(PolicyScope.USER, "red.example", "101", Setting.OFF)
    found = forecast(past, policy, changed(policy, [rule]), "red.example")
    audio = found.counts[0]
    assert (audio.fewer, audio.more) == (len(of_101), 0)
    assert dict(((t, u), n) for t, u, n in found.users)["red.example", "101"] == len(of_101)
    forbids = PolicyRule(PolicyScope.TENANT, "red.example", "", Setting.FORBID)
    assert forecast(past, policy, changed(policy, [forbids]), "red.example").counts[0].after == 0


async def test_a_sample_of_the_newest_says_that_it_is_one(ruled: World) -> None:
    now = ruled.story.at
    past = await ruled.catalog.past_calls(Scope("red.example"), now.replace(year=2000), now, 1)
    assert not past.whole
    assert len(past.calls) == 1
    assert past.days < 2


async def test_options_rules_and_the_systems_setting_are_foretold(ruled: World) -> None:
    async with ruled.browser("root") as root:
        token = await fields(root, "/advanced/general")
        answer = await root.post(
            "/advanced/general/rule",
            data=token | {"audio": "forbid", "video": "inherit", "directions": "outbound", "preview": "1"},
        )
        assert answer.status_code == 200
        assert "data-forecast" in answer.text
        assert (await ruled.catalog.system()).audio is Setting.INHERIT
        answer = await root.post("/advanced/general", data=token | {"record_external": "on", "preview": "1"})
        assert "data-forecast" in answer.text
        assert not (await ruled.catalog.system()).record_external
    async with ruled.browser("red-admin") as admin:
        path = "/company/options"
        html = (await admin.get(path)).text
        sent = {"csrf": form_token(html), "tenant": "red.example", "audio": "forbid", "preview": "1"}
        assert "calls a day" in await _previewed(admin, path, html, sent)
        assert await ruled.catalog.tenants(Scope("red.example"))
        assert (await ruled.catalog.tenants(Scope("red.example")))[0].audio is not Setting.FORBID


async def _previewed(client: httpx.AsyncClient, path: str, html: str, sent: dict[str, str]) -> str:
    """The form as a browser would send it, with these fields instead."""
    form = html.partition('class="sections"')[2]
    given: dict[str, list[str]] = {}
    for tag in re.findall(r"<input [^>]*>", form):
        name, value = re.search(r'name="([^"]+)"', tag), re.search(r'value="([^"]*)"', tag)
        if name and (' type="checkbox"' not in tag or " checked" in tag):
            given.setdefault(name[1], []).append(value[1] if value else "on")
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.S):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        given.setdefault(name, []).append(chosen[1] if chosen else "")
    given |= {name: [value] for name, value in sent.items()}
    answer = await client.post(path, data=given)
    assert answer.status_code == 200, answer.text[:3000]
    return words(answer.text)


async def test_queues_are_listed_with_their_calls_and_rules(world: World) -> None:
    await world.catalog.set_rule(
        PolicyRule(PolicyScope.QUEUE, "red.example", "Quiet", Setting.ON, sample_percent=25.0)
    )
    await world.catalog.set_rule(PolicyRule(PolicyScope.QUEUE, "blue.example", "Secret", Setting.ON))
    async with world.browser("red-admin") as admin:
        page = (await admin.get("/queues")).text
        assert "Quiet" in page
        assert "25 %" in page
        assert "none seen" in page
        assert "Secret" not in page
        assert "Quiet" not in (await admin.get("/queues?q=zzz")).text
        assert (await admin.get("/ring-groups")).status_code == 200
        assert (await admin.get("/receptionists")).status_code == 200
        new = (await admin.get("/rules/edit?scope=queue&name=Sales&new=1")).text
        assert 'value="Sales"' in new


async def test_users_come_by_pages_and_are_found_by_the_database(world: World) -> None:
    for number in range(130):
        await world.catalog.set_user(UserSettings("red.example", f"{300 + number}", f"Öla 100% {number}"))
    await world.catalog.set_user(UserSettings("blue.example", "777", "Öla of blue"))
    scope, seen, after = Scope("red.example"), [], None
    while True:
        some, more = await world.catalog.users_page(
            scope, text="öLA"[0].upper() + "la", after=after, limit=50
        )
        seen += [u.user for u in some]
        if not more:
            break
        after = (some[-1].tenant, some[-1].user)
    assert seen == [str(300 + n) for n in range(130)]
    assert (await world.catalog.users_page(scope, text="0%_"))[0] == []
    async with world.browser("red-admin") as admin:
        first = (await admin.get("/users?q=100%25")).text
        assert ">429<" not in first
        further = re.search(r'rel="next" href="([^"]+)"', first)
        assert further
        assert ">429<" in (await admin.get(further[1].replace("&amp;", "&"))).text


async def test_many_users_are_changed_at_once_and_only_ones_own(ruled: World) -> None:
    await ruled.catalog.set_user(UserSettings("blue.example", "201", "Carl", Setting.ON))
    mine = ["red.example/101", "red.example/102"]
    async with ruled.browser("red-admin") as admin:
        sent: dict[str, object] = {
            **await fields(admin, "/users"),
            "audio": "forbid",
            "video": "",
            "one": mine,
        }
        preview = await admin.post("/users/many", data=sent)
        assert "calls a day" in preview.text
        assert (await ruled.catalog.users(Scope("red.example", "101")))[0].audio is Setting.ON
        refused = await admin.post("/users/many", data={**sent, "one": [*mine, "blue.example/201"]})
        assert refused.status_code == 404
        assert (await ruled.catalog.users(Scope("red.example", "101")))[0].audio is Setting.ON
        assert (await admin.post("/users/many", data={**sent, "one": []})).status_code == 422
        done = await admin.post("/users/many", data={**sent, "sure": "on"})
        assert done.headers["location"] == "/users?changed=2"
    for user in ("101", "102"):
        assert (await ruled.catalog.users(Scope("red.example", user)))[0].audio is Setting.FORBID
    assert (await ruled.catalog.users(Scope("blue.example", "201")))[0].audio is Setting.ON
