"""The gate: nothing without credentials, sessions that end, forms that come from us, guessing slowed."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from inspect import iscoroutinefunction
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts
from structlog.testing import capture_logs

from controller.engine.reading import Account, ApiToken, Role
from controller.web import status
from controller.web.access import sound, token_digest
from controller.web.lockout import LIMITS, Lockout

from .world import HOST, PASSWORD, World, form_token, later, opened, populate, sign_in

OPEN = {"/healthz", "/readyz"}


def routes(world: World) -> list[tuple[str, str]]:
    """(method, path with every parameter filled in) of every route that there is."""
    values = {"role": "segment", "number": "1"}
    found = []
    for context in iter_route_contexts(world.app.routes):
        if context.path == "/static":
            continue
        assert context.methods, context.path
        path = re.sub(r"{(\w+)(?::path)?}", lambda m: values.get(m[1], "x"), context.path)
        found += [(method, path) for method in sorted(context.methods)]
    return found


def test_nothing_that_a_route_depends_on_waits_for_a_thread(world: World) -> None:
    """FastAPI sends a thread for each that is no coroutine, with every request, to do next to nothing."""

    def walk(dependant: Dependant) -> Iterator[Any]:
        for one in dependant.dependencies:
            yield one.call
            yield from walk(one)

    found = {
        call
        for context in iter_route_contexts(world.app.routes)
        if (dependant := getattr(context.original_route, "dependant", None))
        for call in walk(dependant)
    }
    assert len(found) > 10, "the walk must see what they depend on"
    slow = {call for call in found if not (iscoroutinefunction(call) or iscoroutinefunction(call.__call__))}
    assert slow == set()


async def test_every_route_refuses_whoever_brings_no_credentials(world: World) -> None:
    walked = routes(world)
    assert len(walked) > 45, "the walk must see the routes"
    async with world.client() as client:
        for method, path in walked:
            if path in OPEN or path.startswith(("/sign-in", "/s/", "/texts/")) or path == "/first-run":
                continue
            answer = await client.request(method, path)
            if path.startswith("/api/"):
                assert answer.status_code == 401, (method, path)
                assert answer.headers["www-authenticate"] == "Bearer"
                if method != "HEAD":
                    assert answer.headers["content-type"] == "application/problem+json"
                    assert answer.json()["status"] == 401
            elif method in ("GET", "HEAD"):
                assert answer.status_code == 303, (method, path)
                assert answer.headers["location"].startswith("/sign-in?next=")
            else:
                assert answer.status_code == 401, (method, path)


@pytest.mark.parametrize("header", ["Bearer", "Bearer nonsense", "Basic cm9vdDpyb290", "Bearer tl_root x"])
async def test_a_wrong_authorization_is_not_replaced_by_the_cookie(world: World, header: str) -> None:
    async with world.browser("root") as browser:
        answer = await browser.get("/api/v1/me", headers={"authorization": header})
        assert answer.status_code == 401


async def test_an_expired_token_and_a_forged_cookie_are_refused(world: World) -> None:
    soon = world.story.at + timedelta(hours=1)
    token = ApiToken("short", "account-root", "short", world.story.at, soon, None)
    await world.catalog.add_token(token, token_digest("tl_short"))
    headers = {"authorization": "Bearer tl_short"}
    async with world.client() as client:
        assert (await client.get("/api/v1/me", headers=headers)).status_code == 200
        later(world, hours=2)
        assert (await client.get("/api/v1/me", headers=headers)).status_code == 401
    async with world.browser("red-admin") as browser:
        cookie = browser.cookies["tapeline"]
        for forged in (f"{cookie}x", cookie[:-1], cookie.swapcase(), "null", "é", ""):
            answer = await browser.get("/api/v1/me", headers={"cookie": f"tapeline={forged}".encode()})
            assert answer.status_code == 401, forged


async def test_a_session_ends_after_twelve_hours(world: World) -> None:
    async with world.browser("red-admin") as browser:
        later(world, hours=11, minutes=59)
        assert (await browser.get("/api/v1/me")).status_code == 200
        later(world, minutes=2)
        assert (await browser.get("/api/v1/me")).status_code == 401


async def test_signing_out_ends_the_session_even_for_whoever_has_copied_the_cookie(world: World) -> None:
    async with world.browser("red-admin") as browser:
        copied = {"cookie": f"tapeline={browser.cookies['tapeline']}"}
        token = form_token((await browser.get("/recordings")).text)
        answer = await browser.post("/sign-out", data={"csrf": token})
        assert answer.headers["location"] == "/sign-in"
        async with world.client() as thief:
            assert (await thief.get("/api/v1/me", headers=copied)).status_code == 401


async def test_a_new_password_ends_all_other_sessions(world: World) -> None:
    async with world.browser("red-admin") as one, world.browser("red-admin") as other:
        token = form_token((await one.get("/account")).text)
        fields = {
            "csrf": token,
            "current": PASSWORD,
            "password": "a rather new long one",
            "again": "a rather new long one",
        }
        answer = await one.post("/account/password", data=fields)
        assert answer.status_code == 303, answer.text
        assert (await other.get("/api/v1/me")).status_code == 401
        assert (await one.get("/api/v1/me")).status_code == 200
    async with world.client() as client:
        assert (await sign_in(client, "red-admin")).status_code == 401
        assert (await sign_in(client, "red-admin", "a rather new long one")).status_code == 303


async def test_changing_the_password_needs_the_current_one_and_a_session(world: World) -> None:
    body = {"current": "wrong", "password": "a rather new long one"}
    async with world.browser("red-admin") as browser:
        headers = {"x-csrf-token": form_token((await browser.get("/account")).text)}
        answer = await browser.put("/api/v1/me/password", json=body, headers=headers)
        assert (answer.status_code, answer.json()["detail"]) == (403, "The current password is wrong.")
    async with world.client("red-admin") as script:
        answer = await script.put("/api/v1/me/password", json={**body, "current": PASSWORD})
        assert answer.status_code == 403
        assert (await script.post("/api/v1/tokens", json={"label": "successor"})).status_code == 403


async def test_signing_in_needs_the_form_of_this_browser(world: World) -> None:
    async with world.client() as victim, world.client() as attacker:
        token = form_token((await attacker.get("/sign-in")).text)
        answer = await victim.post(
            "/sign-in", data={"login": "red-admin", "password": PASSWORD, "csrf": token}
        )
        assert answer.status_code == 403
        assert "tapeline" not in victim.cookies


async def test_wrong_password_and_unknown_login_read_alike(world: World) -> None:
    async with world.client() as client:
        wrong = await sign_in(client, "red-admin", "not the password")
        unknown = await sign_in(client, "nobody-here", "not the password")
        assert wrong.status_code == unknown.status_code == 401
        blank = [re.sub(r'value="[^"]*"', "", a.text) for a in (wrong, unknown)]
        assert blank[0] == blank[1]
        for login in ("", "a\0b", "x" * 200):
            assert (await sign_in(client, login, "p")).status_code == 401
        assert (await sign_in(client, "RED-admin")).status_code == 303, "logins have no case"


async def test_five_wrong_passwords_lock_the_login_for_that_address_only(world: World) -> None:
    async with world.client() as client:
        for _ in range(5):
            assert (await sign_in(client, "red-admin", "wrong")).status_code == 401
        locked = await sign_in(client, "red-admin")
        assert locked.status_code == 429
        assert int(locked.headers["retry-after"]) > 800
        assert "tapeline" not in client.cookies
        assert (await sign_in(client, "blue-admin")).status_code == 303
    transport = httpx.ASGITransport(world.app, client=("127.0.0.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url=HOST) as elsewhere:
        assert (await sign_in(elsewhere, "red-admin")).status_code == 303
    later(world, minutes=16)
    async with world.client() as client:
        assert (await sign_in(client, "red-admin")).status_code == 303
    entries = await world.catalog.audit_entries(Account("", "", Role.SYSTEM, None, None).scope)
    assert [e.action for e in entries].count("sign-in failed") == 5


def test_an_address_that_tries_many_logins_is_locked_and_a_success_takes_back_its_own(world: World) -> None:
    lockout = Lockout(world.services.now)
    for n in range(LIMITS["address"]):
        assert lockout.attempt(f"login{n}", "127.0.0.1") == 0
    assert lockout.attempt("another", "127.0.0.1") > 0
    fresh = Lockout(world.services.now)
    for _ in range(100):
        assert fresh.attempt("busy", "127.0.0.1") == 0
        fresh.succeeded("busy", "127.0.0.1")
    for n in range(LIMITS["login"]):
        assert fresh.attempt("victim", f"10.0.0.{n}") == 0
    assert fresh.attempt("victim", "10.0.1.1") > 0


@pytest.mark.parametrize("set_by", [timedelta(hours=1), timedelta(hours=-1)], ids=["forward", "backward"])
def test_a_clock_that_is_set_locks_nobody_out_for_longer(set_by: timedelta) -> None:
    at = [datetime(2026, 11, 29, 12, tzinfo=UTC)]
    lockout = Lockout(lambda: at[0])
    for _ in range(LIMITS["pair"]):
        assert lockout.attempt("alice", "10.0.0.1") == 0
    assert lockout.attempt("alice", "10.0.0.1") > 0
    at[0] += set_by
    assert lockout.attempt("alice", "10.0.0.1") == 0


@pytest.mark.parametrize(
    "target", ["//evil.example", "https://evil.example", "/\\evil.example", "/\tx", "evil", "/%0a\n", ""]
)
async def test_signing_in_leads_to_our_own_pages_only(world: World, target: str) -> None:
    async with world.client() as client:
        answer = await sign_in(client, "red-admin", next=target)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")


async def test_signing_in_goes_on_to_where_one_wanted(world: World) -> None:
    async with world.client() as client:
        away = await client.get("/recordings?party=101")
        assert away.headers["location"] == "/sign-in?next=/recordings%3Fparty%3D101"
        answer = await sign_in(client, "red-admin", next="/recordings?party=101")
        assert answer.headers["location"] == "/recordings?party=101"


async def test_an_account_without_what_its_role_needs_sees_nothing(world: World) -> None:
    """Its scope would be wider than its role: a user without extension would see the whole tenant."""
    assert not sound(Account("a", "a", Role.TENANT, None, None))
    assert not sound(Account("a", "a", Role.USER, "red.example", None))
    assert not sound(Account("a", "a", Role.USER, None, "101"))
    assert not sound(Account("a", "a", Role.SYSTEM, None, None, disabled=True))
    assert sound(Account("a", "a", Role.USER, "red.example", "101"))


async def test_a_disabled_account_is_out_at_once(world: World, password_hash: str) -> None:
    off = Account("off", "off", Role.TENANT, "red.example", None, disabled=True)
    await world.catalog.add_account(off, password_hash)
    async with world.client() as client:
        assert (await sign_in(client, "off")).status_code == 401
        cookie = await world.app.state.web.sessions.begin("off")
        answer = await client.get("/api/v1/me", headers={"cookie": f"tapeline={cookie}"})
        assert answer.status_code == 401


async def test_cookies_and_headers(world: World, tmp_path: Path, password_hash: str) -> None:
    folder = tmp_path / "secure"
    folder.mkdir()
    async with opened(folder, secure=True) as secure:
        await populate(secure, password_hash)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(secure.app), base_url="https://tapeline.test"
        ) as client:
            answer = await sign_in(client, "red-admin")
            cookie = answer.headers["set-cookie"]
            assert cookie.startswith("__Host-tapeline=")
            for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
                assert part in cookie
            assert (await client.get("/recordings")).headers["strict-transport-security"]
    async with world.browser("root") as browser:
        for path in (
            "/recordings",
            "/sign-in",
            "/static/app.js",
            "/api/v1/live",
            "/nowhere",
            "/live",
            "/healthz",
        ):
            headers = (await browser.get(path)).headers
            policy = headers["content-security-policy"]
            assert policy.startswith("default-src 'none'; script-src 'self'"), path
            assert "unsafe" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-frame-options"] == "DENY"
            assert headers["cache-control"] == ("no-cache" if "static" in path else "no-store")


async def test_pages_hold_no_inline_script_or_style(world: World) -> None:
    async with world.browser("root") as browser:
        for path in ("/recordings", f"/recordings/{world.recordings['red']}", "/live", "/users", "/api-docs"):
            html = (await browser.get(path)).text
            assert not re.search(r"<script(?![^>]*\ssrc=)", html), path
            assert not re.search(r"\s(style|on\w+)=", html), path
            assert "<style" not in html


async def test_readiness_tells_strangers_nothing_but_yes_or_no(world: World) -> None:
    async with world.client() as client, world.client("root") as root, world.client("red-admin") as tenant:
        assert (await client.get("/readyz")).json() == {"ok": True}
        world.healthy = False
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()) == (503, {"ok": False})
        assert (await tenant.get("/readyz")).json() == {"ok": False}
        assert "db.internal" in (await root.get("/readyz")).text
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_a_form_of_any_size_is_not_read(world: World, content_type: str) -> None:
    """The gate itself reads the form, for its token."""
    body = b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n" + b"a" * 1_000_000
    async with world.browser("red-admin") as browser:
        for path in ("/sign-out", "/users", "/sign-in"):
            answer = await browser.post(path, content=body, headers={"content-type": content_type})
            assert answer.status_code == 413, path


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
async def test_a_broken_form_is_refused(world: World, content_type: str) -> None:
    async with world.browser("red-admin") as browser:
        for body in (b"\xff\xfe=%ff&csrf=%zz", b"--x\r\n\r\n", b"--x--", b"csrf"):
            for path in ("/sign-out", "/users", "/sign-in"):
                answer = await browser.post(path, content=body, headers={"content-type": content_type})
                assert answer.status_code in (400, 403, 422), (path, body, answer.status_code)
        assert (await browser.get("/api/v1/me")).status_code == 200


@pytest.mark.parametrize("answer", ["none", "an error"])
async def test_readyz_waits_for_no_database(
    world: World, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    """Whoever asks with a token cannot be known then; that it is not well is said all the same."""
    monkeypatch.setattr(status, "KNOWN_S", 0.1)

    async def bearer(*_: object) -> None:
        if answer == "none":
            await asyncio.sleep(60)
        raise ConnectionError("the database is away")

    monkeypatch.setattr(world.services.accounts, "bearer", bearer)
    world.healthy = False
    with capture_logs() as lines:
        async with world.client("root") as api, asyncio.timeout(5):
            told = await api.get("/readyz")
        async with world.client() as anybody, asyncio.timeout(5):
            await anybody.get("/readyz")
    assert (told.status_code, told.json()) == (503, {"ok": False})
    # Whoever has no credentials is nobody's fault.
    [line] = [line for line in lines if line["event"] == "readyz.asker_unknown"]
    assert line["error"]
