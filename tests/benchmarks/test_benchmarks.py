"""The benchmarks can be imported and are told of, and their numbers become a page with every number in its
column. They themselves take minutes and are run by hand."""

from __future__ import annotations

import importlib
import json
import pkgutil
import re
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

import pytest

import benchmarks
from benchmarks import plots, report
from benchmarks.__main__ import BENCHMARKS, LATEST
from benchmarks.result import Aim, Result, machine

SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize(
    "name", [m.name for m in pkgutil.iter_modules(benchmarks.__path__) if m.name[0] != "_"]
)
def test_it_can_be_imported(name: str) -> None:
    importlib.import_module(f"benchmarks.{name}")


def test_each_has_its_method_told() -> None:
    assert {name for name in BENCHMARKS if not (report.METHOD / f"{name}.md").exists()} == set()


def kept(*results: Result) -> dict[str, Any]:
    more = {"machine": machine(), "taken_at": "2026-11-28T10:00:00+00:00"}
    return {"benchmarks": {r.name: {**r.as_json(), **more} for r in results}}


def test_what_was_measured_last_is_drawn() -> None:
    found = json.loads(LATEST.read_text())
    page = report.page(found)
    for result in found["benchmarks"].values():
        assert f"## {result['title']}\n" in page
        report.show(result)
        for row in result["rows"]:
            assert "| " + " | ".join(report._cell(v) for v in row.values()) + " |" in page
    for line in page.splitlines():
        assert line.count("|") != 1


def test_the_page_shows_every_plot_that_is_drawn_and_no_other() -> None:
    result = Result("flood", "A flood")
    for name, points in (("SQLite", [(0, 90.5), (60, 120)]), ("Postgre<SQL>", [(0, 80), (75, 99)])):
        for x, y in points:
            result.point("memory, MB", "seconds", name, x, y)
    result.point("nothing waits", "seconds", "SQLite", 0, 0)
    found = json.loads(json.dumps(kept(result)))
    drawn = report.plots(found)
    shown = re.findall(r"!\[.*\]\(performance/(.*)\)", report.page(found))
    assert shown == list(drawn) == ["flood-1.svg", "flood-2.svg"]
    for picture in drawn.values():
        ElementTree.fromstring(picture)


def test_a_plot_has_round_numbers_and_each_point_in_its_place() -> None:
    result = Result("x", "x")
    for x, y in ((0, 0), (30, 50), (60, 100)):
        result.point("memory", "seconds", "SQLite", x, y)
    picture = ElementTree.fromstring(plots.svg(asdict(result.plots[0])))
    texts = [element.text for element in picture.iter(f"{SVG}text")]
    assert texts == [
        "memory",
        "0",
        "20",
        "40",
        "60",
        "80",
        "100",
        *["0", "10", "20", "30", "40", "50", "60"],
        "seconds",
        "SQLite",
    ]
    [line] = picture.iter(f"{SVG}polyline")
    places = [tuple(map(float, point.split(","))) for point in line.get("points", "").split()]
    (left, bottom), (middle, half), (right, top) = places
    assert (middle, half) == ((left + right) / 2, (bottom + top) / 2)
    assert 0 < left < right < plots.WIDTH
    assert 0 < top < bottom < plots.HEIGHT


def test_a_number_stands_under_its_own_column() -> None:
    result = Result("x", "Two kinds of rows")
    result.rows = [{"what": "a", "times": 2.0}, {"what": "b", "percent": 95.0}, {"what": "c", "times": 3}]
    result.aims = [Aim("percent", "≥ 90", "95", True)]
    page = report.page(kept(result))
    assert (
        "| what | times |\n|---|---|\n| a | 2.0 |\n| c | 3 |\n\n| what | percent |\n|---|---|\n| b | 95.0 |\n"
        in page
    )
    assert "| percent | ≥ 90 | 95 | met |" in page
