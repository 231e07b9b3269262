"""The benchmarks can be imported and are told of, and their numbers become a page with every number in its
column. They themselves take minutes and are run by hand."""

from __future__ import annotations

import importlib
import json
import pkgutil
from typing import Any

import pytest

import benchmarks
from benchmarks import report
from benchmarks.__main__ import BENCHMARKS, LATEST
from benchmarks.result import Aim, Result, machine


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
