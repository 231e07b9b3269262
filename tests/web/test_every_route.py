"""Every route, those of tomorrow too, tried by each role of one tenant on another tenant's things."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.routing import iter_route_contexts

from controller.core.rules import PolicyRule, PolicyScope, Setting
from controller.engine.entry import Group, MemberKind, SessionRow, Stage
from controller.engine.hooks import Hook
from controller.engine.reading import Scope, TenantSettings, UserSettings
from controller.engine.sharing import Audience, Share

from .world import World, form_token

#: Endless answers; tests/web/test_live.py reads them.
STREAMS = ("/live/stream", "/jobs/stream", "/api/v1/live/events")


def routes(world: World) -> Iterator[tuple[str, list[str]]]:
    for context in iter_route_contexts(world.app.routes):
        assert context.path is not None
        yield context.path, sorted(context.methods or ())


async def furnish_blue(world: World) -> None:
    """A user and rules of blue's, and a trunk of the system, all with names that are seen at once."""
    await world.catalog.set_user(UserSettings("blue.example", "201", "Carl Blue"))
    await world.catalog.set_tenant(TenantSettings("blue.example", Setting.ON))
    for rule in (
        PolicyRule(PolicyScope.QUEUE, "blue.example", "live-blue-a", Setting.ON),
        PolicyRule(PolicyScope.TRUNK, None, "live-blue-a", Setting.ON),
    ):
        await world.catalog.set_rule(rule)
    for hook_id, tenant in (("hook-blue", "blue.example"), ("hook-system", None)):
        await world.catalog.set_hook(
            Hook(hook_id, tenant, "https://198.51.100.7/Carl", "Carl", (), True, 1, world.story.at)
        )
    at = world.story.at
    later = at + timedelta(hours=1)
    members = ((MemberKind.USER, "201"),)
    await world.catalog.set_group(Group("blue-group", "blue.example", "live-blue-a", members))
    share = Share(
        "blue-share", "blue.example", "account-blue-admin", "blue-admin", "live-blue-a", at, later,
        Audience.PUBLIC, True, True, recordings=(world.recordings["blue"],),
    )  # fmt: skip
    await world.catalog.add_share(share, "a hash")
    session = SessionRow("hash", "blue-session", "account-blue-admin", Stage.FULL, at, at, later)
    await world.catalog.add_session(session)


@pytest.mark.parametrize("who", ["red-admin", "red-super", "red-officer", "red-101", "blue-admin"])
async def test_no_route_at_all_reaches_the_other_tenants_things(world: World, who: str) -> None:
    """Every route that names a thing is walked with the names of blue's (by blue with red's), the routes of
    tomorrow too."""
    others = {
        "recording_id": world.recordings["blue"],
        "call_id": world.calls["live-blue"],
        "name": "live-blue-a",
        "tenant": "blue.example",
        "user": "201",
        "account_id": "account-blue-admin",
        "token_id": "token-blue-admin",
        "role": "segment",
        "number": "1",
        "scope": "queue",
        "hold_id": "hold-blue",
        "note_id": "note-blue",
        "tag": "claim",
        "group_id": "blue-group",
        "share_id": "blue-share",
        "view_id": "blue-view",
        "webhook_id": "hook-blue",
        "session": "blue-session",
        "token": "x" * 43,
    }
    said = "Carl"
    if who == "blue-admin":
        said = "Anna"
        others |= {
            "recording_id": world.recordings["red"], "call_id": world.calls["live-red"],
            "name": "live-red-a", "tenant": "red.example", "user": "101",
            "account_id": "account-red-admin", "token_id": "token-red-admin",
        }  # fmt: skip
        own = ("hold_id", "note_id", "group_id", "share_id", "view_id", "webhook_id", "session")
        others |= {name: f"red-{name}" for name in own}
    bodies: dict[str, dict[str, object]] = {
        "/recording": {"operation": "pause-recording"}, "/password": {"password": "a rather new long one"},
        "/account-blue-admin": {"disabled": True}, "/account-red-admin": {"disabled": True},
        "/blue-group": {"name": "x"}, "/red-group_id": {"name": "x"}, "/groups": {"name": "x"},
    }  # fmt: skip
    await furnish_blue(world)
    before = await world.catalog.policy()
    walked = 0
    async with world.client(who) as client:
        for template, methods in routes(world):
            names = re.findall(r"{(\w+)(?::path)?}", template)
            if not names:
                continue
            path = re.sub(r"{(\w+)(?::path)?}", lambda m: others.get(m[1], "blue"), template)
            for method in methods:
                end = path[path.rindex("/") :]
                wanted = bodies.get(end, {"audio": "forbid"})
                body = {"json": wanted} if path.startswith("/api/") else {"data": wanted}
                answer = await client.request(method, path, **({} if method in ("GET", "HEAD") else body))  # type: ignore[arg-type]
                assert answer.status_code in (403, 404), (method, path, answer.text)
                assert said not in answer.text
                walked += 1
    assert walked > 25
    assert len(await world.catalog.rules(Scope(None))) == 2
    assert [g.group_id for g in await world.catalog.groups(Scope(None))] == ["blue-group"]
    assert [s.revoked_at for s in await world.catalog.shares(Scope(None))] == [None]
    assert len(await world.catalog.sessions("account-blue-admin", world.story.at)) == 1
    assert world.control.reloads == 0
    assert await world.catalog.policy() == before
    assert not [r for call in world.story.running for r in call.recordings if r.open_pause]
    async with world.client("blue-admin") as blue:
        assert (await blue.get("/api/v1/me")).status_code == 200


@pytest.mark.parametrize("who", ["red-admin", "red-super", "red-officer", "red-101", "red-102"])
async def test_no_list_or_form_shows_or_takes_what_is_the_other_tenants(world: World, who: str) -> None:
    """The routes that name nothing in their path, asked for blue in their query and their form."""
    await furnish_blue(world)
    before = await world.catalog.policy()
    fields = {
        "tenant": "blue.example", "user": "201", "scope": "queue", "name": "live-blue-a", "audio": "forbid",
        "video": "forbid", "directions": "inbound", "known": "1", "caller": "201", "callee": "+1",
    }  # fmt: skip
    read = written = 0
    async with world.browser(who) as browser:
        token = form_token((await browser.get("/account")).text)
        for path, methods in routes(world):
            if (
                "{" in path
                or path in STREAMS
                or path.startswith(("/sign-", "/account", "/static", "/first-run"))
            ):
                continue
            for method in methods:
                if method == "GET":
                    for query in ({}, fields):
                        answer = await browser.get(path, params=query)
                        assert answer.status_code in (200, 303, 403, 404, 422), (path, answer.status_code)
                        for secret in ("Carl", "live-blue-a", world.recordings["blue"]):
                            # A name that was typed may stand there again, but only then.
                            assert query or secret not in answer.text, (path, secret)
                        assert "Carl" not in answer.text, path
                        read += 1
                elif method == "POST":
                    answer = await browser.post(path, data={**fields, "csrf": token})
                    assert answer.status_code in (403, 404, 405, 415, 422), (path, answer.status_code)
                    written += 1
    assert (read, written) >= (40, 6), (read, written)
    assert world.control.reloads == 0
    assert await world.catalog.policy() == before
    assert len(await world.catalog.rules(Scope(None))) == 2
