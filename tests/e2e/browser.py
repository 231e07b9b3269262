"""The page of live calls in Chromium: signed in, and its buttons pressed by the browser's own clock."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Page, expect

from tests.web.serving import chromium

from .system import System

#: What feels like at once (a blink is 100 to 400 ms). The page says by then that it has asked.
BLINK_MS = 200

#: From the click that the browser sees to the words that it shows, by the browser's own clock. The card may
#: be drawn again in between, so it is looked for each time.
_WATCH = """([id, wait]) => {
    window.asked = new Promise((done, failed) => {
        let clicked = 0;
        const note = event => { clicked = event.timeStamp; };
        document.addEventListener("click", note, {capture: true, once: true});
        const late = setTimeout(() => failed("nothing was said"), wait);
        const look = new MutationObserver(() => {
            const said = document.querySelector(`#call-${id} [data-said]`);
            if (!clicked || !said || said.hidden || !said.classList.contains("asking")) return;
            look.disconnect();
            clearTimeout(late);
            const text = said.textContent;
            requestAnimationFrame(() => done({ms: performance.now() - clicked, text}));
        });
        const all = {subtree: true, childList: true, attributes: true, characterData: true};
        look.observe(document.querySelector("[data-live]"), all);
    });
    window.asked.catch(() => 0);
}"""


@asynccontextmanager
async def live_page(system: System, login: str = "admin") -> AsyncIterator[Page]:
    async with chromium() as browser:
        page = await browser.new_page()
        await page.goto(f"{system.controller.url}/live")
        await page.get_by_label("Login").fill(login)
        await page.get_by_label("Password").fill("correct horse battery")
        await page.get_by_role("button", name="Sign in").click()
        await page.goto(f"{system.controller.url}/live")
        await expect(page.locator("[data-stream]")).to_have_text("Live")
        yield page


async def press(page: Page, call_id: str, name: str) -> dict[str, Any]:
    """Click a button of the call's card: what the page says at once, and after how long."""
    await page.evaluate(_WATCH, [call_id, 5000])
    await page.locator(f"#call-{call_id}").get_by_role("button", name=name, exact=True).click()
    asked: dict[str, Any] = await page.evaluate("window.asked")
    assert asked["text"] == f"{name}: asking the switch…", asked
    assert asked["ms"] < BLINK_MS, asked
    return asked
