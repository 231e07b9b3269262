"""Links to recordings: for whom, how long, how often; what they show, and that every use is noted."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import Any

import httpx
import pytest

from controller.catalog import tables as t
from controller.core.options import ShareLinks, TenantOptions
from controller.engine.reading import Account, Role, Scope, TenantSettings
from controller.engine.sharing import Audience, Share
from controller.media.peaks_task import PeaksTask
from controller.media.shelves import home_only

from .world import World, form_token, later


async def allow(world: World, links: ShareLinks) -> None:
    await world.catalog.set_tenant(TenantSettings("red.example", options=TenantOptions(share_links=links)))


async def make(world: World, who: str = "red-admin", status: int = 201, **more: Any) -> str:
    """The path of a new link to red's recording."""
    body = {
        "recordings": [world.recordings["red"]],
        "expires_at": (world.story.at + timedelta(days=1)).isoformat(),
        "audience": "public",
        **more,
    }
    async with world.client(who) as client:
        answer = await client.post("/api/v1/shares", json=body)
    assert answer.status_code == status, answer.text
    return answer.json()["url"].removeprefix("http://tapeline.test") if status == 201 else answer.text


async def opened(client: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    return await client.post(path, data=fields)


async def uses(world: World) -> list[tuple[str, str, str]]:
    log = await world.catalog.audit_entries(Scope("red.example"))
    return [
        (e.action, e.account, e.subject) for e in reversed(log) if "share" in e.detail or "share" in e.action
    ]


async def test_a_shared_recording_is_drawn_unless_something_is_hidden_in_it(world: World) -> None:
    await allow(world, ShareLinks.PUBLIC)
    path = await make(world)
    async with world.client() as anybody:
        await opened(anybody, path)
        assert "data-sketch" not in (await anybody.get(path)).text, "there are no peaks yet"
        await PeaksTask(world.catalog, home_only(world.store)).run(world.recordings["red"], lambda done: None)
        page = (await anybody.get(path)).text
        lanes = re.findall(r'<path class="ch[01]" d="([^"]+)"', page)
        assert len(lanes) == 2
        assert all(len(lane) > 500 for lane in lanes)
        before = await uses(world)
        assert "listen" not in {action for action, _, _ in before}, "looking is not listening"


async def test_a_public_link_shows_the_recording_and_nothing_else(world: World) -> None:
    await allow(world, ShareLinks.PUBLIC)
    path = await make(world, label="For the insurance")
    async with world.client() as anybody:
        before = await anybody.get(path)
        assert before.status_code == 200
        assert before.headers["referrer-policy"] == "no-referrer"
        assert before.headers["x-robots-tag"] == "noindex, nofollow"
        assert before.headers["cache-control"] == "no-store"
        assert "/audio" not in before.text
        assert (await anybody.get(f"{path}/0/audio")).status_code == 404, "not before it was opened"
        assert (await opened(anybody, path)).status_code == 303
        page = (await anybody.get(path)).text
        assert "For the insurance" in page
        for hidden in (
            "Anna",
            "Bela",
            "101",
            "red.example",
            "/recordings",
            "red-admin",
            world.recordings["red"],
        ):
            assert hidden not in page, hidden
        sound = await anybody.get(f"{path}/0/audio", headers={"range": "bytes=0-99"})
        assert sound.status_code == 206
        await anybody.get(f"{path}/0/audio")
        assert (await anybody.get(f"{path}/0/audio")).content == world.sound[world.recordings["red"]]
        assert (await anybody.get(f"{path}/0/download")).status_code == 404, "to listen to only"
        assert (await anybody.get(f"{path}/1/audio")).status_code == 404
        assert (await anybody.get("/recordings")).status_code == 303
        assert (await anybody.get(f"/api/v1/recordings/{world.recordings['red']}")).status_code == 401
    [share] = await world.catalog.shares(Scope(None))
    assert share.uses == 1
    assert "token" not in repr(share)
    red = f"recording {world.recordings['red']}"
    assert await uses(world) == [
        ("share made", "red-admin", red),
        ("share opened", "somebody with the link", f"share {share.share_id}"),
        ("listen", "somebody with the link", red),
    ]


async def test_names_and_download_only_where_they_are_given(world: World) -> None:
    await allow(world, ShareLinks.PUBLIC)
    ids = [world.recordings["red"], world.recordings["red-only-102"]]
    path = await make(world, recordings=ids, names=True, download=True)
    async with world.client() as anybody:
        await opened(anybody, path)
        page = (await anybody.get(path)).text
        assert "Anna Red" in page
        for n, recording in enumerate(ids):
            answer = await anybody.get(f"{path}/{n}/download")
            assert answer.content == world.sound[recording]
            assert answer.headers["content-disposition"].startswith("attachment")
    assert [a for a, _, _ in await uses(world)].count("download") == 2


@pytest.mark.parametrize(("links", "audience", "status"), [
    (ShareLinks.OFF, "public", 403), (ShareLinks.OFF, "signed_in", 403), (ShareLinks.PRIVATE, "public", 403),
    (ShareLinks.PRIVATE, "signed_in", 201), (ShareLinks.PUBLIC, "public", 201),
])  # fmt: skip
async def test_the_tenant_says_which_links_there_may_be(
    world: World, links: ShareLinks, audience: str, status: int
) -> None:
    await allow(world, links)
    await make(world, status=status, audience=audience)


async def test_what_the_tenant_no_longer_allows_is_no_longer_followed(world: World) -> None:
    await allow(world, ShareLinks.PUBLIC)
    path = await make(world)
    async with world.client() as anybody:
        await opened(anybody, path)
        assert (await anybody.get(f"{path}/0/audio")).status_code == 200
        await allow(world, ShareLinks.PRIVATE)
        assert (await anybody.get(path)).status_code == 404
        assert (await anybody.get(f"{path}/0/audio")).status_code == 404


async def test_a_link_for_those_who_are_signed_in(world: World) -> None:
    path = await make(world, audience="signed_in", recordings=[world.recordings["red-only-102"]])
    async with world.client() as anybody:
        assert (await anybody.get(path)).headers["location"].startswith("/sign-in?next=/s/")
    async with world.browser("blue-admin") as stranger:
        assert (await stranger.get(path)).status_code == 404
        assert (await opened(stranger, path)).status_code == 404
    async with world.browser("red-101") as colleague:
        # A recording that they would not reach by themselves: the link is what lets them.
        assert (await opened(colleague, path)).status_code == 303
        assert (await colleague.get(f"{path}/0/audio")).status_code == 200
    assert ("listen", "red-101", f"recording {world.recordings['red-only-102']}") in await uses(world)


@pytest.mark.parametrize("end", ["revoked", "expired", "by another", "maker disabled"])
async def test_a_link_ends(world: World, end: str) -> None:
    await allow(world, ShareLinks.PUBLIC)
    path = await make(
        world,
        "red-super" if end == "maker disabled" else "red-admin",
        404 if end == "maker disabled" else 201,
    )
    if end == "maker disabled":  # a supervisor without a group reaches nothing that could be shared
        path = await make(world, "root")
    async with (
        world.client() as anybody,
        world.client("red-officer") as officer,
        world.client("red-admin") as admin,
    ):
        await opened(anybody, path)
        assert (await anybody.get(f"{path}/0/audio")).status_code == 200
        [share] = await world.catalog.shares(Scope(None))
        match end:
            case "revoked":
                assert (await admin.delete(f"/api/v1/shares/{share.share_id}")).status_code == 204
                assert (await admin.delete(f"/api/v1/shares/{share.share_id}")).status_code == 404
            case "by another":
                assert (await officer.delete(f"/api/v1/shares/{share.share_id}")).status_code == 403
                assert (await officer.delete(f"/api/v1/shares/all/{share.share_id}")).status_code == 204
            case "expired":
                later(world, days=1)
            case "maker disabled":
                await world.catalog.change_account(
                    Account("account-root", "root", Role.SYSTEM, None, None, True)
                )
        for url in (path, f"{path}/0/audio"):
            assert (await anybody.get(url)).status_code == 404, url
        assert (await opened(anybody, path)).status_code == 404


async def test_a_password_and_a_number_of_uses(world: World) -> None:
    await allow(world, ShareLinks.PUBLIC)
    path = await make(world, password="owl and fox", most_uses=1)
    async with world.client() as one, world.client() as two:
        assert (await opened(one, path, password="wrong")).status_code == 401
        assert (await opened(one, path, password="owl and fox")).status_code == 303
        assert (await one.get(f"{path}/0/audio")).status_code == 200
        assert (await opened(two, path, password="owl and fox")).status_code == 404, "it was used up"
        assert (await one.get(f"{path}/0/audio")).status_code == 200, "the one use goes on"
        later(world, hours=3)
        assert (await one.get(f"{path}/0/audio")).status_code == 404
        for _ in range(4):
            await opened(two, path, password="wrong")
        assert (await opened(two, path, password="wrong")).status_code in (401, 429)
        assert (await opened(two, path, password="owl and fox")).status_code == 429
    assert "share refused" in [a for a, _, _ in await uses(world)]


async def test_what_goes_into_the_trash_or_under_a_hold_is_not_served(world: World) -> None:
    await allow(world, ShareLinks.PUBLIC)
    ids = [world.recordings["red"], world.recordings["red-only-102"]]
    path = await make(world, recordings=ids)
    async with world.client() as anybody:
        await opened(anybody, path)
        await world.catalog.trash(Scope(None), ids[:1], "root", "a test")
        assert (await anybody.get(f"{path}/0/audio")).status_code == 404
        assert (await anybody.get(f"{path}/1/audio")).content == world.sound[ids[1]], "numbers stay"
        await hold(world, ids[1])
        assert (await anybody.get(f"{path}/1/audio")).status_code == 404
        assert "Nothing any more" in (await anybody.get(path)).text


async def hold(world: World, recording_id: str) -> None:
    row = {
        "hold_id": "h1", "tenant": "red.example", "name": "case 7", "reason": "", "person": "", "since": None,
        "until": None, "created_at": world.story.at, "created_by": "root", "lifted_at": None, "lifted_by": "",
        "lifted_why": "",
    }  # fmt: skip
    of = {"hold_id": "h1", "recording_id": recording_id, "added_at": world.story.at, "added_by": "root"}
    async with world.catalog.database.writing() as connection:
        await connection.execute(t.legal_holds.insert(), row)
        await connection.execute(t.held_recordings.insert(), of)


@pytest.mark.parametrize("more", [
    {"recordings": []}, {"recordings": ["x"]}, {"expires_at": "2020-01-01T00:00:00Z"},
    {"expires_at": "2036-01-01T00:00:00Z"}, {"most_uses": 0}, {"audience": "all"}, {"labels": "x"},
])  # fmt: skip
async def test_a_link_that_makes_no_sense_is_not_made(world: World, more: dict[str, Any]) -> None:
    await allow(world, ShareLinks.PUBLIC)
    await make(world, status=404 if more == {"recordings": ["x"]} else 422, **more)
    assert await world.catalog.shares(Scope(None)) == []


async def test_nobody_shares_what_they_do_not_reach(world: World) -> None:
    await allow(world, ShareLinks.PUBLIC)
    await make(world, status=404, recordings=[world.recordings["blue"]])
    await make(world, "red-super", status=404)
    for who in ("red-101", "red-officer"):
        await make(world, who, status=403)
    await make(world, "root", status=422, recordings=[world.recordings["blue"], world.recordings["red"]])


async def test_two_at_once_never_take_the_same_use(world: World) -> None:
    at = world.story.at
    share = Share(
        "s1", "red.example", "account-root", "root", "", at, at + timedelta(1), Audience.PUBLIC, False, False,
        most_uses=3, recordings=(world.recordings["red"],),
    )  # fmt: skip
    await world.catalog.add_share(share, "hash")
    taken = await asyncio.gather(*(world.catalog.use_share("s1", at) for _ in range(8)))
    assert sum(taken) == 3


async def test_a_link_is_made_and_revoked_on_the_pages(world: World) -> None:
    async with world.browser("red-admin") as admin:
        form = await admin.get("/shares/new", params={"recording": world.recordings["red"]})
        assert "Whoever has the link</option>" not in form.text, "the tenant allows no public ones"
        fields = {
            "csrf": form_token(form.text), "recording": world.recordings["red"], "audience": "signed_in",
            "days": "7", "label": "for Dana",
        }  # fmt: skip
        made = await admin.post("/shares/new", data=fields)
        assert "http://tapeline.test/s/" in made.text
        bad = await admin.post("/shares/new", data={**fields, "days": "9", "password": "short"})
        assert (bad.status_code, bad.text.count('class="fault"')) == (422, 2)
        page = (await admin.get("/shares")).text
        assert "for Dana" in page
        [share] = await world.catalog.shares(Scope(None))
        url = f"/company/shares/{share.share_id}/revoke"
        assert (await admin.post(url, data={"csrf": fields["csrf"]})).status_code == 303
        assert "revoked" in (await admin.get("/company/shares")).text
