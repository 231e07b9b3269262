"""Signing in by a real OpenID provider on this machine, and everything that must not let anybody in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey

from controller.core.roles import Role
from controller.engine.reading import Account, Scope
from controller.web.app import create_app
from controller.web.sign_in_rules import ClaimRule, OidcSettings, SignInRules

from .openid_provider import OpenIdProvider, running
from .world import HOST, World, later, sign_in

RULES = (
    ClaimRule("groups", "officers", Role.COMPLIANCE, "red.example"),
    ClaimRule("groups", "agents", Role.USER, "$company", "phone"),
)
MAIL = {"email": "red-mail@red.example", "email_verified": True}


@pytest.fixture
async def provider() -> AsyncIterator[OpenIdProvider]:
    async with running() as one:
        yield one


def enter_by(world: World, provider: OpenIdProvider, **more: object) -> None:
    """The world's application anew, with this provider."""
    settings = OidcSettings(
        provider.issuer, provider.client_id, provider.client_secret, "Acme", rules=RULES,
        redirect_uri=f"{HOST}/sign-in/provider/back",
    )  # fmt: skip
    local = bool(more.pop("local", True))
    settings = replace(settings, **more)  # type: ignore[arg-type]
    world.services = replace(world.services, sign_in=SignInRules(local=local, oidc=settings))
    world.app = create_app(world.services)

    def clock() -> float:
        return world.story.at.timestamp()

    provider.now = clock


async def at_the_provider(client: httpx.AsyncClient, next: str = "/") -> str:
    """Where the provider sends the browser back to."""
    there = await client.get("/sign-in/provider", params={"next": next})
    assert there.status_code == 303, there.text
    async with httpx.AsyncClient() as outside:
        back = await outside.get(there.headers["location"])
    return back.headers["location"]


async def come(client: httpx.AsyncClient, next: str = "/") -> httpx.Response:
    return await client.get(await at_the_provider(client, next))


async def test_an_account_is_found_by_its_verified_address_and_then_by_the_subject(
    world: World, provider: OpenIdProvider
) -> None:
    enter_by(world, provider)
    await world.catalog.add_account(Account("m", MAIL["email"], Role.TENANT, "red.example", None), "")
    provider.person = {"sub": "s-7", **MAIL}
    async with world.client() as client:
        answer = await come(client, "/recordings?party=1")
        assert (answer.status_code, answer.headers["location"]) == (303, "/recordings?party=1")
        assert (await client.get("/api/v1/me")).json()["login"] == MAIL["email"]
    provider.person = {"sub": "s-7", "email": "married@red.example", "email_verified": False}
    async with world.client() as client:
        await come(client)
        assert (await client.get("/api/v1/me")).json()["login"] == MAIL["email"]
    asked = provider.asked[0]
    assert asked["nonce"] != provider.asked[1]["nonce"]
    assert "code_verifier" not in asked
    log = [(e.action, e.detail) for e in await world.catalog.audit_entries(Scope("red.example"))]
    assert ("identity linked", f"{provider.issuer} s-7") in log
    assert any(a == "sign-in" and "Acme" in d for a, d in log)


@pytest.mark.parametrize("person", [
    {"sub": "x", "email": "red-mail@red.example"},
    {"sub": "x", "email": "red-mail@red.example", "email_verified": False},
    {"sub": "x", "email": "red-mail@red.example", "email_verified": "true"},
    {"sub": "x", "preferred_username": "red-mail@red.example"},
    {"sub": "red-mail@red.example"},
])  # fmt: skip
async def test_an_address_that_is_not_verified_is_nobody_s(
    world: World, provider: OpenIdProvider, person: dict[str, object]
) -> None:
    enter_by(world, provider)
    await world.catalog.add_account(Account("m", MAIL["email"], Role.TENANT, "red.example", None), "")
    provider.person = person
    async with world.client() as client:
        assert (await come(client)).headers["location"] == "/sign-in?fault=unknown"
        assert (await client.get("/api/v1/me")).status_code == 401


async def test_accounts_are_made_and_follow_their_claims(world: World, provider: OpenIdProvider) -> None:
    enter_by(world, provider, create=True)
    agent = {"sub": "s-1", "email": "new@red.example", "email_verified": True, "groups": ["x", "agents"]}
    provider.person = {**agent, "company": "red.example", "phone": "101"}
    async with world.client() as client:
        await come(client)
        me = (await client.get("/api/v1/me")).json()
        assert (me["role"], me["tenant"], me["extension"]) == ("user", "red.example", "101")
    async with world.client() as stranger:
        assert (await sign_in(stranger, "new@red.example", "")).status_code == 401, "no password fits it"
    provider.person = {**agent, "groups": ["officers"]}
    async with world.client() as client:
        await come(client)
        assert (await client.get("/api/v1/me")).json()["role"] == "compliance_officer"
    for claims in ({"groups": []}, {"groups": ["agents"], "company": "blue.example", "phone": "201"}):
        provider.person = {**agent, **claims}
        async with world.client() as client:
            assert (await come(client)).headers["location"] == "/sign-in?fault=unknown"


