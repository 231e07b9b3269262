"""Coming in: second factors, sessions everywhere, tokens with scopes, accounts, supervisors' groups."""

from __future__ import annotations

import re
from dataclasses import replace

import httpx
import pyotp
import pytest

from controller.core.options import SecondFactorFor, TenantOptions
from controller.core.roles import Role
from controller.engine.entry import Group, MemberKind
from controller.engine.reading import Account, Scope, TenantSettings
from controller.web.app import create_app
from controller.web.lockout import LIMITS
from controller.web.passwords import Passwords, weakness
from controller.web.second_factor import STEP_S

from .world import HOST, PASSWORD, World, form_token, later, sign_in


def code_at(world: World, secret: str, steps: int = 0) -> str:
    return pyotp.TOTP(secret).generate_otp(int(world.story.at.timestamp()) // STEP_S + steps)


def secret_on(html: str) -> str:
    found = re.search(r"<code class=\"token\">([A-Z2-7]{32})</code>", html)
    assert found, html[:3000]
    return found[1]


async def set_up(world: World, who: str) -> tuple[str, list[str]]:
    """(secret, recovery codes) of an account that has set up a second factor on its own page."""
    async with world.browser(who) as browser:
        token = form_token((await browser.get("/account")).text)
        assert (await browser.post("/account/second-factor", data={"csrf": token})).status_code == 303
        page = (await browser.get("/account")).text
        assert "<svg" in page
        secret = secret_on(page)
        wrong = await browser.post("/account/second-factor/confirm", data={"csrf": token, "code": "000000"})
        assert wrong.status_code == 422
        sent = {"csrf": token, "code": code_at(world, secret)}
        done = await browser.post("/account/second-factor/confirm", data=sent)
        codes = re.findall(r"<code>([a-z2-7-]{19})</code>", done.text)
    assert len(set(codes)) == 10
    return secret, codes


async def give_code(client: httpx.AsyncClient, code: str, next: str = "/") -> httpx.Response:
    token = form_token((await client.get("/sign-in/code")).text)
    return await client.post("/sign-in/code", data={"csrf": token, "code": code, "next": next})


async def actions(world: World) -> list[str]:
    return [e.action for e in await world.catalog.audit_entries(Scope(None))]


async def test_a_second_factor_is_asked_for_and_each_code_taken_once(world: World) -> None:
    secret, recovery = await set_up(world, "red-admin")
    later(world, seconds=STEP_S)
    async with world.client() as client:
        answer = await sign_in(client, "red-admin", next="/recordings?party=101")
        assert answer.headers["location"] == "/sign-in/code?next=/recordings%3Fparty%3D101"
        # Half way is nowhere.
        assert (await client.get("/api/v1/me")).status_code == 401
        assert (await client.get("/recordings")).status_code == 303
        code = code_at(world, secret)
        assert (await give_code(client, "123456")).status_code == 401
        answer = await give_code(client, code, "/recordings?party=101")
        assert (answer.status_code, answer.headers["location"]) == (303, "/recordings?party=101")
        assert (await client.get("/api/v1/me")).json()["second_factor"] is True
    async with world.client() as thief:
        await sign_in(thief, "red-admin")
        assert (await give_code(thief, code)).status_code == 401, "the code was used"
        assert (await give_code(thief, code_at(world, secret, -1))).status_code == 401, "older than the last"
        assert (await give_code(thief, recovery[0])).status_code == 303
        assert (await thief.get("/api/v1/me")).status_code == 200
    async with world.client() as again:
        await sign_in(again, "red-admin")
        assert (await give_code(again, recovery[0])).status_code == 401
    assert {"second factor set up", "sign-in", "sign-in failed"} <= set(await actions(world))


async def test_codes_cannot_be_guessed(world: World) -> None:
    secret, _ = await set_up(world, "red-admin")
    later(world, seconds=STEP_S)
    async with world.client() as client:
        await sign_in(client, "red-admin")
        tries = [(await give_code(client, f"{n:06}")).status_code for n in range(LIMITS["code"] + 1)]
        assert tries == [401] * LIMITS["code"] + [429]
        assert (await give_code(client, code_at(world, secret))).status_code == 429
        later(world, minutes=11)
        assert (await client.get("/sign-in/code")).headers["location"] == "/sign-in", "half-way sessions end"


async def test_a_tenant_requires_a_second_factor_of_its_administrators(world: World) -> None:
    options = TenantOptions(second_factor=SecondFactorFor.ADMINISTRATORS)
    await world.catalog.set_tenant(TenantSettings("red.example", options=options))
    async with world.client() as user:
        assert (await sign_in(user, "red-101")).headers["location"] == "/"
    async with world.client() as client:
        assert (await sign_in(client, "red-admin")).headers["location"] == "/sign-in/set-up?next=/"
        assert (await client.get("/api/v1/me")).status_code == 401
        page = (await client.get("/sign-in/set-up")).text
        assert secret_on(page) == secret_on((await client.get("/sign-in/set-up")).text)
        sent = {"csrf": form_token(page), "code": code_at(world, secret_on(page))}
        done = await client.post("/sign-in/set-up", data=sent)
        assert "Recovery codes" in done.text
        assert (await client.get("/api/v1/me")).status_code == 200
        token = form_token((await client.get("/account")).text)
        later(world, seconds=STEP_S)
        sent = {"csrf": token, "code": code_at(world, secret_on(page))}
        refused = await client.post("/account/second-factor/remove", data=sent)
        assert refused.status_code == 409, "what is required cannot be taken away"


async def test_an_administrator_resets_a_second_factor(world: World) -> None:
    await set_up(world, "red-101")
    async with world.client("red-admin") as admin, world.client("blue-admin") as stranger:
        url = "/api/v1/accounts/account-red-101/second-factor"
        assert (await stranger.delete(url)).status_code == 404
        assert (await admin.delete(url)).status_code == 204
        assert (await admin.delete(url)).status_code == 404
    async with world.client() as client:
        assert (await sign_in(client, "red-101")).headers["location"] == "/"


async def test_sessions_survive_a_restart_and_end_in_every_worker(world: World) -> None:
    other = create_app(world.services)  # another worker, or the same after a restart
    async with world.browser("red-101") as browser:
        cookie = {"cookie": f"tapeline={browser.cookies['tapeline']}"}
        transport = httpx.ASGITransport(other)
        async with httpx.AsyncClient(transport=transport, base_url=HOST) as worker:
            assert (await worker.get("/api/v1/me", headers=cookie)).status_code == 200
            token = form_token((await browser.get("/account")).text)
            await browser.post("/sign-out", data={"csrf": token})
            assert (await worker.get("/api/v1/me", headers=cookie)).status_code == 401


async def test_one_sees_and_ends_one_s_own_sessions(world: World) -> None:
    async with (
        world.browser("red-101") as one,
        world.browser("red-101") as two,
        world.browser("red-102") as not_mine,
    ):
        found = (await one.get("/api/v1/me/sessions")).json()["items"]
        assert len(found) == 2
        assert {s["address"] for s in found} == {"127.0.0.1"}
        token = form_token((await one.get("/account")).text)
        others = (await not_mine.get("/api/v1/me/sessions")).json()["items"][0]["session"]
        answer = await one.post(f"/account/sessions/{others}/end", data={"csrf": token})
        assert answer.status_code == 404
        assert (await one.post("/account/sessions/end", data={"csrf": token})).status_code == 303
        assert (await two.get("/api/v1/me")).status_code == 401
        assert (await one.get("/api/v1/me")).status_code == 200
        assert (await not_mine.get("/api/v1/me")).status_code == 200
    async with world.client("red-101") as script:
        assert (await script.get("/api/v1/me/sessions")).status_code == 403


async def test_a_token_does_no_more_than_its_scopes(world: World) -> None:
    recording = world.recordings["red"]
    async with world.browser("red-admin") as browser:
        headers = {"x-csrf-token": form_token((await browser.get("/account")).text)}
        body = {"label": "exports", "scopes": ["see_calls", "download"]}
        made = (await browser.post("/api/v1/tokens", json=body, headers=headers)).json()
        more = {"label": "x", "scopes": ["system_settings"]}
        assert (await browser.post("/api/v1/tokens", json=more, headers=headers)).status_code == 422
    async with world.client() as script:
        script.headers["authorization"] = f"Bearer {made['token']}"
        assert (await script.get("/api/v1/me")).status_code == 200
        assert (await script.get(f"/api/v1/recordings/{recording}/download")).status_code == 200
        for path in (f"/api/v1/recordings/{recording}/audio", "/api/v1/audit", "/api/v1/accounts", "/users"):
            assert (await script.get(path)).status_code == 403, path


async def test_a_token_for_accounts_makes_none_that_may_more_than_it(world: World) -> None:
    async with world.browser("red-admin") as browser:
        headers = {"x-csrf-token": form_token((await browser.get("/account")).text)}
        body = {"label": "people", "scopes": ["manage_accounts"]}
        made = (await browser.post("/api/v1/tokens", json=body, headers=headers)).json()
    account = {"login": "new", "password": "three blue herons", "tenant": "red.example"}
    async with world.client() as script:
        script.headers["authorization"] = f"Bearer {made['token']}"
        for role in ("tenant_administrator", "user", "supervisor"):
            body = {**account, "role": role, "extension": "105"}
            assert (await script.post("/api/v1/accounts", json=body)).status_code == 403, role
        url = "/api/v1/accounts/account-red-102/password"
        assert (await script.put(url, json={"password": "three blue herons"})).status_code == 404


async def test_accounts_are_managed_on_their_pages(world: World) -> None:
    async with world.browser("red-admin") as admin:
        token = form_token((await admin.get("/company/accounts")).text)
        fields = {"csrf": token, "login": "new@red.example", "role": "supervisor"}
        made = await admin.post("/company/accounts/add", data=fields)
        password = re.search(r'<code class="token">([\w-]{20})</code>', made.text)
        assert password, made.text
        found = next(
            a for a in await world.catalog.accounts(Scope("red.example")) if a.login == "new@red.example"
        )
        await world.catalog.set_group(Group("g1", "red.example", "Front", ((MemberKind.USER, "101"),)))
        url = f"/company/accounts/{found.account_id}"
        fields = {"csrf": token, "role": "supervisor", "group": "g1"}
        assert (await admin.post(url, data=fields)).headers["location"] == f"{url}?saved=1"
        assert "Front" in (await admin.get(url)).text
        async with world.client() as client:
            assert (await sign_in(client, "new@red.example", password[1])).status_code == 303
            page = (await client.get("/recordings")).text
            assert world.recordings["red"] in page
            assert world.recordings["red-only-102"] not in page
            live = (await client.get("/api/v1/live")).json()["items"]
            assert [c["call_id"] for c in live] == [world.calls["live-red"]]
            await admin.post(url, data={"csrf": token, "role": "user", "extension": "102", "disabled": "on"})
            assert (await client.get("/api/v1/me")).status_code == 401
        assert (
            await admin.post("/company/accounts/account-red-admin", data={"csrf": token, "role": "user"})
        ).status_code == 409
        assert (await admin.get("/company/accounts/account-blue-admin")).status_code == 404
        assert (await admin.get("/company/accounts/account-root")).status_code == 404
    log = [(e.action, e.detail) for e in await world.catalog.audit_entries(Scope("red.example"))]
    assert ("account changed", "groups: Front") in log
    assert any(a == "account changed" and "disabled" in d for a, d in log)


async def test_a_supervisor_controls_the_team_s_live_calls_only(world: World) -> None:
    await world.catalog.set_group(Group("g1", "red.example", "Front", ((MemberKind.USER, "102"),)))
    await world.catalog.set_groups_of("account-red-super", ["g1"])
    async with world.client("red-super") as boss:
        url = f"/api/v1/live/{world.calls['live-red']}/recording"
        pause = {"operation": "pause-recording"}
        assert (await boss.post(url, json=pause)).status_code == 404
        await world.catalog.set_group(Group("g1", "red.example", "Front", ((MemberKind.USER, "101"),)))
        assert (await boss.post(url, json=pause)).status_code in (200, 202)
        assert (await boss.get("/api/v1/groups")).status_code == 403


async def test_groups_are_made_on_their_page(world: World) -> None:
    async with world.browser("red-admin") as admin:
        token = form_token((await admin.get("/company/groups")).text)
        fields = {
            "csrf": token,
            "name": "Support",
            "users": "101\r\n102, 103",
            "queues": "first line",
            "ring_groups": "",
        }
        assert (await admin.post("/company/groups", data=fields)).status_code == 303
        [group] = await world.catalog.groups(Scope("red.example"))
        assert group.named(MemberKind.USER) == ("101", "102", "103")
        assert group.named(MemberKind.QUEUE) == ("first line",)
        again = await admin.post("/company/groups", data=fields)
        assert (again.status_code, "already" in again.text) == (422, True)
        url = f"/company/groups/red.example/{group.group_id}"
        assert "102" in (await admin.get(url)).text
        assert (await admin.post(f"{url}/remove", data={"csrf": token})).status_code == 303
        assert await world.catalog.groups(Scope(None)) == []


def test_what_a_guesser_tries_first_is_no_password() -> None:
    for weak in (
        "passwordpassword", "123456789012345", "aaaaaaaaaaaaaaa", "qwertyuiopasdfg", "tapelinetapeline",
        "dana.smith@acme1", "short but fine",
    ):  # fmt: skip
        assert weakness(weak, ("dana.smith@acme", "acme.example")), weak
    for strong in ("three blue herons", PASSWORD, "gVx8-tQ0z.wk2Lmp", "ψυχή και θάλασσα"):
        assert weakness(strong) is None, strong
    assert weakness("nine tall", least=8) is None


async def test_the_same_password_from_every_keyboard() -> None:
    passwords = Passwords()
    kept = await passwords.hash("crème brûlée tonight")
    assert await passwords.verify("cre\u0300me bru\u0302le\u0301e tonight", kept)
    for nothing in (None, ""):
        assert not await passwords.verify("", nothing)


async def test_strangers_do_not_lock_out_whoever_has_been_here(world: World) -> None:
    async with world.browser("red-admin") as browser:
        for n in range(LIMITS["login"]):
            assert world.app.state.web.lockout.attempt("red-admin", f"10.0.0.{n}") == 0
        browser.cookies.delete("tapeline")
        assert (await sign_in(browser, "red-admin")).status_code == 303
        for _ in range(LIMITS["device"]):
            browser.cookies.delete("tapeline")
            assert (await sign_in(browser, "red-admin", "wrong")).status_code == 401
        assert (await sign_in(browser, "red-admin")).status_code == 429, (
            "a known device guesses no more than others"
        )
    async with world.client() as stranger:
        assert (await sign_in(stranger, "red-admin")).status_code == 429


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.COMPLIANCE])
async def test_an_account_is_never_wider_than_its_role(world: World, role: Role) -> None:
    with pytest.raises(ValueError, match="needs a tenant"):
        await world.catalog.add_account(Account("x", "x", role, None, None), "")
    admin = await world.catalog.account("account-red-admin")
    assert admin is not None
    with pytest.raises(ValueError, match="of that tenant"):
        await world.catalog.change_account(replace(admin, tenant="blue.example"))
