"""The REST API: lists and their filters, one error shape, settings, accounts, tokens."""

from __future__ import annotations

from datetime import datetime

import pytest

from controller.engine.reading import RecordingFilter, Scope
from tests.catalog.story import inside, outside

from .world import World, form_token


async def names(world: World, **params: object) -> set[str]:
    """Which of the world's recordings a filter finds, for red's administrator."""
    async with world.client("red-admin") as client:
        answer = await client.get("/api/v1/recordings", params=params)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        found = {r["call_id"] for r in answer.json()["items"]}
    return {name for name, call in world.calls.items() if call in found}


async def test_filters(world: World) -> None:
    everything = {"red", "red-only-102", "shared", "live-red"}
    assert await names(world) == everything
    assert await names(world, party="Bela") == {"red"}
    assert await names(world, party="+49301") == {"red-only-102"}
    assert await names(world, direction="internal") == {"red"}
    assert await names(world, direction="inbound") == {"red-only-102"}
    assert await names(world, kind="video") == set()
    assert await names(world, call_id=world.calls["red"]) == {"red"}
    assert await names(world, max_ms=1001) == everything
    assert await names(world, max_ms=1000) == {"live-red"}
    assert await names(world, min_ms=1000) == everything - {"live-red"}
    assert await names(world, min_ms=1001) == set()
    async with world.client("red-admin") as client:
        rows = (await client.get("/api/v1/recordings")).json()["items"]
    at = next(r["started_at"] for r in rows if r["call_id"] == world.calls["red-only-102"])
    assert datetime.fromisoformat(at).tzinfo is not None
    assert await names(world, since=at) == everything - {"red"}
    assert await names(world, until=at) == {"red"}


@pytest.mark.parametrize("path", ["/api/v1/recordings", "/api/v1/calls"])
async def test_pages_by_key_hold_each_row_once(world: World, path: str) -> None:
    async with world.client("root") as client:
        whole = (await client.get(path)).json()
        assert whole["next"] is None
        seen, before = [], None
        while True:
            params = {"limit": 2} | ({"before": before} if before else {})
            page = (await client.get(path, params=params)).json()
            seen += page["items"]
            before = page["next"]
            if before is None:
                break
            assert len(page["items"]) == 2
        assert seen == whole["items"]
        assert len(seen) >= 6


@pytest.mark.parametrize(
    ("path", "where"),
    [
        ("/api/v1/recordings?limit=0", "query.limit"),
        ("/api/v1/recordings?limit=201", "query.limit"),
        ("/api/v1/recordings?since=yesterday", "query.since"),
        ("/api/v1/recordings?since=2026-11-22T09:00:00", "query.since"),
        ("/api/v1/recordings?direction=sideways", "query.direction"),
        ("/api/v1/recordings?min_ms=-1", "query.min_ms"),
        ("/api/v1/recordings?max_ms=99999999999999999999", "query.max_ms"),
        ("/api/v1/recordings?kind=smell", "query.kind"),
        ("/api/v1/calls?party=" + "x" * 201, "query.party"),
    ],
)
async def test_a_wrong_parameter_is_named(world: World, path: str, where: str) -> None:
    async with world.client("red-admin") as client:
        answer = await client.get(path)
        assert answer.status_code == 422
        assert answer.headers["content-type"] == "application/problem+json"
        body = answer.json()
        assert body["title"]
        assert body["errors"][0]["where"] == where


async def test_every_error_has_the_one_shape(world: World) -> None:
    async with world.client("root") as client:
        for method, path, status in (
            ("GET", "/api/v1/nothing", 404),
            ("DELETE", "/api/v1/recordings", 405),
            ("GET", "/api/v1/recordings/none", 404),
            ("GET", "/api/v1/recordings/%2e%2e%2fetc", 404),
            ("GET", "/api/v1/recordings?before=forged", 422),
            ("GET", "/api/v1/calls?before=%00", 422),
            ("PUT", "/api/v1/settings/system", 422),
        ):
            answer = await client.request(method, path)
            assert answer.status_code == status, (path, answer.text)
            assert answer.headers["content-type"] == "application/problem+json", path
            assert answer.json()["status"] == status
            assert set(answer.json()) <= {"type", "title", "status", "detail", "errors"}
        large = await client.put("/api/v1/settings/system", content=b"x" * 100_000)
        assert large.status_code == 413


async def test_validation_never_repeats_a_password(world: World) -> None:
    async with world.client("root") as client:
        answer = await client.post(
            "/api/v1/accounts", json={"login": "a b", "password": "sesame", "role": "user"}
        )
        assert answer.status_code == 422
        assert "sesame" not in answer.text


