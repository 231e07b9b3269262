"""The list of recordings in a real Chromium: endless, by keys, selected, in views and columns, as a ZIP."""

from __future__ import annotations

import zipfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.async_api", reason="NO PLAYWRIGHT HERE: pages are not tried in a browser")

from playwright.async_api import Browser, Page, expect

from controller.catalog import narrowing, walking
from controller.engine.reading import RecordingFilter, Scope
from tests.catalog.story import inside, outside

from .serving import CHROMIUM, chromium, served
from .test_browser import enter, until
from .world import World, later

pytestmark = [
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: pages are not tried in a browser"
    ),
    pytest.mark.timeout(180),
]

CALLS = 120
ROWS = ".row"


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as running:
        yield running


@pytest.fixture
async def url(world: World) -> AsyncIterator[str]:
    """Over three days, so that there is a head for each."""
    for n in range(CALLS):
        world.story.talk(f"x{n}", inside("101", name="Anna Red"), f"y{n}", outside(f"+4970{n:03}"), seconds=9)
        later(world, minutes=30)
    await world.story.save(world.catalog, "fs1")
    async with served(world) as address:
        yield address


def shown(page: Page) -> str:
    return f"document.querySelectorAll('{ROWS}').length"


async def test_it_goes_on_by_itself_and_each_row_is_there_once(
    world: World, url: str, browser: Browser
) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    problems = await enter(page, url, "red-admin")
    await page.goto(f"{url}/recordings")
    total = len((await world.catalog.recordings(Scope("red.example"), RecordingFilter(), limit=500)).items)
    assert total > 100
    for _ in range(12):
        await page.mouse.wheel(0, 20_000)
        await page.wait_for_timeout(100)
    await until(page, f"{shown(page)} === {total}")
    hrefs = await page.evaluate("[...document.querySelectorAll('.row')].map((r) => r.dataset.href)")
    assert len(set(hrefs)) == total
    await expect(page.locator("[data-more]")).to_have_count(0)
    # A day has one head, and the list is one stop of the Tab key.
    heads = await page.locator(".day th").all_text_contents()
    assert len(heads) == len(set(heads)) >= 3
    assert await page.evaluate("document.querySelectorAll('.row[tabindex=\\'0\\']').length") == 1
    assert problems == []


async def test_it_does_not_go_on_by_itself_where_a_search_has_stopped(
    url: str, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(narrowing, "_most", lambda sqlite: -1)
    monkeypatch.setattr(walking, "MORE", 1)
    monkeypatch.setattr(walking, "MOST_S", 0.0)
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    problems = await enter(page, url, "red-admin")
    await page.goto(f"{url}/recordings?party=4970")
    await until(page, f"{shown(page)} === 50")
    # What comes behind takes too long from now on.
    monkeypatch.setattr(walking, "FIRST", 20)
    for _ in range(8):
        await page.mouse.wheel(0, 20_000)
        await page.wait_for_timeout(100)
    await until(page, f"{shown(page)} === 70")
    notice = page.locator("[data-stopped]")
    await expect(notice).to_have_count(1)
    await expect(notice).to_contain_text("what fits beyond is not shown yet")
    await expect(page.locator("[data-more]")).to_have_count(0)
    await page.locator("[data-all]").click()
    await expect(page.locator("[data-whole]")).to_be_visible()
    await notice.get_by_role("link", name="Search on").click()
    await until(page, f"{shown(page)} === 20")
    assert problems == []


async def test_it_is_walked_played_and_selected_by_keys(world: World, url: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    problems = await enter(page, url, "red-admin")
    await page.goto(f"{url}/recordings?state=available")
    at = "[...document.querySelectorAll('.row')].indexOf(document.activeElement)"
    await page.keyboard.press("j")
    assert await page.evaluate(at) == 0
    await page.keyboard.press("j")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("k")
    assert await page.evaluate(at) == 1
    await page.keyboard.press("x")
    chosen = page.get_by_role("region", name="Selected recordings")
    await expect(chosen).to_contain_text("1 selected")
    await page.keyboard.press("k")
    await page.keyboard.press("Shift+X")
    await expect(chosen).to_contain_text("2 selected")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("region", name="Player")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(chosen).to_be_hidden()
    await page.keyboard.press("/")
    assert await page.evaluate("document.activeElement.id") == "q"
    await page.keyboard.type("j")
    assert await page.input_value("#q") == "j"
    await page.keyboard.press("Escape")
    await page.locator("h1").click()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.goto(f"{url}/recordings")
    rows = page.locator(ROWS)
    await rows.nth(1).locator("[type=checkbox]").click()
    await rows.nth(5).locator("[type=checkbox]").click(modifiers=["Shift"])
    await expect(chosen).to_contain_text("5 selected")
    assert problems == []


async def test_all_that_match_are_tagged_and_a_zip_is_made_and_fetched(
    world: World, url: str, browser: Browser, tmp_path: Path
) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900}, accept_downloads=True)
    problems = await enter(page, url, "red-admin")
    await page.goto(f"{url}/recordings")
    await page.get_by_label("Select all that are shown").click()
    await page.get_by_label("all that match the filters").check()
    chosen = page.get_by_role("region", name="Selected recordings")
    await expect(chosen).to_contain_text("All selected")
    await chosen.get_by_role("button", name="Tag", exact=True).click()
    await page.get_by_label("Tag", exact=True).fill("Everything")
    await page.locator("main .primary").click()
    # Behind the request, and its page says how far it is.
    await expect(page.locator("[data-batches]")).to_contain_text("done", timeout=30_000)
    tagged = await world.catalog.recordings(
        Scope("red.example"), RecordingFilter(tag="everything"), limit=500
    )
    assert len(tagged.items) > 100
    await page.goto(f"{url}/recordings?state=available")
    await page.get_by_label("Select all that are shown").click()
    await chosen.get_by_role("button", name="ZIP").click()
    await page.locator("main .primary").click()
    fetch = page.get_by_role("link", name="Download the ZIP")
    await expect(fetch).to_be_visible(timeout=30_000)
    async with page.expect_download() as coming:
        await fetch.click()
    target = tmp_path / "recordings.zip"
    await (await coming.value).save_as(target)
    with zipfile.ZipFile(target) as made:
        assert made.testzip() is None
        assert len(made.namelist()) >= 3
    await page.goto(f"{url}/batches")
    await expect(page.locator(".job")).to_have_count(2)
    assert problems == []


