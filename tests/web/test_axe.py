"""Every page of every role through axe-core, on a phone and on a desk, light and dark: nothing serious.

With TAPELINE_PICTURES set to a folder, a picture of each is left there.
"""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.async_api", reason="NO PLAYWRIGHT HERE: pages are not tried in a browser")
axe = pytest.importorskip(
    "axe_playwright_python.async_playwright", reason="NO AXE HERE: accessibility is not tried"
)

from playwright.async_api import Browser, Page  # noqa: E402

from controller.core.roles import Role  # noqa: E402

from .every_page import addresses, file_of, furnish  # noqa: E402
from .serving import CHROMIUM, chromium, served  # noqa: E402
from .test_browser import enter  # noqa: E402
from .test_roles import ROLES  # noqa: E402
from .world import World  # noqa: E402

pytestmark = [
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: pages are not tried in a browser"
    ),
    pytest.mark.timeout(900),  # a machine with other things to do takes long
]

GRAVE = ("serious", "critical")
RULES = {"resultTypes": ["violations"], "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
#: What depends on colours and places, and may be another in the dark or on a phone. Everything else is in the
#: text of the page, which is the same; to look for it again would double the time.
SEEN_ONLY = {"resultTypes": ["violations"], "runOnly": ["color-contrast", "target-size"]}
PICTURES = os.environ.get("TAPELINE_PICTURES")

#: What opens only when somebody opens it: (route, what is pressed).
OPENED: dict[str, list[str]] = {
    "/recordings": [
        "document.querySelector('.row .menu').open = true",
        "document.querySelector('details.more').open = true",
        "[...document.querySelectorAll('.views .menu')].forEach((m) => (m.open = true))",
        "document.getElementById('keys').showModal()",
    ],
    "/calls": ["document.querySelector('.menu').open = true"],
    "/recordings/{recording_id}": ["document.querySelector('.menu')?.setAttribute('open', '')"],
}


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def faults(page: Page, rules: dict[str, Any] = RULES) -> list[str]:
    """Axe itself comes with each page (`with_axe`), it is large; into any other it is put here."""
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe.Axe().axe_script)
    found: dict[str, Any] = await page.evaluate(f"axe.run(document, {rules!r})")
    return [
        f"{v['id']} ({v['impact']}): {node['html'][:160]}"
        for v in found["violations"]
        if v["impact"] in GRAVE
        for node in v["nodes"]
    ]


async def with_axe(browser: Browser, **more: Any) -> Page:
    context = await browser.new_context(**more)
    await context.add_init_script(axe.Axe().axe_script)
    return await context.new_page()


def picture(page: Page, role: str, width: int) -> Callable[[str], Any]:
    async def take(address: str) -> None:
        if PICTURES:
            folder = Path(PICTURES) / f"{role}-{width}"
            folder.mkdir(parents=True, exist_ok=True)
            await page.screenshot(path=folder / f"{file_of(address)}.png", full_page=True)

    return take


def bare(html: str) -> str:
    """What a page has in its middle, without what is another with every session."""
    middle = html[html.index("<main") : html.index("</main>")]
    return re.sub(r'value="[0-9a-f]{64}"|nonce="[^"]+"|batch-[a-z0-9-]+|share-[a-z0-9-]+', "", middle)


# Colours depend on the scheme and places on the width, neither on the other: the desk is light, the phone
# dark. What two roles see alike is looked at once; the frame of each role is.
@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
async def test_axe_finds_nothing_serious(world: World, browser: Browser, scheme: Any, width: int) -> None:
    known, seen = await furnish(world), set[int]()
    rules = RULES if scheme == "light" else SEEN_ONLY
    found: dict[str, list[str]] = {}
    looked = 0
    async with served(world) as url:
        for role, who in ROLES.items():
            page = await with_axe(browser, color_scheme=scheme, viewport={"width": width, "height": 900})
            take = picture(page, str(role), width)
            await enter(page, url, who)
            if here := await faults(page, rules):
                found[f"the frame of {role}"] = here
            for route, address in addresses(known, who):
                answer = await page.request.get(url + address)
                mark = hash(bare(await answer.text()))
                if mark in seen and not PICTURES:
                    continue
                seen.add(mark)
                looked += 1
                await page.goto(url + address)
                await take(address)
                if here := await faults(page, rules):
                    found[f"{role}: {address}"] = here
                wide = await page.evaluate("document.documentElement.scrollWidth")
                if wide > width:
                    found.setdefault(f"{role}: {address}", []).append(f"{wide} wide at {width}")
                # Menus and panels open alike for everybody.
                for press in OPENED.get(route, ()) if "?" not in address and role is Role.SYSTEM else ():
                    await page.evaluate(press)
                    # What is covered by an open menu is smaller than it is.
                    if here := [f for f in await faults(page, rules) if not f.startswith("target-size")]:
                        found[f"{role}: {address}: {press}"] = here
            await page.context.close()
    assert looked >= 60
    assert not found, "\n".join(f"{where}: {what}" for where, what in found.items())


async def test_axe_would_find_something(world: World, browser: Browser) -> None:
    """The walk is not blind: what is taken away is missed."""
    async with served(world) as url:
        page = await with_axe(browser)
        await enter(page, url, "root")
        assert await faults(page) == []
        await page.evaluate("document.querySelector('input[type=search]').closest('label').replaceWith("
                            "document.querySelector('input[type=search]'))")  # fmt: skip
        await page.evaluate("document.querySelector('input[type=search]').removeAttribute('placeholder')")
        assert [fault.split()[0] for fault in await faults(page)] == ["label"]
