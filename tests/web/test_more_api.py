"""What pages can do and the API could not: bulk actions, views, columns, disk, second factor, previews."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyotp
import pytest

from tests.catalog.overheard import overheard

from .world import World, form_token

API = "/api/v1"


async def test_many_are_tagged_at_once_and_what_is_not_ones_own_is_not(world: World) -> None:
    ids = [world.recordings[name] for name in ("red", "red-only-102", "blue")]
    url = f"{API}/recordings/bulk"
    async with world.client("red-admin") as red:
        body: dict[str, Any] = {"action": "tag", "recordings": ids, "value": "vip", "preview": True}
        seen = (await red.post(url, json=body)).json()
        assert seen == {"chosen": 2, "done": 2, "refused": {}, "preview": True}
        assert (await red.get(f"{API}/recordings?tag=vip")).json()["items"] == []
        done = (await red.post(url, json={**body, "preview": False})).json()
        assert (done["done"], done["refused"]) == (2, {})
        tagged = (await red.get(f"{API}/recordings?tag=vip")).json()["items"]
        assert {r["recording_id"] for r in tagged} == set(ids[:2])
        some = {"action": "trash", "matching": True, "value": "too old"}
        gone = (await red.post(f"{url}?tag=vip", json=some)).json()
        assert gone["done"] == 2
        assert (await red.get(f"{API}/recordings?tag=vip")).json()["items"] == []
        nothing = await red.post(url, json={"action": "tag", "recordings": [], "value": "x"})
        assert (nothing.status_code, nothing.json()["errors"][0]["where"]) == (422, "body.recordings")
    async with world.client("red-101") as user:
        body = {"action": "trash", "recordings": [world.recordings["shared"]]}
        assert (await user.post(url, json=body)).status_code == 403
    async with world.client("blue-admin") as blue:
        assert (await blue.get(f"{API}/recordings?tag=vip")).json()["items"] == []


async def test_views_and_columns(world: World) -> None:
    async with world.client("red-admin") as red, world.client("red-101") as other:
        bad = await red.post(f"{API}/recordings/views", json={"name": "x", "query": "direction=up"})
        assert (bad.status_code, bad.json()["errors"][0]["where"]) == (422, "body.query")
        view = {"name": "Long ones", "query": "direction=inbound&nonsense=1", "shared": True}
        made = (await red.post(f"{API}/recordings/views", json=view)).json()
        assert (made["query"], made["mine"], made["owner"]) == ("direction=inbound", True, "red-admin")
        [seen] = (await other.get(f"{API}/recordings/views")).json()["items"]
        assert (seen["view_id"], seen["mine"]) == (made["view_id"], False)
        gone = f"{API}/recordings/views/{made['view_id']}"
        assert (await other.delete(gone)).status_code == 404
        assert (await red.delete(gone)).status_code == 204
        columns = (await red.get(f"{API}/recordings/columns")).json()
        assert set(columns["columns"]) <= set(columns["offered"])
        chosen = await red.put(f"{API}/recordings/columns", json={"columns": ["size", "duration"]})
        assert chosen.json()["columns"] == ["duration", "size"]
        wrong = await red.put(f"{API}/recordings/columns", json={"columns": ["nothing"]})
        assert wrong.status_code == 422


async def test_disk_is_reckoned(world: World) -> None:
    async with world.client("red-admin") as red:
        one = (await red.get(f"{API}/disk?users=1&minutes=60&measured=false")).json()
        ten = (await red.get(f"{API}/disk?users=10&minutes=60&measured=false")).json()
        assert ten["use"]["a_year"] == pytest.approx(10 * one["use"]["a_year"])
        assert {f["format"] for f in one["formats"]} >= {"wav", "mp3", "mp4"}
        assert (await red.get(f"{API}/disk?minutes=nan")).status_code == 422
    async with world.client("red-101") as user:
        assert (await user.get(f"{API}/disk")).status_code == 403


async def test_a_second_factor_by_a_session(world: World) -> None:
    url = f"{API}/me/second-factor"
    async with world.client("red-101") as token:
        assert (await token.get(url)).status_code == 403
    async with world.browser("red-101") as browser:
        headers = {"x-csrf-token": form_token((await browser.get("/account")).text)}
        assert (await browser.get(url)).json()["set_up"] is False
        new = (await browser.post(url, headers=headers)).json()
        assert new["uri"].startswith("otpauth://totp/")
        wrong = await browser.post(f"{url}/confirm", json={"code": "000000"}, headers=headers)
        assert wrong.status_code == 422
        code = pyotp.TOTP(new["secret"]).at(world.story.at)
        done = await browser.post(f"{url}/confirm", json={"code": code}, headers=headers)
        assert len(done.json()["codes"]) == 10
        assert (await browser.post(url, headers=headers)).status_code == 409
        assert (await browser.get(url)).json()["recovery_codes_left"] == 10
        spend = {"code": done.json()["codes"][0]}
        assert (await browser.post(f"{url}/remove", json=spend, headers=headers)).status_code == 204
        assert (await browser.get(url)).json()["set_up"] is False


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/tenants/red.example/preview", {"audio": "require"}),
        ("/tenants/red.example/users/101/preview", {"audio": "require"}),
        ("/tenants/red.example/rules/queue/sales/desk/preview", {"audio": "on"}),
    ],
)
async def test_a_preview_says_what_would_change_and_changes_nothing(
    world: World, path: str, body: dict[str, str]
) -> None:
    before = await world.catalog.policy()
    async with world.client("red-admin") as red, world.client("blue-admin") as blue:
        seen = await red.post(API + path, json=body)
        assert seen.status_code == 200, seen.text
        found = seen.json()
        assert found["calls"] >= 2
        if "queue" not in path:
            assert sum(c["more"] for c in found["counts"]) > 0
            assert {u["tenant"] for u in found["users"]} == {"red.example"}
        assert (await blue.post(API + path, json=body)).status_code == 404
    assert await world.catalog.policy() == before
    assert world.control.reloads == 0


def _login(row: dict[str, Any]) -> str:
    return str(row["login"])


@pytest.mark.parametrize(
    ("path", "key"),
    [("/accounts", _login), ("/users", lambda r: r["user"]), ("/audit", lambda r: r["number"])],
)
async def test_lists_are_walked_by_key(world: World, path: str, key: Callable[[dict[str, Any]], Any]) -> None:
    async with world.client("root") as root:
        for _ in range(3):
            await root.get(f"{API}/recordings/{world.recordings['red']}/audio")
            world.story.wait(3600)
        whole = (await root.get(API + path, params={"limit": 200})).json()
        assert whole["next"] is None
        found, before = [], {}
        while True:
            page = (await root.get(API + path, params={"limit": 1, **before})).json()
            found += page["items"]
            if page["next"] is None:
                break
            before = {"before": page["next"]}
        assert [key(r) for r in found] == [key(r) for r in whole["items"]]
        assert len(found) > 1
        bad = await root.get(API + path, params={"before": "no key"})
        assert bad.status_code == 422


async def test_an_account_is_no_query_of_its_own(world: World) -> None:
    """Ten times the accounts, the same number of statements."""

    from controller.engine.reading import Account, Role

    counts: list[int] = []
    async with world.client("root") as root:
        await root.get(f"{API}/accounts")  # the token's use is noted, once a minute
        for many in (0, 30):
            for n in range(many):
                account = Account(f"a{n}", f"more{n}", Role.SUPERVISOR, "red.example", None)
                await world.catalog.add_account(account, "")
            with overheard(world.catalog.database) as seen:
                assert (await root.get(f"{API}/accounts?limit=100")).status_code == 200
            counts.append(len(seen))
    assert counts[0] == counts[1]
