"""In a real Chromium: sign in, list, filter, play, CDR, live pause; with and without JavaScript."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

playwright = pytest.importorskip(
    "playwright.async_api", reason="NO PLAYWRIGHT HERE: pages are not tried in a browser"
)

from playwright.async_api import Browser, Page, expect  # noqa: E402

from controller.core.rules import Mode, PolicyRule, PolicyScope, Setting  # noqa: E402
from controller.engine.reading import Scope, UserSettings  # noqa: E402
from tests.catalog.story import inside, outside  # noqa: E402
from tests.policies import policy_of  # noqa: E402

from .serving import CHROMIUM, chromium, served  # noqa: E402
from .world import PASSWORD, World, begin_live  # noqa: E402

pytestmark = [
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: pages are not tried in a browser"
    ),
    pytest.mark.timeout(120),
]


@pytest.fixture
async def url(world: World) -> AsyncIterator[str]:
    async with served(world) as address:
        yield address


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def enter(page: Page, url: str, login: str) -> list[str]:
    """Sign in; the list collects what the console complains of (a broken policy shows there)."""
    problems: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: problems.append(str(e)))
    await page.goto(f"{url}/calls")
    await page.get_by_label("Login").fill(login)
    await page.get_by_label("Password").fill(PASSWORD)
    await page.get_by_role("button", name="Sign in").click()
    await page.wait_for_url(f"{url}/calls")
    return problems


async def until(page: Page, condition: str) -> None:
    """Playwright's own wait_for_function needs eval, which the pages' policy forbids."""
    deadline = time.monotonic() + 10
    while not await page.evaluate(condition):
        assert time.monotonic() < deadline, condition
        await asyncio.sleep(0.02)


async def test_from_sign_in_to_the_live_pause(world: World, url: str, browser: Browser) -> None:
    page = await browser.new_page()
    problems = await enter(page, url, "red-admin")
    await page.get_by_role("link", name="Call Recordings").click()
    rows = page.locator(".row")
    await expect(rows).to_have_count(4)
    await page.locator("summary", has_text="Filters").click()
    await page.get_by_label("Party", exact=True).fill("Bela")
    await page.get_by_role("button", name="Apply").click()
    await expect(rows).to_have_count(1)
    assert "party=Bela" in page.url

    await rows.first.locator(".parties").dblclick()
    await until(page, "document.querySelector('.mini audio')?.currentTime > 0")
    listened = [e for e in await world.catalog.audit_entries(Scope(None)) if e.action == "listen"]
    assert len(listened) == 1

    await page.get_by_label("Action").click()
    await page.locator(".menu").get_by_role("link", name="Play").click()
    await page.wait_for_url(f"**/recordings/{world.recordings['red']}")
    await expect(page.locator("rect.silence")).to_have_count(1)
    await page.get_by_role("button", name="Play", exact=True).click()
    await until(page, "document.querySelector('audio').currentTime > 0.1")
    await page.locator("[data-seek]").click(position={"x": 10, "y": 20})
    await page.get_by_label("Forward 10 seconds").click()
    # The sound is one second long: +10 s goes to its end and no further.
    await until(page, "document.querySelector('audio').currentTime >= 0.99")
    await page.get_by_label("Speed").select_option("2")
    assert await page.evaluate("document.querySelector('audio').playbackRate") == 2

    await page.get_by_role("main").get_by_role("link", name="CDR").last.click()
    await page.wait_for_url(f"**/calls/{world.calls['red']}")
    await expect(page.get_by_text("Why was this call recorded, or not?")).to_be_visible()
    await expect(page.get_by_text("Recorded because tenant red.example has audio on.").first).to_be_visible()

    await page.get_by_role("link", name="Live Calls").click()
    await expect(page.locator("[data-stream]")).to_have_text("Live")
    card = page.locator(f"#call-{world.calls['live-red']}")
    await card.get_by_role("button", name="Pause").click()
    await expect(card.get_by_role("button", name="Resume")).to_be_visible()
    await expect(card.get_by_text("audio paused")).to_be_visible()
    # Somebody resumes by phone: the card follows by itself.
    world.story.ask("resume-audio-recording", "live-red-a")
    world.control.publish()
    await expect(card.get_by_role("button", name="Pause")).to_be_visible()
    assert problems == []
    # A failure is said, and nothing pretends to have happened.
    world.control.link_down = True
    await card.get_by_role("button", name="Pause").click()
    await expect(card.get_by_role("alert")).to_contain_text("The switch cannot be reached")
    await expect(card.get_by_text("audio recording", exact=False).first).to_be_visible()
    world.story.hang_up("live-red-a", "live-red-b")
    world.control.publish()
    await expect(card).to_have_count(0)
    await expect(page.get_by_text("No calls at the moment")).to_be_visible()


async def test_a_change_says_what_it_will_do_and_goes_back_when_it_cannot_be_saved(
    world: World, url: str, browser: Browser
) -> None:
    await world.catalog.set_user(UserSettings("red.example", "101", "Anna", Setting.OFF))
    page = await browser.new_page()
    problems = await enter(page, url, "root")
    await page.goto(f"{url}/advanced/general")
    toggle = page.get_by_role("switch", name="Record the call between external numbers")
    await toggle.focus()
    await page.keyboard.press("Space")
    # Told while the form changes, and saved by a button only.
    told = page.locator("[data-forecast]")
    await expect(told).to_contain_text("answered calls")
    assert not (await world.catalog.policy()).record_external
    await page.locator("form[action$='/general'] .primary").click()
    await expect(page.get_by_text("record_external: off → on")).to_be_visible()
    assert (await world.catalog.policy()).record_external
    await page.goto(f"{url}/users?tenant=red.example&q=Anna")
    audio = page.get_by_label("Record Audio Calls of 101")
    await audio.select_option("require")
    # First it is said what it would do; nothing is saved by that.
    asked = page.get_by_role("region", name="Before it is saved")
    await expect(asked).to_contain_text("Record Audio Calls: Off → Required")
    await expect(asked).to_contain_text("calls a day")
    assert [u.audio for u in await world.catalog.users(Scope("red.example", "101"))] == [Setting.OFF]
    await asked.get_by_role("link", name="Cancel").click()
    await expect(audio).to_have_value("off")
    await expect(asked).to_have_count(0)
    await audio.select_option("require")
    await asked.get_by_role("button", name="Save").click()
    await expect(page.locator("#toast")).to_have_text("Saved.")
    await expect(asked).to_have_count(0)
    (user,) = await world.catalog.users(Scope("red.example", "101"))
    assert (user.audio, user.name) == (Setting.REQUIRE, "Anna")
    assert problems == []
    await page.evaluate("document.querySelector('[data-ask-first] [name=csrf]').value = 'f'.repeat(64)")
    await audio.select_option("off")
    await expect(page.locator("#toast")).to_contain_text("Load the page again")
    await expect(audio).to_have_value("require")
    assert [u.audio for u in await world.catalog.users(Scope("red.example", "101"))] == [Setting.REQUIRE]


async def test_a_provisional_recording_is_kept_from_the_live_page(
    world: World, url: str, browser: Browser
) -> None:
    rule = PolicyRule(PolicyScope.USER, "red.example", "101", Setting.ON, mode=Mode.ON_DEMAND)
    world.story.desk.policy = policy_of(rule)
    call = begin_live(world.story, "demand", inside("101"), outside("+49301"))
    page = await browser.new_page()
    problems = await enter(page, url, "red-admin")
    await page.goto(f"{url}/live")
    card = page.locator(f"#call-{call.call_id}")
    await expect(card.get_by_text("provisional")).to_be_visible()
    await card.get_by_role("button", name="Keep").click()
    await expect(card.get_by_text("provisional")).to_have_count(0)
    await expect(card.get_by_role("alert")).to_have_text("Kept from its beginning.")
    await expect(card.get_by_role("button", name="Keep")).to_have_count(0)
    assert not call.recordings[0].provisional
    await card.get_by_role("button", name="Stop").click()
    await expect(card.get_by_text("not recorded")).to_be_visible()
    await expect(card.get_by_role("button", name="Start recording")).to_be_visible()
    assert problems == []


async def test_everything_reads_and_pauses_without_javascript(
    world: World, url: str, browser: Browser
) -> None:
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await enter(page, url, "red-admin")
    await page.get_by_role("link", name="Call Recordings").click()
    await expect(page.locator(".row")).to_have_count(4)
    await page.locator(".row", has_text="Bela").get_by_role("link").first.click()
    await expect(page.locator("audio[controls]")).to_be_visible()
    await page.get_by_role("link", name="Live Calls").click()
    await page.get_by_role("button", name="Pause").click()
    await expect(page.get_by_role("alert").first).to_have_text("Paused.")
    await expect(page.get_by_role("button", name="Resume")).to_be_visible()
    await page.get_by_role("link", name="General › Options").click()
    await page.get_by_label("Enable extension video recording").select_option("on")
    await page.get_by_label("Code 5", exact=True).fill("*4")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("*4 is the beginning of *48.")).to_be_visible()
    await expect(page.get_by_label("Code 5", exact=True)).to_have_value("*4")
    await page.get_by_label("Code 5", exact=True).fill("*7")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("Saved.")).to_be_visible()
    (tenant,) = await world.catalog.tenants(Scope("red.example"))
    assert (tenant.video, str(tenant.options.codes["*7"])) == (Setting.ON, "pause-recording")
    await page.get_by_role("link", name="Trunks and rules").click()
    await page.get_by_role("link", name="Add a rule", exact=True).click()
    await page.get_by_label("Name").fill("Sales")
    await page.get_by_label("Audio").select_option("forbid")
    await page.get_by_role("button", name="Save").click()
    await page.get_by_role("link", name="Explain").click()
    await page.get_by_label("Who calls").fill("+4930")
    await page.get_by_label("Who is called").fill("101")
    await page.get_by_text("It comes through a queue").click()
    await page.get_by_label("Queue").fill("Sales")
    await page.get_by_role("button", name="Explain").click()
    await expect(page.get_by_text("Not recorded because queue Sales forbids audio")).to_be_visible()
    await context.close()


@pytest.mark.parametrize("width", [390, 1440])
async def test_no_page_is_wider_than_the_screen(world: World, url: str, browser: Browser, width: int) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 800})
    page = await context.new_page()
    await enter(page, url, "root")
    await world.catalog.set_user(UserSettings("red.example", "101", "A" * 90))
    await world.catalog.set_rule(PolicyRule(PolicyScope.QUEUE, "red.example", "q" * 190, Setting.FORBID))
    for path in (
        "/recordings", f"/recordings/{world.recordings['red']}", "/calls", f"/calls/{world.calls['red']}",
        "/live", "/users", "/users/red.example/101", "/company/options?tenant=red.example", "/rules",
        "/rules/edit", f"/rules/edit?scope=queue&tenant=red.example&name={'q' * 190}", "/advanced/general",
        f"/explain?tenant=red.example&caller=101&callee={'5' * 190}&queue={'q' * 190}",
        "/audit", "/account", "/api-docs",
    ):  # fmt: skip
        await page.goto(url + path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
    await context.close()
