"""Pictures of every page, with an ordinary Monday in the catalog, in a real Chromium.

python -m tests.web.pictures DIR        # pictures into DIR, and docs/images/catalog.png
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.async_api import Browser
from pwdlib import PasswordHash

from controller.engine.ports import LinkState, SwitchStatus

from .every_page import addresses, file_of, furnish
from .serving import chromium, served
from .showcase import monday
from .test_browser import enter
from .world import PASSWORD, World, opened, populate


async def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as temp:
        async with opened(Path(temp)) as world:
            await populate(world, PasswordHash.recommended().hash(PASSWORD))
            known = await furnish(world)
            for call in list(world.story.running):
                world.story.hang_up(*call.legs)
            await world.story.save(world.catalog, "fs1")
            await monday(world)
            since = datetime.now(UTC) - timedelta(hours=3)
            world.control.statuses = [
                SwitchStatus("fs-berlin-1", "freeswitch", LinkState.UP, since, "1.10.12"),
                SwitchStatus("ast-oslo", "asterisk", LinkState.UP, since, "22.6.0"),
            ]
            async with served(world) as url, chromium() as browser:
                for width, height, scheme in ((1440, 900, "light"), (390, 844, "light"), (1440, 900, "dark")):
                    await pictures(browser, world, url, folder, width, height, scheme)
                    await every_page(browser, url, folder / f"{width}-{scheme}", known, width, scheme)


async def pictures(
    browser: Browser, world: World, url: str, folder: Path, width: int, height: int, scheme: str
) -> None:
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        timezone_id="Europe/Berlin",  # type: ignore[arg-type]
    )
    page = await context.new_page()
    problems: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda e: problems.append(str(e)))
    tag = f"{width}-{scheme}"

    async def shot(name: str, *, full: bool = False) -> None:
        wide = await page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            problems.append(f"{name} is {wide} wide at {width}")
        await page.screenshot(path=folder / f"{name}-{tag}.png", full_page=full)

    await page.goto(f"{url}/sign-in")
    await shot("sign-in")
    await page.fill("[name=login]", "dana@acme.example")
    await page.fill("[name=password]", PASSWORD)
    await page.click("button[type=submit]")
    await page.wait_for_url("**/recordings")
    await shot("recordings")
    await page.locator(".row .parties").nth(2).dblclick()
    await page.wait_for_timeout(500)
    await shot("mini")
    await page.goto(f"{url}/recordings")
    if tag == "1440-light":
        await page.screenshot(path=Path("docs/images/catalog.png"))
    if width < 500:
        await page.click(".bar a.button")
        await shot("menu")
        await page.goto(f"{url}/recordings")
    await page.locator(".row .menu summary").nth(1).click()
    await shot("recordings-menu")
    await page.keyboard.press("Escape")
    await page.goto(f"{url}/recordings/{world.recordings['monday-last']}")
    await page.click("[data-toggle]")
    await page.wait_for_timeout(1500)
    await page.locator("[data-seek]").click(position={"x": 260 if width > 500 else 160, "y": 30})
    await page.wait_for_timeout(300)
    await page.click("[data-toggle]")
    await shot("recording", full=True)
    await page.goto(f"{url}/calls")
    await shot("calls")
    await page.goto(f"{url}/calls/{world.calls['monday-last']}")
    await shot("call", full=True)
    await page.goto(f"{url}/live")
    await page.wait_for_timeout(400)
    await shot("live")
    await context.clear_cookies()
    await page.goto(f"{url}/sign-in")
    await page.fill("[name=login]", "root")
    await page.fill("[name=password]", PASSWORD)
    await page.click("button[type=submit]")
    await page.wait_for_url(f"{url}/recordings")
    for name, path in (
        ("users", "/users"), ("user", "/users/acme.example/105"),
        ("options", "/company/options?tenant=acme.example"), ("general", "/advanced/general"),
        ("rules", "/rules"), ("rule", "/rules/edit?scope=queue&tenant=acme.example&name=Sales"),
        ("rule-new", "/rules/edit"), ("explain-empty", "/explain?tenant=acme.example"),
        ("explain", "/explain?tenant=acme.example&caller=%2B4930901820&callee=105&queue=Sales&video=on"),
        ("provisional", f"/recordings/{world.recordings.get('not-kept', 'none')}"),
        ("audit", "/audit"), ("account", "/account"), ("reference", "/api-docs"),
        ("nothing", "/recordings?party=zzz"), ("error", "/recordings/none"),
    ):  # fmt: skip
        await page.goto(url + path)
        await shot(name, full=True)
    await page.goto(url + "/company/options?tenant=acme.example")
    await page.locator("[name=code]").nth(0).fill("*4")
    await page.locator("[name=code]").nth(2).fill("44")
    await page.get_by_label("A beep every").fill("3")
    await page.get_by_role("button", name="Save").click()
    await shot("options-faults", full=True)
    up = world.control.statuses
    world.control.statuses = [
        up[0],
        SwitchStatus(
            "ast-oslo", "asterisk", LinkState.DOWN, datetime.now(UTC),
            error="10.2.0.7:5038 refuses the connection; is Asterisk running, and manager.conf enabled?",
        ),
    ]  # fmt: skip
    await page.goto(f"{url}/recordings")
    await shot("down")
    world.control.statuses = up
    await context.close()
    print(tag, problems or "no complaints in the console")


async def every_page(
    browser: Browser, url: str, folder: Path, known: dict[str, str], width: int, scheme: str
) -> None:
    """A picture of every address of `every_page.PAGES`, as the system administrator sees it."""
    folder.mkdir(parents=True, exist_ok=True)
    context = await browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        timezone_id="Europe/Berlin",  # type: ignore[arg-type]
    )
    page = await context.new_page()
    await enter(page, url, "root")
    for _, address in addresses(known, "root"):
        await page.goto(url + address)
        await page.screenshot(path=folder / f"{file_of(address)}.png", full_page=True)
    await context.close()


if __name__ == "__main__":
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(target))
