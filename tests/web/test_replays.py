"""Idempotency-Key: what is sent again is answered again, and done once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import text

from .world import World, form_token

HOOK = {"url": "https://93.184.216.34/tapeline", "label": "CRM"}
URL = "/api/v1/webhooks"


async def made(world: World) -> int:
    async with world.client("red-admin") as red:
        return len((await red.get(URL)).json()["items"])


async def test_the_same_request_is_answered_again_and_done_once(world: World) -> None:
    async with world.client(
        "red-admin",
    ) as red:
        key = {"idempotency-key": "one"}
        first = await red.post(URL, json=HOOK, headers=key)
        again = await red.post(URL, json=HOOK, headers=key)
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json() == again.json()
        assert again.headers["idempotency-replayed"] == "true"
        assert "idempotency-replayed" not in first.headers
        assert await made(world) == 1
        other = await red.post(URL, json={**HOOK, "label": "x"}, headers=key)
        assert (other.status_code, other.headers["content-type"]) == (422, "application/problem+json")
        assert (await red.post(URL, json=HOOK)).status_code == 201
        assert await made(world) == 2
        # A refusal of what was sent is an answer too, and is given again.
        bad = {"idempotency-key": "bad"}
        refused = [await red.post(URL, json={"url": "nonsense"}, headers=bad) for _ in range(2)]
        assert [r.status_code for r in refused] == [422, 422]
        assert refused[1].headers["idempotency-replayed"] == "true"


async def test_a_key_is_its_callers_own_and_good_for_a_day(world: World) -> None:
    key = {"idempotency-key": "shared"}
    async with world.client("red-admin") as red, world.client("blue-admin") as blue:
        mine = (await red.post(URL, json=HOOK, headers=key)).json()
        theirs = await blue.post(URL, json=HOOK, headers=key)
        assert theirs.json()["webhook"]["tenant"] == "blue.example"
        assert theirs.json()["secret"] != mine["secret"]
        world.story.at += timedelta(hours=23)
        assert (await red.post(URL, json=HOOK, headers=key)).json() == mine
        world.story.at += timedelta(hours=2)
        assert (await red.post(URL, json=HOOK, headers=key)).json() != mine


async def test_two_at_once_are_done_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    began, go = asyncio.Event(), asyncio.Event()
    real = world.catalog.set_hook

    async def slowly(*args: object, **more: object) -> object:
        began.set()
        await go.wait()
        return await real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(world.catalog.__class__, "set_hook", lambda self, *a, **k: slowly(*a, **k))
    key = {"idempotency-key": "twice"}
    async with world.client("red-admin") as red:
        first = asyncio.create_task(red.post(URL, json=HOOK, headers=key))
        await began.wait()
        second = await red.post(URL, json=HOOK, headers=key)
        go.set()
        assert (second.status_code, second.headers["retry-after"]) == (409, "1")
        assert (await first).status_code == 201
    assert await made(world) == 1


async def test_what_was_refused_or_failed_may_be_tried_again(world: World) -> None:
    body = {"operation": "pause-audio-recording"}
    url = f"/api/v1/live/{world.calls['live-red']}/recording"
    key = {"idempotency-key": "pause"}
    async with world.client("red-admin") as red:
        world.control.link_down = True
        assert (await red.post(url, json=body, headers=key)).status_code == 503
        world.control.link_down = False
        done = await red.post(url, json=body, headers=key)
        assert done.status_code == 200
        assert "idempotency-replayed" not in done.headers
        asked = len(world.control.asked)
        assert (await red.post(url, json=body, headers=key)).json() == done.json()
        assert len(world.control.asked) == asked
    async with world.client("red-officer") as officer:
        assert (await officer.post(URL, json=HOOK, headers=key)).status_code == 403


async def test_the_database_does_not_give_the_answers_away(world: World) -> None:
    async with world.client("red-admin") as red:
        made = await red.post(URL, json=HOOK, headers={"idempotency-key": "secret"})
    async with world.catalog.database.reading() as connection:
        [(sealed,)] = await connection.execute(text("SELECT sealed FROM replays"))
    assert made.json()["secret"].encode() not in sealed
    assert len(sealed) > 100


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a b", "é"])
async def test_what_is_no_key_is_refused(world: World, key: str) -> None:
    async with world.client("red-admin") as red:
        answer = await red.post(URL, json=HOOK, headers=[(b"idempotency-key", key.encode("latin-1"))])
    assert (answer.status_code, answer.json()["errors"][0]["where"]) == (422, "header.idempotency-key")
    assert await made(world) == 0


async def test_a_session_needs_its_form_token_for_a_replay_too(world: World) -> None:
    async with world.browser("red-admin") as browser:
        token = form_token((await browser.get("/account")).text)
        headers = {"idempotency-key": "token", "x-csrf-token": token}
        made = await browser.post("/api/v1/tokens", json={"label": "one"}, headers=headers)
        assert made.status_code == 201
        again = await browser.post("/api/v1/tokens", json={"label": "one"}, headers=headers)
        assert again.json() == made.json()
        without = await browser.post(
            "/api/v1/tokens", json={"label": "one"}, headers={"idempotency-key": "token"}
        )
        assert without.status_code == 403
