"""The player in a real Chromium: what is drawn where, zoom, repeat, one channel, keys, no JavaScript."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

playwright = pytest.importorskip(
    "playwright.async_api", reason="NO PLAYWRIGHT HERE: the player is not tried in a browser"
)

from playwright.async_api import Browser, Page, expect  # noqa: E402

from controller.catalog import tables as t  # noqa: E402
from controller.core.formats import Format  # noqa: E402
from controller.engine.media_ports import FileRole  # noqa: E402
from controller.engine.reading import Scope  # noqa: E402
from controller.media.encoders import Encoders  # noqa: E402
from controller.media.peaks import file_of, measure  # noqa: E402
from controller.media.sound import Sound  # noqa: E402
from controller.web.app import STATIC  # noqa: E402

from .serving import CHROMIUM, chromium, served  # noqa: E402
from .test_browser import enter, until  # noqa: E402
from .test_formats import encoded, without_wav  # noqa: E402
from .test_recording_page import available, put  # noqa: E402
from .test_waveforms import RATE, drawn, said, stereo  # noqa: E402
from .world import World  # noqa: E402

pytestmark = [
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: pages are not tried in a browser"
    ),
    pytest.mark.skipif(
        not (STATIC / "vendor/wavesurfer.js").exists(),
        reason="NO WAVESURFER HERE: `make install` could not fetch the front-end packages",
    ),
    pytest.mark.timeout(180),
]

#: How much is drawn on each channel's lane in each of ten equal parts: pixels that are not empty.
INK = """() => {
  const root = document.querySelector('[data-wave]').firstElementChild.shadowRoot;
  const lanes = [...root.querySelector('.canvases').children];
  return lanes.map((lane) => {
    const parts = new Array(10).fill(0);
    const wide = lane.clientWidth || root.querySelector('.wrapper').clientWidth;
    for (const canvas of lane.querySelectorAll('canvas')) {
      const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const scale = canvas.clientWidth / width;
      for (let x = 0; x < width; x++) {
        let ink = 0;
        for (let y = 0; y < height; y++) if (data[(y * width + x) * 4 + 3] > 40) ink++;
        const at = (canvas.offsetLeft + x * scale) / wide;
        const part = Math.min(9, Math.floor(at * 10));
        parts[part] = Math.max(parts[part], ink / height);
      }
    }
    return parts;
  });
}"""
DRAWN = "document.querySelector('.line.drawn') !== null"


@pytest.fixture
async def url(world: World) -> AsyncIterator[str]:
    async with served(world) as address:
        yield address


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


async def opened(world: World, page: Page, url: str, recording: str) -> list[str]:
    problems = await enter(page, url, "red-admin")
    await page.goto(f"{url}/recordings/{recording}")
    return problems


async def test_each_party_is_drawn_in_its_lane_where_it_spoke(
    world: World, url: str, browser: Browser
) -> None:
    made = await stereo(world, pause=24)
    await drawn(world, made, said(32, (0, 0.5, 3), (1, 29, 31.5)), 32_000)
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    problems = await opened(world, page, url, made.recording)
    await until(page, DRAWN)
    # Bars are drawn in the next frame.
    await until(page, f"Math.max(...({INK})()[0]) > 0.5")
    left, right = await page.evaluate(INK)
    assert left[0] > 0.5
    assert max(left[1:]) < 0.1
    assert right[9] > 0.5
    assert max(right[:9]) < 0.1
    # Nothing was listened to for that.
    assert not [u for u in asked if u.endswith("/audio")]
    assert not [e for e in await world.catalog.audit_entries(Scope(None)) if e.action == "listen"]
    pause = page.locator(".line rect.silence")
    assert float(await pause.get_attribute("x") or "") == pytest.approx(4010 / 32, abs=0.1)
    await expect(page.locator(".stripes.pause")).to_have_count(1)
    await expect(page.locator(".flag.pause")).to_contain_text("Paused")
    await expect(page.get_by_label("What happened")).to_contain_text("Paused by 101@red.example for 0:24")
    spoke = page.get_by_label("Who spoke how long")
    await expect(spoke).to_contain_text("101 (Anna Red)")
    await expect(spoke).to_contain_text("Silence")
    assert [p for p in problems if "getImageData" not in p] == []  # that one is this test's own


async def test_an_announcement_that_is_in_it_is_drawn_and_named(
    world: World, url: str, browser: Browser
) -> None:
    made = await stereo(world)
    await drawn(world, made, said(20, (0, 8, 11)), 20_000)
    found = await world.catalog.recording(Scope(None), made.recording)
    assert found is not None
    assert found.line is not None
    at = found.row.started_at + timedelta(seconds=1)
    row = {
        "recording_id": made.recording, "sound": "announcement", "at": at, "until": at + timedelta(seconds=5),
        "file": "told", "legs": [],
    }  # fmt: skip
    async with world.catalog.database.writing() as connection:  # each party has heard it
        await connection.execute(t.own_sounds.insert(), [row | {"position": n} for n in range(2)])
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    problems = await opened(world, page, url, made.recording)
    await until(page, DRAWN)
    rect = page.locator(".line rect.announcement")
    begin = found.line.ms(at)
    assert float(await rect.get_attribute("x") or "") == pytest.approx(begin / 20, abs=0.1)
    await expect(page.locator(".flag.announcement")).to_contain_text("Announcement")
    await expect(page.get_by_label("What happened")).to_contain_text(
        "An announcement of the recording is heard for 0:05"
    )
    if folder := os.environ.get("TAPELINE_PICTURES"):
        await page.screenshot(path=Path(folder) / "announcement.png", full_page=True)
    assert problems == []


async def test_keys_speed_and_a_part_that_repeats(world: World, url: str, browser: Browser) -> None:
    made = await stereo(world)
    await drawn(world, made, said(20, (0, 1, 19)), 20_000)
    page = await browser.new_page()
    problems = await opened(world, page, url, made.recording)
    await until(page, DRAWN)
    now = "document.querySelector('audio').currentTime"
    await page.keyboard.press("Space")
    await until(page, f"{now} > 0.1")
    await page.keyboard.press("ArrowRight")
    await until(page, f"{now} > 10")
    await page.keyboard.press("Shift+>")
    assert await page.evaluate("document.querySelector('audio').playbackRate") == 1.25
    await page.keyboard.press("l")
    await expect(page.locator("[data-loop]")).to_have_class("button quiet half")
    began = await page.evaluate(now)
    await until(page, f"{now} > {began + 0.5}")
    await page.keyboard.press("l")
    await expect(page.locator("[data-loop]")).to_have_attribute("aria-pressed", "true")
    ended = began + float(await page.locator("[data-loop-span]").get_attribute("width") or 0) / 1000 * 20
    most = 0.0
    for _ in range(40):
        at = await page.evaluate(now)
        most = max(most, at)
        await page.wait_for_timeout(50)
    assert most <= ended + 0.3
    await page.keyboard.press("l")
    await until(page, f"{now} > {ended + 0.5}")
    await page.keyboard.press("Home")
    await page.keyboard.press("Space")
    await until(page, f"{now} < 1 && document.querySelector('audio').paused")
    await page.keyboard.press("1")
    await expect(page.get_by_role("button", name="Solo 101 (Anna Red)")).to_have_attribute(
        "aria-pressed", "true"
    )
    assert problems == []


async def test_four_hours_open_at_once_and_are_zoomed_into(world: World, url: str, browser: Browser) -> None:
    made = await stereo(world)
    await available(world, made, said(1), "wav", 4 * 3_600_000)
    silence = np.zeros((60 * RATE, 2), np.int16)
    word = silence.copy()
    word[10 * RATE : 10 * RATE + RATE // 2, 0] = 9000
    word[::2] = -word[::2]
    sound = Sound(2, RATE, 240 * len(silence), (word if n == 120 else silence for n in range(240)))
    whole = next(f for f in await world.catalog.files(made.recording) if f.role is FileRole.RENDITION)
    content = b"".join(file_of(measure(sound), sound, whole.sha256))
    await put(world, made.recording, FileRole.PEAKS, 0, content, "peaks", 4 * 3_600_000)
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    peaks: list[str] = []
    page.on("request", lambda r: peaks.append(r.url) if "/peaks?" in r.url else None)
    await opened(world, page, url, made.recording)
    await until(page, DRAWN)
    assert len(peaks) == 1
    took = await page.evaluate(
        "performance.getEntriesByType('resource').filter((e) => e.name.includes('/peaks?'))[0].duration"
    )
    print(f"the peaks of four hours were there in {took:.0f} ms")
    box = await page.locator("[data-seek]").bounding_box()
    assert box is not None
    middle = (7200 + 10.25) / 14_400
    await page.evaluate(f"document.querySelector('audio').currentTime = {middle * 14_400}")
    for _ in range(13):
        await page.keyboard.press("+")
    await until(page, "document.querySelector('[data-player]').wave.getDecodedData().length === 720000")
    # The word of half a second, of which the whole call's drawing has a single line, has its true place.
    lane = await page.evaluate(
        "[...document.querySelector('[data-player]').wave.getDecodedData().getChannelData(0)]"
        ".slice(360000, 362000).map((v, n) => v > 0.01 ? n : -1).filter((n) => n >= 0)"
    )
    assert (lane[0], lane[-1], len(lane)) == (500, 524, 25)
    assert len(peaks) < 12
    await expect(page.locator("[data-overview]")).to_be_visible()


async def test_without_javascript_it_plays_and_says_what_happened(
    world: World, url: str, browser: Browser
) -> None:
    made = await stereo(world, pause=24)
    await drawn(world, made, said(32, (0, 0.5, 3)), 32_000)
    signed = await browser.new_context()
    await enter(await signed.new_page(), url, "red-admin")
    context = await browser.new_context(java_script_enabled=False, storage_state=await signed.storage_state())
    page = await context.new_page()
    await page.goto(f"{url}/recordings/{made.recording}")
    await expect(page.locator("audio[controls]")).to_be_visible()
    await expect(page.locator(".deck")).to_be_hidden()
    await expect(page.get_by_label("What happened", exact=True)).to_contain_text("Paused by 101@red.example")
    await expect(page.get_by_label("Who spoke how long")).to_contain_text("Silence")


async def test_without_the_library_all_but_the_waveform_works(
    world: World, url: str, browser: Browser
) -> None:
    made = await stereo(world, pause=24)
    await drawn(world, made, said(32, (0, 0.5, 3)), 32_000)
    page = await browser.new_page()
    await page.route("**/vendor/*", lambda route: route.abort())
    await opened(world, page, url, made.recording)
    await page.get_by_role("button", name="Play", exact=True).click()
    await until(page, "document.querySelector('audio').currentTime > 0.1")
    box = await page.locator("[data-seek]").bounding_box()
    assert box is not None
    await page.locator("[data-seek]").click(position={"x": box["width"] / 2, "y": 20})
    await until(page, "Math.abs(document.querySelector('audio').currentTime - 16) < 1")
    await expect(page.locator(".ruler span").first).to_have_text("0:00")


@pytest.mark.parametrize("width", [390, 1440])
async def test_nothing_is_wider_than_the_page(world: World, url: str, browser: Browser, width: int) -> None:
    made = await stereo(world, pause=24)
    await drawn(world, made, said(32, (0, 0.5, 3), (1, 29, 31.5)), 32_000)
    page = await browser.new_page(viewport={"width": width, "height": 844})
    problems = await opened(world, page, url, made.recording)
    await until(page, DRAWN)
    for _ in range(3):
        await page.get_by_role("button", name="Zoom in").click()
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    assert problems == []


async def test_a_recording_that_is_kept_as_amr_alone_is_played(
    world: World, url: str, browser: Browser
) -> None:
    """No browser plays AMR: it is decoded on the way, and the element plays, and jumps, as with any other."""
    encoders = Encoders()
    if not encoders.has(Format.AMR):
        pytest.skip("NO ENCODER FOR AMR ON THIS MACHINE: its playing is not tried in a browser")
    recording, _ = await encoded(world, encoders, Format.AMR)
    await without_wav(world, recording)
    page = await browser.new_page()
    problems = await opened(world, page, url, recording)
    await expect(page.get_by_text("Kept as AMR")).to_be_visible()
    audio = "document.querySelector('audio')"
    await page.evaluate(f"{audio}.play()")
    await until(page, f"{audio}.currentTime > 0.3")
    assert await page.evaluate(f"{audio}.error") is None
    assert await page.evaluate(f"{audio}.duration") == pytest.approx(3.0, abs=0.1)
    await page.evaluate(f"{audio}.currentTime = 2.5")
    await until(page, f"{audio}.ended")
    assert problems == []
