"""The page of disk use: the form, hostile values, other tenants' recordings, and the sliders in Chromium."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.core.disk import DiskPlan, amount, disk_use
from controller.engine.reading import Scope

from .serving import CHROMIUM, chromium, served
from .test_browser import enter, expect
from .test_shown import text_of
from .world import World, wav


async def test_the_form_is_answered_without_javascript(world: World) -> None:
    query = "users=120&minutes=30&format=mp3&channels=1&retention_days=90&days_a_week=5"
    page = await text_of(world, f"/disk?{query}")
    use = disk_use(DiskPlan(120, 30, "mp3", 1, 90, 5, originals=False))
    assert use.kept is not None
    for figure in (use.kept, use.a_day, use.a_month, use.a_year):
        assert amount(figure) in page
    assert "There are no recordings to measure yet" in page


async def test_for_ever_is_what_a_year_adds(world: World) -> None:
    page = await text_of(world, "/disk?users=10&retention_days=0&format=wav&channels=2")
    assert "Kept for ever, it grows by this every year" in page


@pytest.mark.parametrize(
    "query",
    ["users=-1", "users=x", "users=nan", "users=1e400", "minutes=nan", "minutes=1e9", "format=%3Cb%3E",
     "channels=7", "retention_days=1e300", "days_a_week=0"],
)  # fmt: skip
async def test_nonsense_is_said_at_its_field(world: World, query: str) -> None:
    async with world.browser("red-admin") as client:
        answer = await client.get(f"/disk?{query}")
    assert answer.status_code == 422
    assert "<b>format" not in answer.text
    if not query.startswith(("format", "channels")):
        assert f'id="{query.partition("=")[0]}-fault"' in answer.text


async def test_own_rates_are_the_tenants_own(world: World) -> None:
    for name in ("red", "blue"):
        await world.keep(name, world.calls[name], wav(10), seconds=61)
    found = await world.catalog.measured_rates(Scope("red.example"))
    assert [(r.format, r.channels, r.files) for r in found] == [("wav", 2, 3)]
    total = await world.catalog.measured_rates(Scope(None))
    assert total[0].files == 5  # of the shared call each tenant has its own
    page = await text_of(world, "/disk")
    assert "measured on 3 files" in page
    (rate,) = found
    assert f"{amount(rate.a_minute)} a minute" in page


@pytest.mark.skipif(
    not Path(CHROMIUM).exists(), reason=f"NO {CHROMIUM} HERE: the page is not tried in a browser"
)
@pytest.mark.timeout(120)
async def test_the_answer_follows_the_sliders(world: World) -> None:
    async with served(world) as url, chromium() as browser:
        page = await browser.new_page()
        problems = await enter(page, url, "red-admin")
        await page.goto(f"{url}/disk")
        await page.locator("#users").fill("200")
        plan = DiskPlan(200)
        await expect(page.locator(".figure")).to_have_text(amount(disk_use(plan).kept or 0))
        await page.get_by_label("AMR").check()
        await page.get_by_label("The WAV stays").uncheck()
        plan = DiskPlan(200, format="amr", originals=False)
        await expect(page.locator(".figure")).to_have_text(amount(disk_use(plan).kept or 0))
        await page.locator("input[type=range][data-for=users]").evaluate(
            "(e) => { e.value = 300; e.dispatchEvent(new Event('input', { bubbles: true })); }"
        )
        plan = DiskPlan(300, format="amr", originals=False)
        await expect(page.locator(".figure")).to_have_text(amount(disk_use(plan).kept or 0))
        assert "users=300" in page.url
        await expect(page.locator("tr.chosen th")).to_contain_text("AMR")
        assert problems == []
