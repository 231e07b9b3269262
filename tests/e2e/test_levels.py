"""The strips of live calls in a real browser, on real calls: who sounds, and that a pause does not."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Any

import pytest

from controller.core.roles import Role
from controller.demo.phone.sound import digital_silence, room

from .system import System, until

browser = pytest.importorskip("tests.e2e.browser", reason="NO PLAYWRIGHT HERE: the page is not tried")
from playwright.async_api import Locator, Page, expect  # noqa: E402

from tests.web.serving import CHROMIUM  # noqa: E402

pytestmark = pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: the page is not tried in a browser"
)

#: How old the newest sound may be at a look: the switch's block, a step, and the second between two looks.
OLDEST_S = {"freeswitch": 0.52 + 0.25 + 1.0, "asterisk": 2.05 + 0.25 + 1.0}
PICTURES = os.environ.get("TAPELINE_PICTURES")

#: What is drawn on a strip: the tallest bar of each lane among those that lie within the last ``n`` steps
#: that have sound, in half heights of the strip; None without a bar.
_TALLEST = """(box, [lane, from, to]) => {
    const path = box.querySelector(`path.lane${lane}`).getAttribute("d");
    let tallest = null;
    for (const [, x, , height] of path.matchAll(/M([\\d.]+) ([\\d.]+)h1v([\\d.]+)h/g)) {
        if (+x >= from && +x < to) tallest = Math.max(tallest ?? 0, +height);
    }
    return tallest;
}"""


async def strip_of(page: Page, call_id: str) -> Locator:
    box = page.locator(f"#call-{call_id} [data-levels]")
    await expect(box.locator("svg")).to_be_visible(timeout=10_000)
    return box


async def says(strip: Locator, text: str) -> None:
    await expect(strip.locator("svg")).to_have_attribute(
        "aria-label", f"Sound levels: {text}", timeout=12_000
    )


async def tallest(strip: Locator, lane: int, begin: float = 0, end: float = 120) -> float | None:
    found: float | None = await strip.evaluate(_TALLEST, [lane, begin, end])
    return found


async def age_s(strip: Locator) -> float:
    """How old the page says that the newest sound is."""
    text = await strip.locator(".age").inner_text()
    return float(text.split()[2] if text.startswith("newest") else text.split()[3])


async def test_a_tone_of_one_party_is_on_its_own_strip(system: System) -> None:
    await system.put_tenant("acme.test", False, channels="stereo")
    async with browser.live_page(system) as page:
        problems: list[Any] = []
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: problems.append(str(error)))
        a, b = await system.call("101", "102")
        b.rtp.play(room())
        call_id = await system.call_id("101")
        await system.recording_up(call_id)
        strip = await strip_of(page, call_id)
        names = [await strip.locator(f"bdi.lane{n}").inner_text() for n in (0, 1)]
        await asyncio.sleep(4)
        await says(strip, f"sound from {names[0]} only")
        assert "101" in names[0], "the recording is on 101's leg"
        loud, quiet = await tallest(strip, 0), await tallest(strip, 1, 100)
        assert loud is not None
        assert quiet is not None, "a quiet room is not a pause"
        assert loud > 10
        assert quiet < 2
        ages = []
        for _ in range(12):
            ages.append(await age_s(strip))
            await asyncio.sleep(0.37)
        print(f"{system.kind}: the newest sound is {min(ages)} to {max(ages)} s old")
        assert min(ages) > 0, "nothing is younger than the block that it came with"
        assert max(ages) <= OLDEST_S[system.kind], ages
        # The other way round.
        tone, quiet_room = a.rtp.source, room()
        a.rtp.play(quiet_room)
        b.rtp.play(tone)
        await says(strip, f"sound from {names[1]} only")
        if PICTURES:
            await pictures(page, f"{system.kind}-stereo")
        await a.bye()
        await expect(page.locator(f"#call-{call_id}")).to_have_count(0)
        assert problems == []


async def test_a_pause_is_a_gap_and_the_card_says_so(system: System) -> None:
    async with browser.live_page(system) as page:
        a, _ = await system.call("101", "102")
        call_id = await system.call_id("101")
        await system.recording_up(call_id)
        strip = await strip_of(page, call_id)
        await says(strip, "sound")
        await expect(strip.locator("bdi.lane0")).to_have_text("all together")
        await asyncio.sleep(3)
        await browser.press(page, call_id, "Pause")
        await says(strip, "paused, nothing is recorded")
        lasted = 5.0 + OLDEST_S[system.kind]
        await asyncio.sleep(lasted)
        now = 120 - 4 * await age_s(strip)
        assert await tallest(strip, 0, now - 12, now) is None, "exact silence: nothing is drawn"
        assert (await tallest(strip, 0) or 0) > 10, "before it there was sound"
        assert await strip.locator("path.paused").get_attribute("d")
        if PICTURES:
            await pictures(page, f"{system.kind}-paused")
        await browser.press(page, call_id, "Resume")
        await says(strip, "sound")
        await asyncio.sleep(2)
        assert (await tallest(strip, 0, 120 - 4 * await age_s(strip) - 6) or 0) > 10, "there is sound again"
        assert await strip.locator("path.paused").get_attribute("d"), "the pause is still to be seen"
        # Whoever wants none of it has none, and it stays so.
        await page.get_by_text("Sound levels").click()
        await expect(strip).to_be_hidden()
        await page.reload()
        await expect(page.locator(f"#call-{call_id}")).to_be_visible()
        await asyncio.sleep(2.5)
        await expect(page.locator(f"#call-{call_id} [data-levels]")).to_be_hidden()
        await a.bye()


async def test_a_muted_phone_is_silence_and_no_pause(system: System) -> None:
    async with browser.live_page(system) as page:
        a, b = await system.call("101", "102")
        for dialog in (a, b):
            dialog.rtp.play(digital_silence())
        call_id = await system.call_id("101")
        await system.recording_up(call_id)
        strip = await strip_of(page, call_id)
        await asyncio.sleep(5)
        await says(strip, "silence")
        assert not await strip.locator("path.paused").get_attribute("d")
        await a.bye()


async def test_another_tenants_page_has_no_strip_of_it(system: System) -> None:
    """Two calls of two tenants at once; each tenant's administrator is told of its own recording only."""
    await system.controller.add_account("acme-admin", "correct horse battery", Role.TENANT, "acme.test")
    a, _ = await system.call("101", "102")
    c, _ = await system.call("201", "202")
    own, other = await system.call_id("101"), await system.call_id("201")
    for call_id in (own, other):
        await system.recording_up(call_id)
    recordings = {x["call_id"]: x["recordings"][0]["recording_id"] for x in await system.live()}
    async with browser.live_page(system, "acme-admin") as page:
        seen: list[str] = []

        def told(text: str) -> None:  # playwright wants a function that it can mark
            seen.append(text)

        await page.expose_function("seen", told)
        await page.evaluate(
            """() => { const s = new EventSource("/live/stream?levels=true");
                       s.addEventListener("levels", e => window.seen(e.data)); }"""
        )
        await strip_of(page, own)

        async def enough() -> bool:
            return len(seen) > 4

        await until(enough, "five events of levels", 20)
        assert any(recordings[own] in text for text in seen)
        assert not any(recordings[other] in text for text in seen)
        assert recordings[other] not in await page.content()
    await a.bye()
    await c.bye()


async def pictures(page: Page, name: str) -> None:
    assert PICTURES
    for width in (1440, 390):
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            await page.set_viewport_size({"width": width, "height": 900})
            await asyncio.sleep(0.3)
            await page.screenshot(path=f"{PICTURES}/{name}-{width}-{scheme}.png", full_page=True)
