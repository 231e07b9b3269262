"""The live page and the player in a real Chromium, with a real controller on a real switch."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

pytest.importorskip("playwright.async_api", reason="NO PLAYWRIGHT HERE: pages are not tried in a browser")

from playwright.async_api import expect

from controller.demo.listen import presence
from tests.web.serving import CHROMIUM, chromium

from .system import TONES, System

pytestmark = pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: pages are not tried in a browser"
)

DRAWN = "document.querySelector('.line.drawn') !== null"


async def test_a_call_is_paused_on_the_live_page_and_heard_in_the_player(system: System) -> None:
    url = system.controller.url
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        problems: list[str] = []
        page.on("console", lambda m: problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: problems.append(str(e)))
        await page.goto(f"{url}/live")
        await page.get_by_label("Login").fill("admin")
        await page.get_by_label("Password").fill("correct horse battery")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.locator("[data-stream]")).to_have_text("Live")
        await expect(page.get_by_text("No calls at the moment")).to_be_visible()
        # Phones call: the card comes by itself, and says what the switch does.
        a, _ = await system.call("101", "102")
        call_id = await system.call_id("101")
        card = page.locator(f"#call-{call_id}")
        await expect(card.get_by_text("audio recording")).to_be_visible(timeout=10_000)
        await page.wait_for_timeout(1200)
        await card.get_by_role("button", name="Pause").click()
        await expect(card.get_by_role("alert")).to_contain_text("Paused", ignore_case=True, timeout=5000)
        await expect(card.get_by_text("audio paused")).to_be_visible()
        await expect(card).to_contain_text("Paused by admin")
        await page.wait_for_timeout(1500)
        await card.get_by_role("button", name="Resume").click()
        await expect(card.get_by_text("audio recording")).to_be_visible()
        await page.wait_for_timeout(1200)
        await a.bye()
        await expect(card).to_have_count(0, timeout=10_000)
        [made] = await system.recordings(call_id)
        recording = made["recording"]["recording_id"]
        # In the list, and in the player: the pause is drawn where nothing is to be heard.
        await page.goto(f"{url}/recordings")
        await expect(page.locator(f"[data-href='/recordings/{recording}']")).to_be_visible()
        for _ in range(100):
            await page.goto(f"{url}/recordings/{recording}")
            if await page.locator("[data-peaks]").count():
                break
            await page.wait_for_timeout(200)
        await expect(page.locator(".line.drawn")).to_be_visible(timeout=10_000)
        pause = page.locator(".line rect.silence")
        await expect(pause).to_have_count(1)
        await expect(page.get_by_label("What happened", exact=True)).to_contain_text("Paused by admin")
        await page.get_by_role("button", name="Play", exact=True).click()
        for _ in range(50):
            if await page.evaluate("document.querySelector('audio').currentTime") > 0.3:
                break
            await page.wait_for_timeout(100)
        else:
            pytest.fail("it does not play")
        assert problems == []
        wide, begin = [float(await pause.get_attribute(name) or 0) for name in ("width", "x")]
    length = made["recording"]["duration_ms"]
    [heard] = presence(await system.audio(recording), [TONES["101"]]).values()
    from_ms, to_ms = begin * length / 1000, (begin + wide) * length / 1000
    quiet = [(one.to_ms, two.from_ms) for one, two in pairwise(heard)]
    assert any(abs(start - from_ms) < 250 and abs(end - to_ms) < 250 for start, end in quiet), (
        heard, from_ms, to_ms,
    )  # fmt: skip
