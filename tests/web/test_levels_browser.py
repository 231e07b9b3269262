"""Strips in a real Chromium: who has them, in words as well as in bars, and nobody is shaken by them."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("playwright.async_api", reason="NO PLAYWRIGHT HERE: pages are not tried in a browser")

from playwright.async_api import Browser, expect

from controller.engine import levels
from controller.engine.levels import ELSEWHERE, STEPS, LiveCapture, LiveLevels, Strip, captures_of
from controller.media.levels import LETTERS

from .serving import CHROMIUM, chromium, served
from .test_axe import RULES, faults
from .test_browser import enter
from .world import World, begin_live, inside, outside

pytestmark = [
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: pages are not tried in a browser"
    ),
    pytest.mark.timeout(180),
]
PICTURES = os.environ.get("TAPELINE_PICTURES")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


def talk(step: int, turn: int) -> str:
    """Somebody who speaks half of every eight seconds, as loud as people do."""
    if (step // 16 + turn) % 2:
        return "1"
    return LETTERS[8 + int(14 * abs(math.sin(step * 1.7) * math.cos(step * 0.6)))]


@pytest.fixture
def strips(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Each capture talks in turns; "why" and "apart" may be set."""
    monkeypatch.setattr(levels, "LOOK_S", 0.2)
    how: dict[str, Any] = {"why": "", "apart": True, "looks": 0}

    def look(captures: Sequence[LiveCapture]) -> dict[str, Strip]:
        how["looks"] += 1
        end = int(time.time() * 4) - 2
        if how["why"]:
            return {c.recording_id: Strip(c.leg_id, why=how["why"]) for c in captures}
        lanes = tuple(
            "".join(talk(n, turn) for n in range(end - STEPS, end)) for turn in range(1 + how["apart"])
        )
        return {c.recording_id: Strip(c.leg_id, lanes, end, end / 4, how["looks"], STEPS) for c in captures}

    web = world.app.state.web
    live = LiveLevels(lambda: captures_of("fs1", world.story.running), look)
    world.app.state.web = replace(web, services=replace(web.services, levels=live))
    return how


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
async def test_the_strip_is_drawn_said_and_accessible(
    world: World, browser: Browser, strips: dict[str, Any], scheme: Any, width: int
) -> None:
    begin_live(
        world.story, "more", inside("102", name="Bertram von und zu Langenau"), outside("+493012345678")
    )
    async with served(world) as url:
        size: Any = {"width": width, "height": 900}
        page = await browser.new_page(color_scheme=scheme, viewport=size)
        problems = await enter(page, url, "red-admin")
        await page.goto(f"{url}/live")
        strip = page.locator(f"#call-{world.calls['live-red']} [data-levels]")
        picture = strip.get_by_role("img")
        await expect(picture).to_be_visible()
        label = await picture.get_attribute("aria-label")
        assert label in (
            "Sound levels: sound from Anna Red only", "Sound levels: sound from Customer only",
            "Sound levels: sound from both parties",
        )  # fmt: skip
        assert await strip.locator("bdi").all_inner_texts() == ["Anna Red", "Customer"]
        await expect(strip.locator(".age")).to_have_text(re.compile(r"newest sound \d\.\d s old"))
        assert await page.locator("[data-levels] [aria-live], [data-levels] [role=alert]").count() == 0
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        assert await faults(page, RULES) == []
        # A card that is drawn again keeps its strip in the same breath.
        seen = """() => new Promise((done) => {
            const card = document.querySelector('[data-call]');
            new MutationObserver(() => requestAnimationFrame(() => done(
                [...document.querySelectorAll('[data-levels]')].every((one) => !one.hidden)
            ))).observe(card.parentElement, { childList: true });
            card.querySelector('button[value=pause-recording]').click();
        })"""
        assert await page.evaluate(seen)
        await expect(page.locator("[data-levels] path.paused").first).to_have_attribute("d", re.compile("^M"))
        if PICTURES:
            await page.wait_for_timeout(1500)
            await page.screenshot(path=f"{PICTURES}/levels-{width}-{scheme}.png", full_page=True)
        assert problems == []


async def test_less_motion_means_none_until_asked_for(
    world: World, browser: Browser, strips: dict[str, Any]
) -> None:
    async with served(world) as url:
        page = await browser.new_page(reduced_motion="reduce")
        await enter(page, url, "red-admin")
        await page.goto(f"{url}/live")
        await expect(page.locator("[data-stream]")).to_have_text("Live")
        await page.wait_for_timeout(800)
        await expect(page.locator("[data-levels]").first).to_be_hidden()
        assert strips["looks"] == 0, "and no file is read for nobody"
        await page.get_by_text("Sound levels").click()
        await expect(page.locator("[data-levels] svg").first).to_be_visible()
        await page.reload()
        await expect(page.locator("[data-levels] svg").first).to_be_visible()
        await page.get_by_text("Sound levels").click()
        await expect(page.locator("[data-levels]").first).to_be_hidden()


async def test_why_there_is_none_is_said_in_the_pages_language(
    world: World, browser: Browser, strips: dict[str, Any]
) -> None:
    strips["why"] = ELSEWHERE
    async with served(world) as url:
        page = await browser.new_page(locale="de-DE")
        page.set_default_timeout(10_000)
        await page.goto(f"{url}/calls")
        await page.locator("input[name=login]").fill("red-admin")
        await page.locator("input[name=password]").fill("correct horse battery")
        await page.locator("button[type=submit]").click()
        await page.goto(f"{url}/live")
        strip = page.locator("[data-levels]").first
        await expect(strip).to_have_text("Keine Pegel: Der Ton wird auf einem anderen Rechner geschrieben.")
        strips.update(why="", apart=False)
        await expect(strip.get_by_role("img")).to_have_attribute("aria-label", "Tonpegel: Ton", timeout=9000)
        await expect(strip.locator("bdi.lane0")).to_have_text("alle zusammen")


async def test_without_scripts_there_is_none(world: World, browser: Browser, strips: dict[str, Any]) -> None:
    async with served(world) as url:
        page = await browser.new_page(java_script_enabled=False)
        await enter(page, url, "red-admin")
        await page.goto(f"{url}/live")
        await expect(page.locator("[data-levels]").first).to_be_hidden()
        await expect(page.get_by_text("Sound levels")).to_be_hidden()
