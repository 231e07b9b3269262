"""German in a real browser: words that are long fit a telephone, and scripts speak the page's language."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.async_api", reason="NO PLAYWRIGHT HERE: pages are not tried in a browser")

from playwright.async_api import Browser

from controller.web.language import LANGUAGES

from .every_page import addresses, furnish
from .serving import CHROMIUM, chromium, served
from .test_axe import picture
from .world import PASSWORD, World

pytestmark = [
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: pages are not tried in a browser"
    ),
    pytest.mark.timeout(600),  # a machine with other things to do takes long
]


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.mark.parametrize("code", LANGUAGES[1:])
async def test_no_page_is_wider_than_a_telephone(world: World, browser: Browser, code: str) -> None:
    known, wide = await furnish(world), {}
    complaints: list[str] = []
    async with served(world) as url:
        context = await browser.new_context(locale=code, viewport={"width": 390, "height": 844})
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        take = picture(page, code, 390)
        await page.goto(f"{url}/sign-in")
        assert await page.get_attribute("html", "lang") == code
        await page.locator("[name=login]").fill("root")
        await page.locator("[name=password]").fill(PASSWORD)
        await page.locator("form button").click()
        await page.wait_for_url(f"{url}/recordings")
        for _route, address in addresses(known, "root"):
            await page.goto(url + address)
            await take(address)
            width = await page.evaluate("document.documentElement.scrollWidth")
            if width > 390:
                wide[address] = width
        assert not wide
        # Scripts count what is ticked, in the page's words.
        await page.goto(f"{url}/recordings")
        await page.locator(".row input[name=recording]").first.check()
        said = await page.locator("[data-count]").text_content()
        assert said != "1 selected"
        assert said
        assert said.startswith("1 ")
        assert not complaints
