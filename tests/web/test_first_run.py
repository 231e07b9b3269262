"""The first run: open to nobody without the token, once; then the switches, users and a call, watched."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from controller.core.errors import TapelineError
from controller.engine.ports import Check
from controller.engine.reading import Scope
from controller.web.first_run import Guide, Newcomers
from tests.catalog.story import inside

from .serving import CHROMIUM, chromium, served
from .test_browser import until
from .world import World, form_token, opened, wav

PASSWORD = "quite a long passphrase"
FORM = {"login": "ada", "password": PASSWORD, "again": PASSWORD}


class SwitchUsers:
    """A switch whose directory has two users until they are made."""

    switches = ("fs1", "mute")

    def __init__(self, world: World) -> None:
        self.world = world

    async def look(self, switch: str) -> Newcomers:
        if switch == "mute":
            raise TapelineError("it does not answer")
        known = {u.user for u in await self.world.catalog.users(Scope("acme.test"))}
        new = tuple(("acme.test", u, f"Name {u}") for u in ("101", "102") if u not in known)
        return Newcomers(("acme.test",) if new else (), new, 2 - len(new))

    async def make(self, switch: str) -> Newcomers:
        from controller.engine.ports import DirectoryUser

        found = await self.look(switch)
        await self.world.catalog.import_users([DirectoryUser(t, u, n) for t, u, n in found.users])
        return found


@pytest.fixture
async def fresh(tmp_path: Path) -> AsyncIterator[World]:
    async with opened(tmp_path) as world:
        guide = guide_of(world)

        async def doctor() -> list[tuple[str, list[Check]]]:
            bad = Check("storage", False, "/ cannot be written", "set storage.path to a folder of this user")
            good = Check("database", True, "reachable, its schema is current")
            return [("this machine", [good]), ("switch fs1 (freeswitch)", [bad])]

        guide.doctor, guide.users = doctor, SwitchUsers(world)
        yield world


def guide_of(world: World) -> Guide:
    found: Guide = world.app.state.web.guide
    return found


async def test_without_the_token_nobody_makes_anything(fresh: World) -> None:
    async with fresh.client() as stranger:
        for token in ("", "x", guide_of(fresh).token[:-1], "é"):
            page = await stranger.get("/first-run", params={"token": token})
            assert (page.status_code, 'name="login"' in page.text) == (403, False)
            sent = await stranger.post("/first-run", data={**FORM, "token": token})
            assert (sent.status_code, 'name="login"' in sent.text) == (403, False)
        for path in ("switches", "users", "call", "call/now"):
            assert (await stranger.get(f"/first-run/{path}")).status_code == 303
    assert await fresh.catalog.accounts(Scope(None)) == []


async def test_the_token_makes_one_administrator_once(fresh: World) -> None:
    token = guide_of(fresh).token
    async with fresh.client() as browser:
        page = await browser.get("/first-run", params={"token": token})
        assert page.headers["referrer-policy"] == "no-referrer"
        for wrong, said in (
            ({"password": "short", "again": "short"}, "characters"),
            ({"again": "another"}, "not the same twice"), ({"login": "a b"}, "without blanks"),
        ):  # fmt: skip
            answer = await browser.post("/first-run", data={**FORM, "token": token, **wrong})
            assert answer.status_code == 422, answer.text
            assert said in answer.text
        made = await browser.post("/first-run", data={**FORM, "token": token})
        assert (made.status_code, made.headers["location"]) == (303, "/first-run/switches")
        assert (await browser.get("/first-run/switches")).status_code == 200
    [account] = await fresh.catalog.accounts(Scope(None))
    assert (account.login, str(account.role)) == ("ada", "system_administrator")
    [line] = [e for e in await fresh.catalog.audit_entries(Scope(None)) if e.action == "account made"]
    assert "first run" in line.detail
    assert PASSWORD not in str(line)
    async with fresh.client() as again:
        assert (await again.get("/first-run", params={"token": token})).headers["location"] == "/sign-in"
        late = await again.post("/first-run", data={**FORM, "login": "eve", "token": token})
        assert late.headers["location"] == "/sign-in"
    assert len(await fresh.catalog.accounts(Scope(None))) == 1


async def test_of_two_at_once_one_is_made(fresh: World) -> None:
    token = guide_of(fresh).token
    async with fresh.client() as one, fresh.client() as other:
        await asyncio.gather(
            one.post("/first-run", data={**FORM, "token": token}),
            other.post("/first-run", data={**FORM, "login": "eve", "token": token}),
        )
    assert len(await fresh.catalog.accounts(Scope(None))) == 1


async def test_it_is_closed_where_there_are_accounts(world: World) -> None:
    async with world.client() as stranger:
        page = await stranger.get("/first-run", params={"token": guide_of(world).token})
        assert page.headers["location"] == "/sign-in"
    async with world.browser("red-admin") as red:
        assert (await red.get("/first-run/switches")).status_code == 403


async def test_switches_and_users(fresh: World) -> None:
    async with fresh.client() as browser:
        await browser.post("/first-run", data={**FORM, "token": guide_of(fresh).token})
        switches = (await browser.get("/first-run/switches")).text
        assert "set storage.path to a folder of this user" in switches
        assert "1 thing is not as it should be" in switches
        dry = (await browser.get("/first-run/users")).text
        assert "2 users would be made" in dry
        assert "it does not answer" in dry
        assert await fresh.catalog.users(Scope(None)) == []
        body = {"csrf": form_token(dry), "switch": "fs1", "record": "1"}
        made = await browser.post("/first-run/users", data=body)
        assert "Made 2 users. Their calls are recorded from now on." in made.text
        failed = await browser.post("/first-run/users", data={**body, "switch": "mute"})
        assert (failed.status_code, "it does not answer" in failed.text) == (503, True)
        assert (await browser.post("/first-run/users", data={**body, "switch": "x"})).status_code == 404
    assert [u.user for u in await fresh.catalog.users(Scope(None))] == ["101", "102"]
    [tenant] = await fresh.catalog.tenants(Scope(None))
    assert str(tenant.audio) == "on"
    told = {(e.action, e.subject) for e in await fresh.catalog.audit_entries(Scope(None))}
    assert ("users imported", "switch fs1") in told


async def test_a_call_is_watched_until_it_can_be_heard(fresh: World) -> None:
    async with fresh.client() as browser:
        await browser.post("/first-run", data={**FORM, "token": guide_of(fresh).token})
        since = {"since": fresh.story.at.isoformat()}
        assert "Call from one phone to another" in (await browser.get("/first-run/call")).text
        assert (await browser.get("/first-run/call/now", params={"since": "soon"})).status_code == 422
        fresh.story.wait(1)
        call = talking(fresh)
        await fresh.story.save(fresh.catalog, "fs1")
        seen = (await browser.get("/first-run/call/now", params=since)).text
        assert "Recording</span>" in seen
        assert "Ada One" in seen
        fresh.story.wait(4)
        fresh.story.hang_up("t-a", "t-b")
        await fresh.story.save(fresh.catalog, "fs1")
        assert "Being stored" in (await browser.get("/first-run/call/now", params=since)).text
        await fresh.keep("test", call, wav(4), seconds=4)
        heard = (await browser.get("/first-run/call/now", params=since)).text
        assert f"/api/v1/recordings/{fresh.recordings['test']}/audio" in heard
        assert "data-done" in heard


def talking(world: World) -> str:
    story = world.story
    story.start("t-a", inside("101", name="Ada One"))
    story.start("t-b", inside("102", name="Ben Two"), origin="t-a")
    story.answer("t-b", "t-a")
    story.bridge("b-t", "t-a", "t-b")
    return story.running[-1].call_id


@pytest.mark.chromium
@pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: pages are not tried in a browser"
)
@pytest.mark.parametrize("width", [1440, 390])
async def test_the_whole_of_it_in_a_browser(fresh: World, width: int) -> None:
    from .test_axe import faults

    async with served(fresh) as url, chromium() as browser:
        page = await browser.new_page(viewport={"width": width, "height": 850})
        told: list[Any] = []
        page.on("console", lambda m: told.append(m.text) if m.type == "error" else None)

        async def fine(name: str) -> None:
            assert await faults(page) == []
            wide = await page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, f"{name} is {wide} wide"

        await page.goto(f"{url}/first-run?token={guide_of(fresh).token}")
        await fine("administrator")
        await page.get_by_label("Login").fill("ada")
        await page.get_by_label("Password", exact=True).fill(PASSWORD)
        await page.get_by_label("Password again").fill(PASSWORD)
        await page.get_by_role("button", name="Make the administrator").click()
        await page.wait_for_url("**/first-run/switches")
        await fine("switches")
        await page.get_by_role("link", name="Go on to users").click()
        await fine("users")
        await page.get_by_role("button", name="Make these users").click()
        await page.get_by_text("Made 2 users").wait_for()
        await page.get_by_role("link", name="Go on to a test call").click()
        await page.get_by_text("Waiting").wait_for()
        await fine("call")
        fresh.story.wait(2)
        call = talking(fresh)
        await page.get_by_text("Ada One").wait_for()
        await page.get_by_text("Recording", exact=True).wait_for()
        await fine("recording")
        fresh.story.wait(4)
        fresh.story.hang_up("t-a", "t-b")
        await fresh.story.save(fresh.catalog, "fs1")
        await fresh.keep("test", call, wav(4), seconds=4)
        await page.locator("audio").wait_for()
        await until(page, "document.querySelector('audio').readyState >= 1")
        await fine("heard")
        await page.get_by_role("link", name="To the recordings").click()
        await page.wait_for_url("**/recordings")
        assert told == []
