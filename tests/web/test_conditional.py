"""ETags: what has not changed is not sent again, and nobody overwrites what they have not seen."""

from __future__ import annotations

import pytest

from controller.web.conditional import acceptable

from .world import World

TENANT = "/api/v1/tenants/red.example"
USER = TENANT + "/users/101"


async def test_a_get_is_answered_304_until_it_has_changed(world: World) -> None:
    async with world.client("red-admin") as red:
        first = await red.get(TENANT)
        tag = first.headers["etag"]
        again = await red.get(TENANT, headers={"if-none-match": tag})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert (await red.patch(TENANT, json={"audio": "require"})).status_code == 200
        changed = await red.get(TENANT, headers={"if-none-match": tag})
        assert changed.status_code == 200
        assert changed.headers["etag"] != tag
        # Lists have one as well.
        page = await red.get("/api/v1/users")
        same = await red.get("/api/v1/users", headers={"if-none-match": page.headers["etag"]})
        assert same.status_code == 304


async def test_if_match_keeps_from_overwriting_what_was_not_seen(world: World) -> None:
    async with world.client("red-admin") as one, world.client("root") as other:
        assert (await one.put(USER, json={"audio": "off"})).status_code == 200
        seen = {"if-match": (await one.get(USER)).headers["etag"]}
        assert (await other.patch(USER, json={"audio": "on"})).status_code == 200
        for method in ("PUT", "PATCH"):
            late = await one.request(method, USER, json={"audio": "forbid"}, headers=seen)
            assert late.status_code == 412, late.text
            assert late.headers["content-type"] == "application/problem+json"
        assert (await one.get(USER)).json()["audio"] == "on"
        now = {"if-match": (await one.get(USER)).headers["etag"]}
        assert (await one.patch(USER, json={"audio": "forbid"}, headers=now)).status_code == 200
        rule = TENANT + "/rules/queue/sales"
        assert (await one.put(rule, json={"audio": "on"})).status_code == 200
        stale = {"if-match": '"0"'}
        assert (await one.delete(rule, headers=stale)).status_code == 412
        fresh = {"if-match": (await one.get(rule)).headers["etag"]}
        assert (await one.delete(rule, headers=fresh)).status_code == 204


async def test_if_none_match_makes_and_never_replaces(world: World) -> None:
    new = TENANT + "/rules/queue/new"
    async with world.client("red-admin") as red:
        only_new = {"if-none-match": "*"}
        assert (await red.put(new, json={"audio": "on"}, headers=only_new)).status_code == 200
        assert (await red.put(new, json={"audio": "off"}, headers=only_new)).status_code == 412
        assert (await red.get(new)).json()["audio"] == "on"


async def test_a_condition_tells_nobody_what_they_may_not_read(world: World) -> None:
    async with world.client("root") as root:
        tag = {"if-match": (await root.get("/api/v1/tenants/blue.example")).headers["etag"]}
    async with world.client("red-admin") as red:
        answer = await red.patch("/api/v1/tenants/blue.example", json={"audio": "on"}, headers=tag)
        assert answer.status_code == 412
    async with world.client() as nobody:
        assert (await nobody.patch(TENANT, json={"audio": "on"}, headers=tag)).status_code == 401


async def test_who_takes_no_json_is_told_so(world: World) -> None:
    async with world.client("red-admin") as red:
        answer = await red.get(TENANT, headers={"accept": "application/xml"})
        assert (answer.status_code, answer.json()["status"]) == (406, 406)


@pytest.mark.parametrize(
    ("accept", "takes"),
    [("", True), ("*/*", True), ("text/html, application/*;q=0.5", True), ("text/html", False),
     ("application/json; q=0", False), ("application/json", True)],
)  # fmt: skip
def test_what_a_client_takes(accept: str, takes: bool) -> None:
    assert acceptable(accept) is takes


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [(b"\xff\xfe{", "application/json", 422), (b"{", "application/json", 422), (b"<a/>", "text/xml", 415)],
)
async def test_a_body_that_is_no_json(world: World, body: bytes, kind: str, status: int) -> None:
    async with world.client("red-admin") as red:
        answer = await red.patch(TENANT, content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