async def test_accounts_and_tokens(world: World) -> None:
    async with world.client("red-admin") as red:
        body = {
            "login": "new@red", "password": "a rather new long one", "role": "user",
            "tenant": "red.example", "extension": "101",
        }  # fmt: skip
        made = await red.post("/api/v1/accounts", json=body)
        assert made.status_code == 201, made.text
        assert "password" not in made.text
        assert (await red.post("/api/v1/accounts", json={**body, "login": "NEW@red"})).status_code == 409
        assert (await red.post("/api/v1/accounts", json={**body, "extension": None})).status_code == 422
        weak = await red.post("/api/v1/accounts", json={**body, "login": "w", "password": "aaaaaaaaaaaa"})
        assert weak.status_code == 422
    async with world.browser("red-admin") as browser:
        csrf = form_token((await browser.get("/account")).text)
        page = await browser.post(
            "/account/tokens", data={"csrf": csrf, "label": "<b>x", "days": "30", "all": "on"}
        )
        token = page.text.partition('class="token">')[2].partition("<")[0]
        assert token.startswith("tl_")
        assert token not in (await browser.get("/account")).text, "it is shown once"
        async with world.client() as script:
            headers = {"authorization": f"Bearer {token}"}
            assert (await script.get("/api/v1/me", headers=headers)).json()["login"] == "red-admin"
    stored = [t for t in await world.catalog.tokens("account-red-admin") if t.label == "<b>x"]
    assert len(stored) == 1
    assert stored[0].expires_at is not None


async def test_openapi_describes_every_route_of_the_api(world: World) -> None:
    async with world.client("red-101") as client:
        described = (await client.get("/api/v1/openapi.json")).json()
    paths = described["paths"]
    for path in (
        "/api/v1/recordings", "/api/v1/recordings/{recording_id}/audio", "/api/v1/calls/{call_id}",
        "/api/v1/live", "/api/v1/live/events", "/api/v1/live/{name}/recording", "/api/v1/settings/system",
        "/api/v1/tenants/{tenant}/users/{user}", "/api/v1/tokens", "/api/v1/audit", "/api/v1/switches",
        "/healthz", "/readyz",
    ):  # fmt: skip
        assert path in paths, sorted(paths)
    for path, methods in paths.items():
        for method, operation in methods.items():
            assert operation["summary"], (path, method)
    refused = paths["/api/v1/recordings"]["get"]["responses"]["401"]["$ref"].removeprefix(
        "#/components/responses/"
    )
    assert "application/problem+json" in described["components"]["responses"][refused]["content"]


#: What callers may put into a name; each has to arrive on the page as text and nothing else.
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}${7*7}",
    "\u202e4321\u202c evil",
    "x" * 4000,
    "javascript:alert(1)",
    "]]>--><!--",
]


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_names_are_inert(world: World, name: str) -> None:
    story = world.story
    call = story.talk(
        "h1", outside(name, name), "h2", inside("101"), seconds=5, dialled=name, aliases=("hostile",)
    )
    await story.save(world.catalog, "fs1")
    live = outside(name, name)
    story.start("h3", live)
    story.start("h4", inside("101"), origin="h3")
    story.answer("h4", "h3")
    story.bridge("bh", "h3", "h4")
    async with world.browser("red-admin") as browser:
        detail = (await browser.get(f"/api/v1/calls/{call}")).json()
        recording = detail["recordings"][0]["recording_id"]
        paths = ["/recordings", "/calls", f"/calls/{call}", f"/recordings/{recording}", "/live"]
        for path in paths:
            page = await browser.get(path)
            assert page.status_code == 200, path
            assert "<script>alert" not in page.text
            assert "<img src=x" not in page.text
            assert "onmouseover='" not in page.text
            assert "\u202e" not in page.text
            assert "49$" not in page.text
            assert "x" * 200 not in page.text
            assert len(page.text) < 200_000
        search = await browser.get("/recordings", params={"party": name[:200]})
        assert search.status_code == 200
        assert "<script>alert" not in search.text
        assert "' onmouseover='" not in search.text


@pytest.mark.parametrize(
    "query",
    ["since=yesterday", "since=9999-12-31", "until=0001-01-01", "until=9999-12-31", "duration=a-b",
     "duration=5", "direction=up", "before=forged", "duration=0-99999999", "party=%00%1b"],
)  # fmt: skip
async def test_a_list_page_bears_any_address(world: World, query: str) -> None:
    async with world.browser("red-admin") as browser:
        for path in ("/recordings", "/calls"):
            for zone in ("UTC", "Pacific/Kiritimati", "../../etc/passwd", "Nowhere/Land"):
                browser.cookies.set("tz", zone, domain="tapeline.test")
                assert (await browser.get(f"{path}?{query}")).status_code == 200, (query, zone)


async def test_days_are_the_readers_own(world: World) -> None:
    """09:00 UTC is the next day's 23:00 in Kiritimati: the day in the address is the reader's."""
    async with world.browser("red-admin") as browser:
        browser.cookies.set("tz", "Pacific/Kiritimati", domain="tapeline.test")
        page = await browser.get("/recordings?since=2026-11-22&until=2026-11-22")
        assert world.recordings["red"] in page.text
        assert "23:00:" in page.text
        browser.cookies.set("tz", "Asia/Tokyo", domain="tapeline.test")
        assert "18:00:" in (await browser.get("/recordings?since=2026-11-22&until=2026-11-22")).text
        assert world.recordings["red"] not in (await browser.get("/recordings?until=2026-11-21")).text


async def test_the_catalog_is_asked_with_the_accounts_scope(world: World) -> None:
    async with world.client("red-101") as client:
        rows = (await client.get("/api/v1/recordings")).json()["items"]
    page = await world.catalog.recordings(Scope("red.example", "101"), RecordingFilter())
    assert [r["recording_id"] for r in rows] == [r.recording_id for r in page.items]