async def test_columns_and_views_are_chosen_and_kept(world: World, url: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    problems = await enter(page, url, "red-admin")
    await page.goto(f"{url}/recordings")
    await page.get_by_text("Columns", exact=True).click()
    await page.get_by_label("Size", exact=True).check()
    await page.get_by_label("Pauses", exact=True).uncheck()
    await page.get_by_role("button", name="Show these").click()
    heads = await page.locator("thead th").all_text_contents()
    assert "Size" in heads
    assert "Pauses" not in heads
    await page.fill("#q", "is:paused")
    await page.get_by_role("button", name="Search").click()
    await page.get_by_text("Save view", exact=True).click()
    await page.get_by_label("Name", exact=True).fill("Our pauses")
    await page.get_by_role("button", name="Save these filters").click()
    view = page.get_by_role("navigation", name="Saved views").get_by_role("link", name="Our pauses")
    await expect(view).to_have_attribute("aria-current", "page")
    await page.get_by_role("link", name="All", exact=True).click()
    await view.click()
    assert "q=is" in page.url
    await expect(page.locator(ROWS)).to_have_count(1)
    assert problems == []


async def test_the_cdr_goes_on_by_itself_too(world: World, url: str, browser: Browser) -> None:
    page = await browser.new_page(viewport={"width": 1440, "height": 900})
    problems = await enter(page, url, "red-admin")
    total = len((await world.catalog.calls(Scope("red.example"), RecordingFilter(), limit=500)).items)
    for _ in range(12):
        await page.mouse.wheel(0, 20_000)
        await page.wait_for_timeout(100)
    await until(page, f"{shown(page)} === {total}")
    assert await page.evaluate("document.querySelectorAll('.row[tabindex=\\'0\\']').length") == 1
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    at = "[...document.querySelectorAll('.row')].indexOf(document.activeElement)"
    assert await page.evaluate(at) == 1
    await page.get_by_text("Columns", exact=True).click()
    await page.get_by_label("Direction", exact=True).last.check()
    await page.get_by_role("button", name="Show these").click()
    assert "Direction" in await page.locator("thead th").all_text_contents()
    await page.fill("[name=user]", "102")
    await page.get_by_role("button", name="Filter").click()
    await expect(page.locator(ROWS)).to_have_count(2)
    assert problems == []
