"""Jobs over the API and in the pages: what is shown, to whom, and what may be asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import update

from controller.catalog import tables as t
from controller.core.formats import FormatChoice
from controller.core.options import TenantOptions
from controller.engine.jobs import Claimed, JobFilter, JobState, Lane, Limits, Node, Outcome, Phase
from controller.engine.people import Scope
from controller.engine.settings import TenantSettings
from controller.web.pages.jobs import TABS

from .serving import served
from .world import World, form_token


async def claimed(world: World, recording_id: str) -> Claimed:
    """The recording is due and node ``n1`` has just begun with it."""
    async with world.catalog.database.writing() as connection:
        await connection.execute(
            update(t.recordings)
            .where(t.recordings.c.recording_id == recording_id)
            .values(media_state="spooled")
        )
    await world.catalog.beat(Node("n1", "here", 1, 1, ("fs1",), world.story.at, world.story.at))
    found = await world.catalog.candidates(Lane.SOUND, ["fs1"], 100)
    wanted = [c for c in found if c.recording_id == recording_id]
    [job] = await world.catalog.claim("n1", wanted, Limits(), 1)
    return job


async def failed(world: World, recording_id: str, error: str = "the disk is full") -> None:
    job = await claimed(world, recording_id)
    at = world.story.at + timedelta(seconds=300)
    assert await world.catalog.settle("n1", job, Outcome(error), next_at=at)


async def test_a_failure_in_plain_words_with_what_comes_next_and_retry(world: World) -> None:
    recording_id = world.recordings["red"]
    await failed(world, recording_id)
    async with world.client("red-admin") as client:
        listed = (await client.get("/api/v1/jobs", params={"state": "retrying"})).json()
        [job] = listed["items"]
        assert (job["recording_id"], job["error"], job["tries"]) == (recording_id, "the disk is full", 1)
        assert job["next"] == "It is tried again in 5 min. Its files are kept until it succeeds."
        assert listed["counts"]["retrying"] == 1
        answer = await client.post(f"/api/v1/jobs/{recording_id}/retry")
        assert answer.status_code == 200
        assert answer.json()["job"]["next_at"] is None
    audit = await world.catalog.audit_entries(Scope("red.example"))
    assert audit[0].action == "job retried"


async def test_which_machine_it_was_only_the_system_administrator_sees(world: World) -> None:
    recording_id = world.recordings["red"]
    await claimed(world, recording_id)
    for who, node in (("root", "n1"), ("red-admin", "")):
        async with world.client(who) as client:
            job = (await client.get(f"/api/v1/jobs/{recording_id}")).json()["job"]
            assert (job["state"], job["node"]) == ("running", node)
            page = (await client.get("/jobs")).text
            assert ("n1" in page) == bool(node)


@pytest.mark.parametrize("who", ["red-101", "red-super", "red-officer"])
async def test_it_is_administrators_business(world: World, who: str) -> None:
    await failed(world, world.recordings["red"])
    async with world.client(who) as client:
        for path in ("/jobs", "/api/v1/jobs", f"/api/v1/jobs/{world.recordings['red']}", "/jobs/stream"):
            assert (await client.get(path)).status_code == 403, path


async def test_a_tenant_never_sees_or_moves_anothers(world: World) -> None:
    blue = world.recordings["blue"]
    await failed(world, blue)
    async with world.client("red-admin") as client:
        assert (await client.get("/api/v1/jobs")).json()["items"] == []
        assert (await client.get("/api/v1/jobs", params={"tenant": "blue.example"})).status_code == 404
        for path in (f"/api/v1/jobs/{blue}/retry", f"/api/v1/jobs/{blue}/cancel"):
            assert (await client.post(path)).status_code == 404
        assert blue not in (await client.get("/jobs", params={"show": "failed"})).text
    async with world.browser("red-admin") as browser:
        token = form_token((await browser.get("/account")).text)
        await browser.post("/jobs", data={"action": "retry-failed", "csrf": token})
    job = await world.catalog.job(Scope(None), blue)
    assert job is not None
    assert job.next_at is not None


async def test_what_is_not_stored_cannot_be_cancelled_and_finishing_can(world: World) -> None:
    recording_id = world.recordings["red"]
    async with world.client("red-admin") as client:
        assert (await client.get(f"/api/v1/jobs/{recording_id}")).status_code == 404
    await failed(world, recording_id)
    async with world.client("red-admin") as client:
        assert (await client.post(f"/api/v1/jobs/{recording_id}/cancel")).status_code == 409
    playable = world.recordings["red-only-102"]
    assert await world.catalog.retry_jobs(Scope(None), [playable]) == 1
    assert [c.phase for c in await world.catalog.candidates(Lane.FINISHING, ["fs1"], 10)] == [Phase.FINISHING]
    async with world.client("red-admin") as client:
        answer = await client.post(f"/api/v1/jobs/{playable}/cancel")
        assert answer.json()["job"]["state"] == "cancelled"
    assert await world.catalog.candidates(Lane.FINISHING, ["fs1"], 10) == []


async def test_the_pages_buttons(world: World) -> None:
    recording_id = world.recordings["red"]
    await failed(world, recording_id, "<b>no</b> room")
    async with world.browser("red-admin") as browser:
        page = (await browser.get("/jobs")).text
        assert "&lt;b&gt;no&lt;/b&gt; room" in page
        assert "tried again in 5 min" in page
        token = form_token(page)
        assert (await browser.post(f"/jobs/{recording_id}", data={"action": "retry"})).status_code == 403
        answer = await browser.post(f"/jobs/{recording_id}", data={"action": "retry", "csrf": token})
        assert answer.status_code == 303
        assert "tried again at once" in (await browser.get(f"/jobs/{recording_id}")).text
        await browser.post("/jobs", data={"action": "retry-failed", "csrf": token})
        assert (await browser.get("/jobs", params={"show": "done"})).status_code == 200
        assert (await browser.get("/jobs", params={"before": "nonsense"})).status_code == 422


async def test_what_lacks_its_format_is_taken_up_again(world: World) -> None:
    """Of the own tenant alone, by the API and by the page's button."""
    for tenant in ("red.example", "blue.example"):
        options = TenantOptions(format=FormatChoice.MP3)
        await world.catalog.set_tenant(TenantSettings(tenant, options=options))
    async with world.client("red-admin") as admin, world.client("red-101") as user:
        path = "/api/v1/jobs/without-format"
        assert (await user.post(path, json={})).status_code == 403
        assert (await admin.post(path, json={"tenant": "blue.example"})).status_code == 404
        taken = (await admin.post(path, json={})).json()["taken_up"]
        assert taken > 0
    waiting = await world.catalog.jobs(Scope(None), JobFilter(frozenset({JobState.WAITING})))
    assert {j.tenant for j in waiting.jobs if j.phase is Phase.FINISHING} == {"red.example"}
    async with world.browser("root") as browser:
        page = (await browser.get("/jobs", params={"show": "done"})).text
        assert "Encode what lacks its format" in page
        answer = await browser.post("/jobs", data={"action": "without-format", "csrf": form_token(page)})
        assert answer.status_code == 303
        bad = await browser.post("/jobs", data={"action": "nonsense", "csrf": form_token(page)})
        assert bad.status_code == 422
    waiting = await world.catalog.jobs(Scope(None), JobFilter(frozenset({JobState.WAITING})))
    assert "blue.example" in {j.tenant for j in waiting.jobs}


async def test_the_stream_draws_the_list_again_whenever_it_has_changed(world: World) -> None:
    recording_id = world.recordings["red"]
    async with world.browser("red-admin") as browser, served(world) as url:
        cookies = dict(browser.cookies)
        async with (
            httpx.AsyncClient(base_url=url, cookies=cookies, timeout=10) as client,
            client.stream("GET", "/jobs/stream") as answer,
        ):
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.aiter_lines()
            heard = [line async for line in _until(lines, "Nothing is to be done")]
            await failed(world, recording_id)
            heard = [line async for line in _until(lines, recording_id)]
            assert not any("Nothing is to be done" in line for line in heard)


async def _until(lines: AsyncIterator[str], wanted: str) -> AsyncIterator[str]:
    async for line in lines:
        yield line
        if wanted in line:
            return


def test_every_state_is_on_some_tab() -> None:
    assert {state for _, states in TABS.values() for state in states} == set(JobState)
