"""Every main page through axe-core, light and dark, on a phone and on a desk: nothing serious."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.async_api", reason="NO PLAYWRIGHT HERE: pages are not tried in a browser")
axe = pytest.importorskip(
    "axe_playwright_python.async_playwright", reason="NO AXE HERE: accessibility is not tried"
)

from playwright.async_api import Browser, Page  # noqa: E402

from controller.core.options import Channels, PauseStyle, TenantOptions  # noqa: E402
from controller.core.rules import PolicyRule, PolicyScope, Setting  # noqa: E402
from controller.engine.media_ports import MediaState  # noqa: E402
from controller.media.peaks_task import PeaksTask  # noqa: E402
from controller.media.shelves import home_only  # noqa: E402

from .serving import CHROMIUM, chromium, served  # noqa: E402
from .test_browser import enter  # noqa: E402
from .test_recording_page import available, recorded  # noqa: E402
from .world import World, wav  # noqa: E402

pytestmark = [
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: pages are not tried in a browser"
    ),
    pytest.mark.timeout(180),
]

GRAVE = ("serious", "critical")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def faults(page: Page) -> list[str]:
    found: dict[str, Any] = (await axe.Axe().run(page)).response
    assert found["passes"], "axe looked at nothing"
    return [
        f"{v['id']} ({v['impact']}): {node['html'][:160]}"
        for v in found["violations"]
        if v["impact"] in GRAVE
        for node in v["nodes"]
    ]


async def pages(world: World) -> list[str]:
    """Every page of the menu, and what can be seen on them in its several states."""
    await world.catalog.set_rule(PolicyRule(PolicyScope.QUEUE, "red.example", "sales", Setting.FORBID))
    cut = await recorded(world, TenantOptions(pause_style=PauseStyle.CUT, channels=Channels.STEREO), pause=24)
    await available(world, cut, wav(8), "wav", 8020)
    await PeaksTask(world.catalog, home_only(world.store)).run(cut.recording, lambda done: None)
    film = await recorded(world, TenantOptions(), video=True)
    await world.catalog.set_media_state(
        film.recording, MediaState.FAILED, error="it needs ffmpeg: install it"
    )
    return [
        "/recordings", "/recordings?party=nobody-of-that-name", f"/recordings/{world.recordings['red']}",
        f"/recordings/{cut.recording}", f"/recordings/{film.recording}", "/calls",
        f"/calls/{world.calls['red']}",
        "/live", "/users", "/users/red.example/101", "/company/options?tenant=red.example", "/rules",
        "/rules/edit?scope=queue&tenant=red.example&name=sales", "/advanced/general",
        "/explain?tenant=red.example&caller=101&callee=%2B4930", "/audit", "/account",
        "/disk", "/disk?users=x", "/jobs", "/api-docs",
        "/calls?recorded=missing", "/reports", "/reports?range=365d&by=user", "/recordings/no-such",
    ]  # fmt: skip


# Colours depend on the scheme and places on the width, neither on the other: two walks see all of both.
@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
async def test_axe_finds_nothing_serious(world: World, browser: Browser, scheme: Any, width: int) -> None:
    walked = await pages(world)
    async with served(world) as url:
        context = await browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900})
        page = await context.new_page()
        await page.goto(f"{url}/sign-in")
        assert await faults(page) == []
        await enter(page, url, "root")
        found = {}
        for path in walked:
            await page.goto(url + path)
            if here := await faults(page):
                found[path] = here
        assert found == {}
        await context.close()


async def test_axe_would_find_something(world: World, browser: Browser) -> None:
    """The walk is not blind: what is taken away is missed."""
    async with served(world) as url:
        page = await browser.new_page()
        await enter(page, url, "root")
        assert await faults(page) == []
        await page.evaluate("document.querySelector('input[type=search]').closest('label').replaceWith("
                            "document.querySelector('input[type=search]'))")  # fmt: skip
        await page.evaluate("document.querySelector('input[type=search]').removeAttribute('placeholder')")
        assert [fault.split()[0] for fault in await faults(page)] == ["label"]
