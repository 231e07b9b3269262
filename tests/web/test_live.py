"""Live calls: control with honest answers, and a stream that shows each its own."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from fastapi import Request

from controller.core.media_kinds import OPERATIONS
from controller.core.requests import Means
from controller.engine.reading import Account, Role
from controller.web.access import CameBy
from controller.web.live_stream import changes
from tests.catalog.story import inside, outside
from tests.disks import fill, small_disk

from .serving import served
from .world import World, begin_live, form_token, later, opened, populate


async def ask(world: World, who: str, name: str, operation: str) -> tuple[int, dict[str, object]]:
    async with world.client(who) as client:
        answer = await client.post(f"/api/v1/live/{name}/recording", json={"operation": operation})
        return answer.status_code, answer.json()


@pytest.mark.parametrize("alias", ["call id", "live-red-a", "sip-live-red@10.0.0.1", "query"])
async def test_a_call_is_meant_by_any_of_its_names(world: World, alias: str) -> None:
    name = world.calls["live-red"] if alias == "call id" else alias
    async with world.client("red-101") as client:
        body = {"operation": "pause-audio-recording"}
        if alias == "query":
            answer = await client.post(
                "/api/v1/live/recording", params={"name": "sip-live-red@10.0.0.1"}, json=body
            )
        else:
            answer = await client.post(f"/api/v1/live/{name}/recording", json=body)
        assert answer.status_code == 200, answer.text
        view = answer.json()
        assert (view["call_id"], view["confirmed"], view["reason"]) == (
            world.calls["live-red"],
            True,
            "paused",
        )
        assert [(c["kind"], c["state"]) for c in view["captures"]] == [("audio", "paused")]
        live = (await client.get("/api/v1/live")).json()["items"][0]
        assert live["recordings"][0]["paused"] is True


async def test_a_name_with_slashes_and_an_at_sign(world: World) -> None:
    begin = world.story
    begin.start("odd", inside("101"), aliases=("a/b@host/recording",))
    begin.start("odd2", outside("+1"), origin="odd")
    begin.answer("odd2", "odd")
    begin.bridge("bo", "odd", "odd2")
    status, view = await ask(world, "red-admin", "a/b@host/recording", "pause-recording")
    assert status == 200, view


async def test_refusals_have_their_statuses(world: World) -> None:
    call = world.calls["live-red"]
    assert (await ask(world, "red-admin", call, "resume-recording"))[0] == 409
    status, body = await ask(world, "red-admin", call, "resume-audio-recording")
    assert (status, body["detail"]) == (409, "The recording is not paused.")
    assert (await ask(world, "red-admin", call, "pause-recording"))[0] == 200
    assert (await ask(world, "red-admin", call, "resume-recording"))[0] == 200
    assert (await ask(world, "red-admin", call, "stop-recording"))[0] == 200
    status, body = await ask(world, "red-admin", call, "pause-recording")
    assert (status, body["detail"]) == (409, "The call is not being recorded.")
    assert (await ask(world, "red-admin", call, "start-video-recording"))[0] == 403
    assert (await ask(world, "red-admin", call, "start-recording"))[0] == 200
    assert (await ask(world, "red-admin", "none", "pause-recording"))[0] == 404
    assert (await ask(world, "red-admin", "x" * 300, "pause-recording"))[0] == 404
    status, body = await ask(world, "red-admin", call, "erase-recording")
    assert status == 422
    assert "pause-audio-recording" in str(body["errors"])
    world.control.link_down = True
    assert (await ask(world, "red-admin", call, "pause-recording"))[0] == 503


async def test_what_the_switch_has_not_confirmed_is_not_called_done(world: World) -> None:
    world.story.answer_captures = False
    status, view = await ask(world, "red-admin", world.calls["live-red"], "pause-recording")
    assert status == 202
    assert view["confirmed"] is False
    async with world.browser("red-admin") as browser:
        csrf = form_token((await browser.get("/live")).text)
        path = f"/live/{world.calls['live-red']}/recording"
        fields = {"csrf": csrf, "operation": "pause-recording"}
        page = await browser.post(path, data=fields)
        assert "the switch has not confirmed it yet" in page.text
        said = await browser.post(path, data=fields, headers={"accept": "application/json"})
        assert said.json()["ok"] is False
        bad = await browser.post(path, data={**fields, "operation": "resume-video-recording"})
        assert bad.status_code == 409
        assert "The call is not being recorded." in bad.text
    assert world.control.asked[-1][3] is Means.PAGE


async def test_every_operation_is_understood(world: World) -> None:
    for operation in OPERATIONS:
        status, _ = await ask(world, "root", world.calls["live-red"], operation)
        assert status in (200, 403, 409), operation
        assert world.control.asked[-1][0] == operation


async def test_another_tenants_captures_are_silenced_and_not_named(world: World) -> None:
    call = begin_live(world.story, "both", inside("101"), inside("201", "blue.example", "Carl"))
    status, view = await ask(world, "red-admin", call.call_id, "pause-audio-recording")
    assert status == 200
    blue = next(r for r in call.recordings if r.tenant == "blue.example")
    assert blue.open_pause is not None, "a pause holds on every recording of the call"
    captures = view["captures"]
    assert isinstance(captures, list)
    assert blue.recording_id not in {c["recording_id"] for c in captures}
    assert len(captures) == 1
    async with world.client("red-admin") as client:
        text = (await client.get("/api/v1/live")).text
        assert "blue.example" not in text
        assert "Carl" not in text
        assert blue.recording_id not in text


async def test_control_is_in_the_audit(world: World) -> None:
    await ask(world, "red-101", world.calls["live-red"], "pause-recording")
    await ask(world, "red-101", world.calls["live-blue"], "pause-recording")
    async with world.client("red-admin") as client:
        entries = (await client.get("/api/v1/audit")).json()["items"]
    assert [(e["action"], e["account"]) for e in entries] == [
        ("control refused", "red-101"),
        ("control", "red-101"),
    ]


async def test_the_tenant_reads_what_the_system_administrator_did_to_its_calls(world: World) -> None:
    begin_live(world.story, "both", inside("101"), inside("201", "blue.example"))
    both = world.story.desk.book.call_of("both-a")
    assert both is not None
    await ask(world, "root", "sip-both@10.0.0.1", "pause-recording")
    await ask(world, "root", world.calls["live-red"], "resume-recording")
    await ask(world, "root", "no-such-call", "pause-recording")
    told = {}
    for who in ("red-admin", "blue-admin", "root"):
        async with world.client(who) as client:
            entries = (await client.get("/api/v1/audit")).json()["items"]
        told[who] = [(e["action"], e["account"], e["subject"]) for e in entries]
    red = ("control refused", "root", world.calls["live-red"])
    paused = ("control", "root", both.call_id)
    assert told["red-admin"] == [red, paused]
    assert told["blue-admin"] == [paused]
    assert told["root"] == [("control refused", "root", "no-such-call"), red, paused, paused]


def account(who: str, role: Role, tenant: str | None, extension: str | None = None) -> Account:
    return Account(f"account-{who}", who, role, tenant, extension)


async def test_the_stream_begins_with_what_is_up_and_follows_it(world: World) -> None:
    red = account("red-101", Role.USER, "red.example", "101")
    stream = changes(world.control, red, lambda: world.catalog.account(red.account_id))
    first = await anext(stream)
    assert (first.call_id, first.call is not None) == (world.calls["live-red"], True)
    assert (await anext(stream)).complete
    following = asyncio.ensure_future(anext(stream))
    await asyncio.sleep(0)
    # What others do is not shown, not even that it ends.
    world.story.ask("pause-audio-recording", "live-blue-a")
    world.story.hang_up("live-blue-a", "live-blue-b")
    world.control.publish()
    world.story.changed.clear()
    world.story.ask("pause-audio-recording", "live-red-a")
    world.control.publish()
    change = await asyncio.wait_for(following, 5)
    assert change.call is not None
    assert change.call_id == world.calls["live-red"]
    assert change.call.recordings[0].paused
    world.story.hang_up("live-red-a", "live-red-b")
    world.control.publish()
    gone = await asyncio.wait_for(anext(stream), 5)
    assert (gone.call_id, gone.call) == (world.calls["live-red"], None)
    await stream.aclose()


async def test_the_stream_puts_right_what_a_slow_reader_has_missed(world: World) -> None:
    boss = account("root", Role.SYSTEM, None)
    stream = changes(world.control, boss, lambda: world.catalog.account(boss.account_id), recheck=0.02)
    assert {(await anext(stream)).call_id for _ in range(2)} == {
        world.calls["live-red"],
        world.calls["live-blue"],
    }
    assert (await anext(stream)).complete
    # No event of either reaches the stream: as if the feed had dropped them.
    world.story.hang_up("live-red-a", "live-red-b")
    gone = await asyncio.wait_for(anext(stream), 5)
    assert (gone.call_id, gone.call) == (world.calls["live-red"], None)
    new = begin_live(world.story, "new", inside("101"), outside("+1"))
    assert (await asyncio.wait_for(anext(stream), 5)).call_id == new.call_id
    await stream.aclose()
    assert not world.control.feed._readers, "the feed must not go on filling a closed stream's queue"


async def test_the_stream_ends_when_the_account_may_no_longer_see_it(
    world: World,
) -> None:
    web = world.app.state.web
    cookie = await web.sessions.begin("account-red-admin")
    scope = {"type": "http", "app": world.app, "headers": [(b"cookie", f"tapeline={cookie}".encode())]}
    still = CameBy(Request(scope)).account
    stream = changes(world.control, account("red-admin", Role.TENANT, "red.example"), still, recheck=0.02)
    await anext(stream)
    assert (await anext(stream)).complete
    following = asyncio.ensure_future(anext(stream, None))
    await world.catalog.set_password("account-red-admin", "another hash")
    assert await asyncio.wait_for(following, 5) is None


async def test_the_stream_over_http(world: World) -> None:
    """As a script reads it: the first event, whole, from the real server."""
    async with served(world) as url, httpx.AsyncClient(base_url=url, timeout=5) as client:
        headers = {"authorization": f"Bearer {world.tokens['red-admin']}"}
        async with client.stream("GET", "/api/v1/live/events", headers=headers) as answer:
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines: list[str] = []
            async for line in answer.aiter_lines():
                if not line:
                    break
                lines.append(line)
        assert lines[0] == "event: call"
        body = json.loads(lines[1].removeprefix("data: "))
        assert body["call_id"] == world.calls["live-red"]
        assert body["call"]["parties"][0]["user"] == "101"


async def test_a_pause_gets_through_though_nothing_can_be_written(tmp_path: Path, password_hash: str) -> None:
    """SQLite's disk is full: neither the token's last use nor the audit's line can be noted."""
    with small_disk(tmp_path / "data", 12) as disk:
        async with opened(disk) as world:
            await populate(world, password_hash)
            async with world.browser("red-admin") as page, world.client("red-admin") as api:
                later(world, minutes=5)
                fill(disk)
                call = world.calls["live-red"]
                paused = await api.post(
                    f"/api/v1/live/{call}/recording", json={"operation": "pause-audio-recording"}
                )
                assert paused.status_code == 200, paused.text
                assert (await api.get("/api/v1/recordings")).status_code == 200
                assert (await page.get("/live")).status_code == 200
