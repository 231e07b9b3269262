"""A tenant never reaches another's things, nor a user a colleague's; both look like nothing at all."""

from __future__ import annotations

import dataclasses

import pytest

from controller.core.requests import Means, SystemActor, TenantActor, UserActor
from controller.engine.ports import LinkState

from .world import World, form_token

ABSENT = "0" * 8


def paths(world: World, name: str) -> list[str]:
    recording, call = world.recordings[name], world.calls[name]
    return [
        f"/api/v1/recordings/{recording}",
        f"/api/v1/recordings/{recording}/audio",
        f"/api/v1/recordings/{recording}/download",
        f"/api/v1/recordings/{recording}/files/segment/1",
        f"/api/v1/calls/{call}",
        f"/recordings/{recording}",
        f"/calls/{call}",
    ]


@pytest.mark.parametrize(
    ("who", "own", "foreign"),
    [
        ("red-admin", ["red", "red-only-102"], ["blue"]),
        ("blue-admin", ["blue"], ["red", "red-only-102"]),
        ("red-101", ["red"], ["red-only-102", "blue"]),
        ("red-102", ["red", "red-only-102"], ["blue"]),
        ("root", ["red", "red-only-102", "blue"], []),
    ],
)
async def test_what_is_not_ones_own_does_not_exist(
    world: World, who: str, own: list[str], foreign: list[str]
) -> None:
    async with world.client(who) as client:
        for name in own:
            for path in paths(world, name):
                assert (await client.get(path)).status_code == 200, path
        for name in foreign:
            for path in paths(world, name):
                answer = await client.get(path)
                assert answer.status_code == 404, path
                missing = path.replace(world.recordings[name], ABSENT).replace(world.calls[name], ABSENT)
                nothing = await client.get(missing)
                assert answer.text == nothing.text, "it must read like what was never there"
                assert (await client.head(path)).status_code in (404, 405)


@pytest.mark.parametrize("who", ["red-admin", "blue-admin", "red-101", "red-102"])
async def test_lists_hold_only_ones_own(world: World, who: str) -> None:
    tenant = "blue.example" if who.startswith("blue") else "red.example"
    other = "red.example" if who.startswith("blue") else "blue.example"
    async with world.client(who) as client:
        rows = (await client.get("/api/v1/recordings")).json()["items"]
        assert rows
        assert {r["tenant"] for r in rows} == {tenant}
        for path in ("/api/v1/recordings", "/api/v1/calls", "/api/v1/live", "/recordings", "/calls", "/live"):
            assert other not in (await client.get(path)).text, path
        listed = (await client.get("/api/v1/calls")).json()["items"]
        ids = {c["call_id"] for c in listed}
        assert world.calls["red" if other == "blue.example" else "blue"] in ids
        assert world.calls["blue" if other == "blue.example" else "red"] not in ids
        foreign = world.calls["blue" if other == "blue.example" else "red"]
        narrowed = await client.get("/api/v1/recordings", params={"call_id": foreign})
        assert narrowed.json()["items"] == []


async def test_a_call_that_two_tenants_share_shows_each_its_own_half(world: World) -> None:
    call, mine = world.calls["shared"], "red.example"
    async with world.client("red-admin") as client:
        body = (await client.get(f"/api/v1/calls/{call}")).json()
        assert {r["tenant"] for r in body["recordings"]} == {mine}
        assert "Carl Blue" not in (await client.get(f"/calls/{call}")).text
    async with world.client("root") as root:
        both = (await root.get(f"/api/v1/calls/{call}")).json()["recordings"]
        blues = next(r["recording_id"] for r in both if r["tenant"] == "blue.example")
    async with world.client("red-admin") as client:
        assert (await client.get(f"/api/v1/recordings/{blues}/audio")).status_code == 404


