"""Signing in with a second factor, accounts, groups and links in a real Chromium, with axe; pictures on wish.

``TAPELINE_PICTURES=DIR`` keeps a picture of every page that is walked.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.async_api", reason="NO PLAYWRIGHT HERE: pages are not tried in a browser")

from playwright.async_api import Browser, Page

from controller.core.options import ShareLinks, TenantOptions
from controller.engine.entry import Group, MemberKind
from controller.engine.reading import Scope, TenantSettings
from controller.web.second_factor import STEP_S

from .serving import CHROMIUM, chromium, served
from .test_axe import faults
from .test_browser import enter
from .test_entry import code_at
from .world import PASSWORD, World, later

pytestmark = [
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: pages are not tried in a browser"
    ),
    pytest.mark.timeout(240),
]
PICTURES = os.environ.get("TAPELINE_PICTURES", "")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def look(page: Page, name: str, found: dict[str, Any]) -> None:
    """Nothing serious by axe, nothing wider than the window, and a picture if somebody wants one."""
    here: list[str] = await faults(page)
    wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    if wide > 0:
        here.append(f"{wide} pixels too wide")
    if here:
        found[name] = here
    if PICTURES:
        size = page.viewport_size or {"width": 0}
        dark = await page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
        tag = f"{size['width']}-{'dark' if dark else 'light'}"
        await page.screenshot(path=Path(PICTURES) / f"{name}-{tag}.png", full_page=True)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
async def test_a_second_factor_from_setting_up_to_signing_in(
    world: World, browser: Browser, width: int, scheme: Any
) -> None:
    found: dict[str, Any] = {}
    async with served(world) as url:
        context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        page = await context.new_page()
        await enter(page, url, "red-admin")
        await page.goto(f"{url}/account")
        await look(page, "account", found)
        await page.get_by_role("button", name="Set up").click()
        await page.wait_for_selector("svg.qr")
        await look(page, "account-qr", found)
        secret = await page.locator("#second-factor code.token").inner_text()
        await page.fill("#second-factor [name=code]", code_at(world, secret))
        await page.get_by_role("button", name="Turn on").click()
        await page.wait_for_selector(".recovery")
        await look(page, "recovery-codes", found)
        assert await page.locator(".recovery li").count() == 10
        later(world, seconds=STEP_S)
        await context.clear_cookies()
        await page.goto(f"{url}/sign-in?next=/company/accounts")
        await look(page, "sign-in", found)
        await page.fill("[name=login]", "red-admin")
        await page.fill("[name=password]", PASSWORD)
        await page.click("button[type=submit]")
        await page.wait_for_url("**/sign-in/code**")
        await page.fill("[name=code]", "000000")
        await page.click("button[type=submit]")
        await page.wait_for_selector("[role=alert]")
        await look(page, "sign-in-code", found)
        await page.fill("[name=code]", code_at(world, secret))
        await page.click("button[type=submit]")
        await page.wait_for_url("**/company/accounts")
        await look(page, "accounts", found)
        await context.close()
    assert found == {}


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
async def test_a_link_from_making_to_hearing_and_revoking(
    world: World, browser: Browser, width: int, scheme: Any
) -> None:
    found: dict[str, Any] = {}
    options = TenantOptions(share_links=ShareLinks.PUBLIC)
    await world.catalog.set_tenant(TenantSettings("red.example", options=options))
    members = ((MemberKind.USER, "101"), (MemberKind.QUEUE, "first line"))
    await world.catalog.set_group(Group("g1", "red.example", "Support", members))
    async with served(world) as url:
        context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        page = await context.new_page()
        await enter(page, url, "red-admin")
        await page.goto(f"{url}/recordings/{world.recordings['red']}")
        await page.get_by_role("link", name="Share").click()
        await page.wait_for_selector("[name=audience]")
        await look(page, "share-new", found)
        await page.fill("[name=label]", "For the insurance")
        await page.select_option("[name=audience]", "public")
        await page.get_by_text("May be downloaded").click()
        await page.get_by_role("button", name="Make the link").click()
        link = await page.locator("code.token").inner_text()
        await look(page, "share-made", found)
        other = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        stranger = await other.new_page()
        await stranger.goto(link)
        await look(stranger, "shared-open", found)
        await stranger.get_by_role("button", name="Open").click()
        await stranger.wait_for_selector("audio")
        await look(stranger, "shared", found)
        heard = """async () => {
            const audio = document.querySelector("audio");
            await audio.play();
            while (!(audio.currentTime > 0.1)) await new Promise((done) => requestAnimationFrame(done));
            return audio.duration;
        }"""
        assert await stranger.evaluate(heard) == pytest.approx(1.0, abs=0.05)
        async with stranger.expect_download() as kept:
            await stranger.get_by_role("link", name="Download").click()
        file = await (await kept.value).path()
        assert file.read_bytes() == world.sound[world.recordings["red"]]
        await page.goto(f"{url}/shares")
        await look(page, "shares", found)
        await page.get_by_role("button", name="Revoke").click()
        await page.wait_for_selector("text=revoked")
        await stranger.reload()
        assert "leads nowhere" in await stranger.inner_text("main")
        for name, path in (
            ("accounts", "/company/accounts"), ("account-edit", "/company/accounts/account-red-super"),
            ("groups", "/company/groups"), ("group", "/company/groups/red.example/g1"), ("audit", "/audit"),
            ("audit-filtered", "/audit?action=listen&account=link"), ("shares-all", "/company/shares"),
        ):  # fmt: skip
            await page.goto(url + path)
            await look(page, name, found)
        await other.close()
        await context.close()
    assert found == {}
    log = [e.action for e in await world.catalog.audit_entries(Scope("red.example"))]
    assert {"share made", "share opened", "listen", "download", "share revoked"} <= set(log)
