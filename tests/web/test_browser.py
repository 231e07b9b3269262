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

from controller.engine.reading import Scope  # noqa: E402

from .serving import CHROMIUM, chromium, served  # noqa: E402
from .world import PASSWORD, World  # noqa: E402

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
    await page.get_by_label("Party").fill("Bela")
    await page.get_by_role("button", name="Filter").click()
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
    await expect(
        page.get_by_text("tenant red.example has every extension's audio recorded").first
    ).to_be_visible()

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


async def test_a_toggle_saves_itself_and_goes_back_when_it_could_not(
    world: World, url: str, browser: Browser
) -> None:
    page = await browser.new_page()
    await enter(page, url, "red-admin")
    await page.goto(f"{url}/company/options")
    toggle = page.get_by_role("switch", name="Enable extension audio recording")
    await toggle.focus()
    await page.keyboard.press("Space")
    await expect(page.locator("#toast")).to_have_text("Saved.")
    assert (await world.catalog.policy()).tenants["red.example"].audio
    await page.evaluate("document.querySelector('[data-autosave] [name=csrf]').value = 'f'.repeat(64)")
    await page.keyboard.press("Space")
    await expect(page.locator("#toast")).to_contain_text("out of date")
    await expect(toggle).to_be_checked()
    assert (await world.catalog.policy()).tenants["red.example"].audio


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
    await page.locator("label", has_text="Enable extension video recording").click()
    await page.get_by_role("button", name="Save").click()
    assert (await world.catalog.policy()).tenants["red.example"].video
    await context.close()


@pytest.mark.parametrize("width", [390, 1440])
async def test_no_page_is_wider_than_the_screen(world: World, url: str, browser: Browser, width: int) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 800})
    page = await context.new_page()
    await enter(page, url, "root")
    for path in (
        "/recordings", f"/recordings/{world.recordings['red']}", "/calls", f"/calls/{world.calls['red']}",
        "/live", "/users", "/company/options", "/advanced/general", "/audit", "/account", "/api-docs",
    ):  # fmt: skip
        await page.goto(url + path)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, path
    await context.close()
