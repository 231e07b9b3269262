"""The transcript in a real Chromium: in step with the player, seeking by a word, search, no JavaScript."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

playwright = pytest.importorskip("playwright.async_api", reason="NO PLAYWRIGHT HERE: no page is tried")

from playwright.async_api import Browser, expect  # noqa: E402

from .serving import CHROMIUM, chromium, served  # noqa: E402
from .test_browser import enter, until  # noqa: E402
from .test_transcripts import said, spoken  # noqa: E402
from .world import World, wav  # noqa: E402

pytestmark = [
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: no page is tried"),
    pytest.mark.timeout(120),
]
LINES = (
    said("Good morning, Harbour Travel.", 1000),
    said("I would like to pay for my ferry booking, please.", 4000, 1, "102 (Bela Red)"),
    said("Of course. The ferry to Oslo?", 9000),
    said("Yes. My card is [redacted].", 13_000, 1, "102 (Bela Red)"),
    said("Who was that?", 17_000, -1, ""),
)


@pytest.fixture
async def url(world: World) -> AsyncIterator[str]:
    async with served(world) as address:
        yield address


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def test_in_step_with_the_player(world: World, url: str, browser: Browser) -> None:
    sound = wav(20)
    await world.keep("red", world.calls["red"], sound, seconds=20)
    recording_id = await spoken(world, *LINES)
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    problems = await enter(page, url, "red-101")
    await page.goto(f"{url}/recordings?text=ferry")
    await page.locator(".hits a").nth(1).click()
    await page.wait_for_url(f"{url}/recordings/{recording_id}?t=9900#said")
    media = "document.querySelector('[data-player] audio, [data-player] video')"
    await expect(page.locator(".turn.sought")).to_contain_text("Of course. The ferry")
    await until(page, f"Math.abs({media}.currentTime - 9.9) < 0.2")
    await page.locator('[data-word="6100"]').click()
    await until(page, f"Math.abs({media}.currentTime - 6.1) < 2 && !{media}.paused")
    await expect(page.locator(".turn[aria-current]")).to_contain_text("I would like to pay")
    await page.get_by_role("button", name="Play from 0:13").click()
    await until(page, f"{media}.currentTime >= 12.8 && {media}.currentTime < 16")
    await expect(page.locator(".turn[aria-current]")).to_contain_text("My card")
    await page.get_by_role("button", name="Play from 0:13").press("ArrowUp")
    await expect(page.get_by_role("button", name="Play from 0:09")).to_be_focused()
    await page.locator("[data-find]").fill("FERRY BOOK")
    await expect(page.locator(".found")).to_have_text(["ferry", "booking,"])
    await page.locator("[data-find]").fill("ferry")
    await expect(page.locator("[data-found]")).to_have_text("1 of 2")
    await page.locator("[data-find]").press("Enter")
    await expect(page.locator("[data-found]")).to_have_text("2 of 2")
    await page.locator("[data-find]").fill("yacht")
    await expect(page.locator("[data-found]")).to_have_text("not found")
    assert problems == []
    if folder := os.environ.get("PICTURES"):
        await page.locator("[data-find]").fill("ferry")
        await page.screenshot(path=Path(folder) / "transcript-1440.png", full_page=True)
        await page.set_viewport_size({"width": 390, "height": 800})
        await page.emulate_media(color_scheme="dark")
        await page.screenshot(path=Path(folder) / "transcript-390-dark.png", full_page=True)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await page.goto(f"{url}/recordings?text=ferry")
        await page.screenshot(path=Path(folder) / "hits-390-dark.png")


async def test_without_javascript_it_is_text(world: World, url: str, browser: Browser) -> None:
    recording_id = await spoken(world, *LINES)
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await enter(page, url, "red-101")
    await page.goto(f"{url}/recordings/{recording_id}?t=9900#said")
    await expect(page.locator(".turn").nth(1)).to_contain_text("102 (Bela Red)")
    await expect(page.locator(".turn").nth(1)).to_contain_text("0:04")
    await expect(page.locator("[data-find]")).to_be_hidden()
    await expect(page.get_by_role("button", name="Play from 0:04")).to_be_hidden()
