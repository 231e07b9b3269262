"""Live calls in a real Chromium: a button says at once what it does, a reconnection drops no call unseen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.async_api", reason="NO PLAYWRIGHT HERE: pages are not tried in a browser")

from playwright.async_api import Browser, expect

from .serving import CHROMIUM, chromium, served
from .test_browser import enter
from .world import World

pytestmark = [
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: pages are not tried in a browser"
    ),
    pytest.mark.timeout(120),
]

#: A blink takes a tenth of a second or more.
BLINK_MS = 100
CLICKED = """() => new Promise((done) => {
  const said = document.querySelector('[data-call] [data-said]');
  const card = said.closest('[data-call]');
  const began = performance.now();
  new MutationObserver(() => said.hidden || done([performance.now() - began, said.textContent]))
    .observe(said, { attributes: true, childList: true });
  card.querySelector('button[value=pause-recording]').click();
})"""


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def test_a_button_answers_within_a_blink_and_says_that_it_only_asks(
    world: World, browser: Browser
) -> None:
    async with served(world) as url:
        page = await browser.new_page()
        problems = await enter(page, url, "red-admin")
        await page.goto(f"{url}/live")
        await expect(page.locator("[data-stream]")).to_have_text("Live")
        took, text = await page.evaluate(CLICKED)
        print(f"the button said something after {took:.1f} ms")
        assert took < BLINK_MS
        assert text == "Pause: asking the switch…"
        await expect(page.get_by_text("audio paused")).to_be_visible()
        assert problems == []


async def test_a_slow_reconnection_drops_no_call_that_is_up(world: World, browser: Browser) -> None:
    async with served(world) as url:
        page = await browser.new_page()
        await page.add_init_script(
            "const Real = EventSource;"
            "window.EventSource = function (...a) { return (window.source = new Real(...a)); };"
        )
        await enter(page, url, "red-admin")
        await page.goto(f"{url}/live")
        card = page.locator(f"#call-{world.calls['live-red']}")
        await expect(card).to_be_visible()
        await expect(page.locator("[data-stream]")).to_have_text("Live")
        # Open again, and the controller takes long to say what is up: longer than any fixed time.
        await page.evaluate("source.dispatchEvent(new Event('open'))")
        await page.wait_for_timeout(2500)
        await expect(card).to_be_visible()
        # It was not among what is up: now it is known to have ended.
        await page.evaluate("source.dispatchEvent(new MessageEvent('complete', { data: '' }))")
        await expect(card).to_have_count(0)