async def test_the_user_role_administers_nothing(world: World) -> None:
    requests = [
        ("GET", "/api/v1/users", None),
        ("GET", "/api/v1/tenants", None),
        ("GET", "/api/v1/audit", None),
        ("GET", "/api/v1/accounts", None),
        ("GET", "/api/v1/settings/system", None),
        ("PUT", "/api/v1/settings/system", {"record_external": True}),
        ("PATCH", "/api/v1/settings/system", {"record_external": True}),
        ("GET", "/api/v1/tenants/red.example", None),
        ("PUT", "/api/v1/tenants/red.example", {"audio": "on"}),
        ("PATCH", "/api/v1/tenants/red.example", {"options": {"pause_tone": True}}),
        ("GET", "/api/v1/tenants/red.example/users/101", None),
        ("PUT", "/api/v1/tenants/red.example/users/101", {"audio": "off"}),
        ("PATCH", "/api/v1/tenants/red.example/users/101", {"mode": "never"}),
        ("GET", "/api/v1/rules", None),
        ("GET", "/api/v1/tenants/red.example/rules/queue/sales", None),
        ("PUT", "/api/v1/tenants/red.example/rules/queue/sales", {"audio": "forbid"}),
        ("DELETE", "/api/v1/tenants/red.example/rules/queue/sales", None),
        ("PUT", "/api/v1/settings/system/trunks/carrier", {"audio": "forbid"}),
        ("GET", "/api/v1/explain?caller=101&callee=102", None),
        ("PUT", "/api/v1/accounts/account-root/password", {"password": "a rather new long one"}),
        (
            "POST",
            "/api/v1/accounts",
            {"login": "new", "password": "a rather new long one", "role": "user", "tenant": "red.example"},
        ),
    ]
    async with world.client("red-101") as client:
        for method, path, body in requests:
            answer = await client.request(method, path, json=body)
            assert answer.status_code == 403, (method, path)
    assert world.control.reloads == 0
    async with world.browser("red-101") as browser:
        for path in (
            "/users",
            "/users/red.example/101",
            "/rules",
            "/rules/edit",
            "/explain",
            "/company/options",
        ):
            assert (await browser.get(path)).status_code == 403, path


async def test_a_tenants_administrator_stays_in_its_tenant(world: World) -> None:
    both = {"audio": "on", "video": "on"}
    account = {"login": "new", "password": "a rather new long one"}
    async with world.client("red-admin") as client:
        assert (
            await client.put("/api/v1/settings/system", json={"record_external": True})
        ).status_code == 403
        for path in (
            "/api/v1/tenants/blue.example",
            "/api/v1/tenants/blue.example/users/201",
            "/api/v1/tenants/blue.example/rules/queue/sales",
        ):
            assert (await client.put(path, json=both)).status_code == 404, path
        answer = await client.put("/api/v1/settings/system/trunks/carrier", json=both)
        assert answer.status_code == 403
        answer = await client.get("/api/v1/explain?tenant=blue.example&caller=201&callee=1")
        assert answer.status_code == 404
        assert world.control.reloads == 0
        for fields in (
            {"role": "system_administrator"},
            {"role": "tenant_administrator", "tenant": "blue.example"},
            {"role": "user", "tenant": "blue.example", "extension": "201"},
            {"role": "tenant_administrator"},
        ):
            answer = await client.post("/api/v1/accounts", json={**account, **fields})
            assert answer.status_code == 403, fields
        for victim in ("account-root", "account-blue-admin", "nobody"):
            answer = await client.put(
                f"/api/v1/accounts/{victim}/password", json={"password": "a rather new long one"}
            )
            assert answer.status_code == 404, victim
        logins = {a["login"] for a in (await client.get("/api/v1/accounts")).json()["items"]}
        assert logins == {"red-admin", "red-super", "red-officer", "red-101", "red-102"}
        assert {t["tenant"] for t in (await client.get("/api/v1/tenants")).json()["items"]} == {"red.example"}
        assert {u["tenant"] for u in (await client.get("/api/v1/users")).json()["items"]} == {"red.example"}
    async with world.browser("red-admin") as browser:
        token = form_token((await browser.get("/users")).text)
        for path, fields in (
            ("/users", {"user": "201", "tenant": "blue.example", "audio": "on"}),
            ("/users/add", {"user": "299", "tenant": "blue.example", "audio": "on", "video": "on"}),
            ("/users/blue.example/201", {"audio": "on"}),
            ("/company/options", {"tenant": "blue.example", "audio": "on"}),
            ("/rules/edit", {"scope": "queue", "tenant": "blue.example", "name": "sales"}),
            ("/rules/remove", {"scope": "queue", "tenant": "blue.example", "name": "sales"}),
            ("/rules/remove", {"scope": "trunk", "tenant": "", "name": "carrier"}),
        ):
            assert (await browser.post(path, data={**fields, "csrf": token})).status_code == 404
        for path in ("/advanced/general", "/advanced/general/rule"):
            assert (await browser.post(path, data={"csrf": token})).status_code == 403
        for path in (
            "/users/blue.example/201", "/company/options?tenant=blue.example",
            "/rules/edit?scope=queue&tenant=blue.example&name=sales", "/explain?tenant=blue.example",
            "/rules/edit?scope=trunk&name=carrier",
        ):  # fmt: skip
            assert (await browser.get(path)).status_code == 404, path
    assert world.control.reloads == 0


