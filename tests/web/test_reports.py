"""Reports: the page, its CSV and REST, for whom they are and what they may show."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from controller.engine.reports import Grouping, ReportRow, Sums
from controller.web.pages.bars import chart
from controller.web.report_csv import lines
from controller.web.report_period import own_days, preset
from tests.catalog.story import inside, outside

from .world import World

DAYS = {"since": "2026-11-20", "until": "2026-11-24"}


async def test_the_page_shows_the_own_tenants_sums_only(world: World) -> None:
    async with world.browser("red-admin") as browser:
        for by in Grouping:
            answer = await browser.get("/reports", params={**DAYS, "by": by})
            assert answer.status_code == 200, answer.text
            assert "blue.example" not in answer.text
            assert "Carl" not in answer.text
        html = (await browser.get("/reports", params={**DAYS, "by": "user", "show": "calls"})).text
    assert "<bdi>101</bdi>" in html
    assert "<bdi>201</bdi>" not in html
    assert "/calls?since=2026-11-20&amp;until=2026-11-24&amp;party=101" in html


async def test_every_role_gets_what_it_reaches(world: World) -> None:
    calls = {}
    for who in ("root", "red-admin", "red-officer", "red-101", "red-102", "red-super"):
        async with world.client(who) as client:
            answer = await client.get(
                "/api/v1/reports",
                params={
                    "since": "2026-11-20T00:00:00Z",
                    "until": "2026-11-24T00:00:00Z",
                    "zone": "Europe/Oslo",
                },
            )
            assert answer.status_code == 200
            calls[who] = answer.json()["total"]["calls"]
            assert sum(r["sums"]["calls"] for r in answer.json()["rows"]) == calls[who]
    assert calls["root"] > calls["red-admin"] > calls["red-101"] > 0
    assert calls["red-officer"] == calls["red-admin"]
    assert calls["red-super"] == 0, "a supervisor without a group reaches nothing"


async def test_csv_is_for_whom_may_export_and_holds_no_formula(world: World) -> None:
    world.story.talk("evil-a", inside("=1+1"), "evil-b", outside("+1"))
    await world.story.save(world.catalog, "fs1")
    async with world.browser("red-101") as browser:
        assert (await browser.get("/reports/csv", params=DAYS)).status_code == 403
    async with world.browser("red-admin") as browser:
        answer = await browser.get("/reports/csv", params={**DAYS, "by": "user"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert {r["user"] for r in rows} == {"101", "102", "'=1+1"}
    assert {r["tenant"] for r in rows} == {"red.example"}
    async with world.client("red-admin") as client:
        assert (
            (await client.get("/api/v1/reports/csv?by=user")).headers["content-type"].startswith("text/csv")
        )


@pytest.mark.parametrize(
    "query",
    [
        {"zone": "Mars/Olympus"}, {"zone": "../../etc/passwd"}, {"since": "0001-01-01T00:00:00+14:00"},
        {"since": "2020-01-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"since": "2026-02-01T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"until": "9999-12-31T23:59:59-14:00"},
    ],
)  # fmt: skip
async def test_what_cannot_be_is_refused(world: World, query: dict[str, str]) -> None:
    async with world.client("red-admin") as client:
        assert (await client.get("/api/v1/reports", params=query)).status_code == 422


async def test_the_page_says_what_is_wrong_with_its_days(world: World) -> None:
    async with world.browser("red-admin") as browser:
        for since, until in (("x", ""), ("2026-11-02", "2026-11-01"), ("2000-01-01", "2026-01-01")):
            answer = await browser.get("/reports", params={"since": since, "until": until, "by": "x"})
            assert answer.status_code == 200
            assert 'class="notice bad"' in answer.text


async def test_the_calls_can_be_asked_for_by_rest(world: World) -> None:
    async with world.client("red-admin") as client:
        for recorded, some in (("yes", True), ("missing", False)):
            answer = await client.get("/api/v1/calls", params={"recorded": recorded})
            assert bool(answer.json()["items"]) is some
        assert (await client.get("/api/v1/calls", params={"switch": "no-such"})).json()["items"] == []
        assert (await client.get("/api/v1/calls", params={"recorded": "perhaps"})).status_code == 422


def test_the_period_before_is_as_long() -> None:
    zone = ZoneInfo("Europe/Berlin")
    period = own_days("2026-10-20", "2026-10-26", date(2026, 11, 22), zone)
    assert (period.before.first, period.before.last) == (date(2026, 10, 13), date(2026, 10, 19))
    assert period.before.until == period.since
    day = own_days("2026-10-25", "2026-10-25", date(2026, 11, 22), zone)
    assert day.until.astimezone(UTC) - day.since.astimezone(UTC) == datetime(1, 1, 2, 1) - datetime(1, 1, 1)
    last = preset("last-month", date(2026, 3, 31), zone)
    assert last is not None
    assert (last.first, last.last) == (date(2026, 2, 1), date(2026, 2, 28))


def test_a_chart_is_as_high_as_its_values() -> None:
    upright = chart(
        [("2026-11-20", 0), ("2026-11-21", 300_000), ("2026-11-22", 150_000)], "talk_ms", upright=True
    )
    assert [bar.height for bar in upright.bars] == [0, 180, 90]
    assert upright.bars[1].text == "5:00"
    assert upright.lines[-1] == (0, "5:00")
    assert chart([("a", 0)], "calls", upright=False).empty
    assert chart([], "calls", upright=True).empty


def test_a_line_of_csv() -> None:
    [head, line] = lines(Grouping.QUEUE, [ReportRow("@sum", Sums(calls=2), "t", "queue")])
    assert head.startswith("tenant,scope,queue,calls,answered,talk_ms")
    assert line.startswith("t,queue,'@sum,2,0,0")