@pytest.mark.parametrize("claims", [
    {"company": "red.example"}, {"company": "../x y", "phone": "1"},
    {"company": ["red.example"], "phone": "1"}, {},
])  # fmt: skip
async def test_claims_that_say_too_little_make_nothing(
    world: World, provider: OpenIdProvider, claims: dict[str, object]
) -> None:
    enter_by(world, provider, create=True)
    provider.person = {
        "sub": "s-2",
        "email": "n@x.example",
        "email_verified": True,
        "groups": ["agents"],
        **claims,
    }
    async with world.client() as client:
        assert (await come(client)).headers["location"] == "/sign-in?fault=unknown"
    assert await world.catalog.credentials("n@x.example") is None


async def test_what_the_id_token_lacks_is_asked_for(world: World, provider: OpenIdProvider) -> None:
    enter_by(world, provider)
    await world.catalog.add_account(Account("m", MAIL["email"], Role.TENANT, "red.example", None), "")
    provider.userinfo = dict(MAIL)
    async with world.client() as client:
        assert (await come(client)).headers["location"] == "/"
        provider.userinfo = {**MAIL, "sub": "somebody else"}
        assert (await come(client)).headers["location"] == "/sign-in?fault=refused"


@pytest.mark.parametrize("spoil", [
    {"iss": "https://evil.example"}, {"aud": "another"}, {"nonce": "another"}, {"nonce": None}, {"exp": 1},
    {"exp": None}, {"sub": None}, {"azp": "another"}, {"iat": 99999999999},
], ids=str)  # fmt: skip
async def test_an_id_token_that_is_not_for_us_opens_nothing(
    world: World, provider: OpenIdProvider, spoil: dict[str, object]
) -> None:
    enter_by(world, provider)
    await world.catalog.add_account(Account("m", MAIL["email"], Role.TENANT, "red.example", None), "")
    provider.person, provider.spoil = {"sub": "s-1", **MAIL}, spoil
    async with world.client() as client:
        assert (await come(client)).headers["location"] == "/sign-in?fault=refused", spoil
        assert (await client.get("/api/v1/me")).status_code == 401


async def test_a_foreign_key_opens_nothing_and_a_new_one_is_fetched(
    world: World, provider: OpenIdProvider
) -> None:
    enter_by(world, provider)
    await world.catalog.add_account(Account("m", MAIL["email"], Role.TENANT, "red.example", None), "")
    provider.person = {"sub": "s-1", **MAIL}
    async with world.client() as client:
        provider.signs_with = RSAKey.generate_key(2048, {"kid": "first"})
        assert (await come(client)).headers["location"] == "/sign-in?fault=refused"
        provider.key = provider.signs_with
        assert (await come(client)).headers["location"] == "/"


async def test_an_answer_is_taken_from_the_browser_that_asked_and_once(
    world: World, provider: OpenIdProvider
) -> None:
    enter_by(world, provider)
    await world.catalog.add_account(Account("m", MAIL["email"], Role.TENANT, "red.example", None), "")
    provider.person = {"sub": "s-1", **MAIL}
    async with world.client() as mine, world.client() as victim:
        back = await at_the_provider(mine)
        assert (await victim.get(back)).headers["location"] == "/sign-in?fault=late"
        await at_the_provider(victim)  # with an attempt of its own
        assert (await victim.get(back)).headers["location"] == "/sign-in?fault=refused"
        wrong = back.replace(parse_qs(urlsplit(back).query)["state"][0], "forged")
        assert (await mine.get(wrong)).headers["location"] == "/sign-in?fault=refused"
        assert (await mine.get(back)).headers["location"] == "/sign-in?fault=late", "the attempt is over"
        late = await at_the_provider(mine)
        later(world, minutes=12)
        assert (await mine.get(late)).headers["location"] == "/sign-in?fault=late"


async def test_a_disabled_account_stays_out_and_passwords_can_be_off(
    world: World, provider: OpenIdProvider
) -> None:
    enter_by(world, provider, local=False)
    off = Account("m", MAIL["email"], Role.TENANT, "red.example", None, disabled=True)
    await world.catalog.add_account(off, "")
    provider.person = {"sub": "s-1", **MAIL}
    async with world.client() as client:
        assert (await come(client)).headers["location"] == "/sign-in?fault=disabled"
        page = (await client.get("/sign-in")).text
        assert "Sign in with Acme" in page
        assert 'name="password"' not in page
        # The form's token has to come from somewhere else then; a password is not taken all the same.
        nonce = client.cookies["tapeline_form"]
        token = world.app.state.web.sessions.form_token(nonce)
        sent = {"login": "root", "password": "correct horse battery", "csrf": token}
        assert (await client.post("/sign-in", data=sent)).status_code == 403


async def test_a_provider_that_is_away_or_another_is_no_way_in(
    world: World, provider: OpenIdProvider
) -> None:
    enter_by(world, provider, issuer="http://127.0.0.1:9")
    async with world.client() as client:
        assert (await client.get("/sign-in/provider")).headers["location"] == "/sign-in?fault=refused"
    true = provider.issuer
    enter_by(world, provider)
    provider.issuer = "https://evil.example"
    async with world.client() as client:
        assert (await client.get("/sign-in/provider")).headers["location"] == "/sign-in?fault=refused"
    provider.issuer = true
