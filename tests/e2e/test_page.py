"""The page of live calls in a real browser, on a real switch's calls: what it shows, and what is heard."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from controller.demo.phone import tone

from .parties import ms_of
from .system import TONES, System

browser = pytest.importorskip("tests.e2e.browser", reason="NO PLAYWRIGHT HERE: the page is not tried")
from playwright.async_api import Page, expect  # noqa: E402

from tests.web.serving import CHROMIUM  # noqa: E402

pytestmark = pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: the page is not tried in a browser"
)

#: So long the engine waits for a switch before it says that nothing is confirmed yet.
CONFIRMED_WITHIN_S = 2.0
SECRET = 3500


async def test_the_buttons_do_what_they_say_and_the_page_says_what_is_done(system: System) -> None:
    async with browser.live_page(system) as page:
        await buttons(system, page)


async def buttons(system: System, page: Page) -> None:
    a, b = await system.call("102", "103")
    call_id = await system.call_id("102")
    card = page.locator(f"#call-{call_id}")
    badges, said = card.locator(".live-recordings .badge"), card.locator("[data-said]")
    await expect(badges.first).to_have_text("not recorded")
    await browser.press(page, call_id, "Start recording")
    await expect(badges.first).to_have_text("audio recording")
    await asyncio.sleep(0.5)
    await browser.press(page, call_id, "Pause")
    await expect(badges.first).to_contain_text("audio paused")
    for dialog in (a, b):
        dialog.rtp.play(tone(SECRET))
    await asyncio.sleep(0.4)
    for dialog in (a, b):
        dialog.rtp.play(tone(TONES[dialog.phone.user]))
    await asyncio.sleep(0.2)
    await browser.press(page, call_id, "Resume")
    await expect(badges.first).to_have_text("audio recording")
    await expect(said).to_have_text("Resumed.")
    await asyncio.sleep(0.4)

    # A switch that hangs: the page promises nothing until it has answered.
    hang(system, signal.SIGSTOP)
    try:
        await browser.press(page, call_id, "Pause")
        await expect(said).to_have_text(
            "Paused, but the switch has not confirmed it yet.", timeout=(CONFIRMED_WITHIN_S + 2) * 1000
        )
        assert "good" not in str(await said.get_attribute("class")).split()
    finally:
        hang(system, signal.SIGCONT)
    await expect(badges.first).to_contain_text("audio paused")
    await browser.press(page, call_id, "Resume")
    await expect(badges.first).to_have_text("audio recording")

    await browser.press(page, call_id, "Stop")
    await expect(badges.first).to_have_text("not recorded")
    # What may not be is refused in words, and nothing is shown that is not so.
    await system.put_tenant("acme.test", "forbid")
    await browser.press(page, call_id, "Start recording")
    await expect(said).to_have_text("The recording policy forbids it.")
    await expect(badges.first).to_have_text("not recorded")
    await a.bye()
    await expect(card).to_have_count(0)
    [recording] = await system.recordings(call_id)
    assert [p["means"] for p in recording["pauses"]] == ["page", "page"]
    ms = await ms_of(system, recording, TONES["102"], TONES["103"], SECRET)
    assert ms[SECRET] == 0, ms
    assert min(ms[TONES["102"]], ms[TONES["103"]]) > 800, ms


def hang(system: System, what: signal.Signals) -> None:
    process = getattr(system.lab, "_process", None) or system.lab._asterisk
    process.send_signal(what)