async def test_tokens_of_others_are_neither_seen_nor_removed(world: World) -> None:
    async with world.browser("red-admin") as browser:
        assert [t["token_id"] for t in (await browser.get("/api/v1/tokens")).json()["items"]] == [
            "token-red-admin"
        ]
        headers = {"x-csrf-token": form_token((await browser.get("/account")).text)}
        answer = await browser.delete("/api/v1/tokens/token-root", headers=headers)
        assert answer.status_code == 404
        assert (await browser.delete("/api/v1/tokens/token-red-admin", headers=headers)).status_code == 204
    async with world.client("root") as root:
        assert (await root.get("/api/v1/me")).status_code == 200


async def test_the_audit_is_each_tenants_own(world: World) -> None:
    async with world.client("red-admin") as red, world.client("blue-admin") as blue:
        await red.get(f"/api/v1/recordings/{world.recordings['red']}/audio")
        await blue.get(f"/api/v1/recordings/{world.recordings['blue']}/audio")
        assert {e["account"] for e in (await red.get("/api/v1/audit")).json()["items"]} == {"red-admin"}
        assert {e["account"] for e in (await blue.get("/api/v1/audit")).json()["items"]} == {"blue-admin"}


@pytest.mark.parametrize(
    ("who", "names", "statuses"),
    [
        ("red-admin", ["live-red"], {"live-blue": 404}),
        ("blue-admin", ["live-blue"], {"live-red": 404}),
        ("red-101", ["live-red"], {"live-blue": 404}),
        ("red-102", [], {"live-red": 404, "live-blue": 404}),
        ("root", ["live-blue", "live-red"], {}),
    ],
)
async def test_live_calls_are_seen_and_controlled_by_their_own_people(
    world: World, who: str, names: list[str], statuses: dict[str, int]
) -> None:
    async with world.client(who) as client:
        seen = {c["call_id"] for c in (await client.get("/api/v1/live")).json()["items"]}
        assert seen == {world.calls[n] for n in names}
        for name, status in statuses.items():
            for alias in (world.calls[name], f"{name}-a", f"sip-{name}@10.0.0.1"):
                body = {"operation": "pause-recording"}
                answer = await client.post(f"/api/v1/live/{alias}/recording", json=body)
                nothing = await client.post("/api/v1/live/none/recording", json=body)
                assert (answer.status_code, answer.text) == (status, nothing.text)
        page = (await client.get("/live")).text
        for name in ("live-red", "live-blue"):
            assert (world.calls[name] in page) is (name in names)


async def test_the_actor_is_the_accounts(world: World) -> None:
    for who, actor in (
        ("root", SystemActor("root")),
        ("red-admin", TenantActor("red.example", "red-admin")),
        ("red-101", UserActor("red.example", "101")),
    ):
        async with world.client(who) as client:
            await client.post(
                f"/api/v1/live/{world.calls['live-red']}/recording", json={"operation": "pause-recording"}
            )
        assert world.control.asked[-1][2:] == (actor, Means.API)


async def test_only_the_system_administrator_reads_a_switchs_error(world: World) -> None:
    world.control.statuses = [
        dataclasses.replace(world.control.statuses[0], state=LinkState.DOWN, error="10.9.9.9 refuses")
    ]
    async with world.browser("root") as root, world.browser("red-101") as user:
        assert "Switch fs1 is down" in (await root.get("/recordings")).text
        assert "10.9.9.9 refuses" in (await root.get("/recordings")).text
        page = (await user.get("/recordings")).text
        assert "Switch fs1 is down" in page
        assert "10.9.9.9" not in page
        assert "10.9.9.9" not in (await user.get("/api/v1/switches")).text
