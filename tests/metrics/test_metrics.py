"""/metrics: who gets it, that it reads as Prometheus' format, that all of it is documented and drawn."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from controller.catalog import SqlCatalog, open_database
from controller.core.commands import OpenCapture
from controller.engine.metrics import BOUNDS, Family, Histogram, exposition
from controller.metering import Meter
from controller.web.app import create_app
from tests.docs.documents import DOCS, table_after
from tests.engine.bench import Running, now, user
from tests.hooks.receiver import until
from tests.web.conftest import password_hash, world
from tests.web.world import World

__all__ = ["password_hash", "world"]

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\.)*",?)*)\})? (-?[0-9.]+(?:e-?[0-9]+)?)')


@pytest.fixture
async def text(tmp_path: Path) -> str:
    """After a call whose capture the switch refused once and one that is up."""
    catalog = SqlCatalog(await open_database(f"sqlite+aiosqlite:///{tmp_path}/t.db"), now)
    try:
        async with Running(tmp_path) as running:
            running.switch.call(user("101"), user("102"))
            [engine] = running.engine.engines
            await until(lambda: ("OpenCapture", "done") in engine.stats.took)
            running.switch.fault(OpenCapture, refuse="no")
            running.switch.call(user("103"), user("104"))
            await until(lambda: ("OpenCapture", "refused") in engine.stats.took)
            await running.ask("pause-recording", "nowhere")
            return await Meter(running.engine, catalog, {"spool": tmp_path, "gone": tmp_path / "no"}).text()
    finally:
        await catalog.close()


def samples(text: str) -> dict[tuple[str, str], float]:
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            match = SAMPLE.fullmatch(line)
            assert match, line
            found[match[1], match[2] or ""] = float(match[3])
    return found


def test_what_is_shown_is_what_is(text: str) -> None:
    shown = samples(text)
    assert shown["tapeline_switch_up", 'switch="pbx"'] == 1
    assert shown["tapeline_calls", 'switch="pbx"'] == 2
    assert shown["tapeline_catalog_up", ""] == 1
    assert shown["tapeline_requests_total", 'switch="pbx"'] >= 0
    assert shown["tapeline_disk_size_bytes", 'place="spool"'] > 0
    assert ("tapeline_disk_size_bytes", 'place="gone"') not in shown
    for result in ("done", "refused"):
        labels = f'switch="pbx",command="OpenCapture",result="{result}"'
        count = shown["tapeline_command_seconds_count", labels]
        assert count >= 1
        assert shown["tapeline_command_seconds_bucket", f'{labels},le="+Inf"'] == count
    assert "101" not in text


def test_every_metric_is_documented_as_it_is(text: str) -> None:
    document = (DOCS / "reference/metrics.md").read_text(encoding="utf-8")
    rows = {r[0].strip("`"): (r[1], r[3]) for r in table_after(document, "# Metrics")}
    helps = dict(re.findall(r"^# HELP (\S+) (.*)$", text, re.MULTILINE))
    kinds = dict(re.findall(r"^# TYPE (\S+) (.*)$", text, re.MULTILINE))
    assert rows == {name: (kinds[name], about) for name, about in helps.items()}


def test_the_dashboard_asks_for_nothing_that_is_not_there(text: str) -> None:
    board = json.loads((DOCS / "grafana/tapeline.json").read_text(encoding="utf-8"))
    known = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    asked = set()
    for panel in board["panels"]:
        for target in panel["targets"]:
            names = re.findall(r"tapeline_[a-z_]+", target["expr"])
            assert names
            asked |= {re.sub(r"_(bucket|count|sum)$", "", n) for n in names}
    assert asked == known


def test_the_format() -> None:
    histogram = Histogram()
    for seconds in (0.001, 0.0011, 99):
        histogram.observe(seconds)
    name = 'a"b\\c\nd'
    shown = exposition(
        [Family("x", "gauge", "X.").add(1.5, {"n": name}), Family("y", "histogram", "Y.").add(histogram)]
    )
    lines = shown.splitlines()
    assert lines[2] == 'x{n="a\\"b\\\\c\\nd"} 1.5'
    assert 'y_bucket{le="0.001"} 1' in lines
    assert 'y_bucket{le="0.0025"} 2' in lines
    assert 'y_bucket{le="5"} 2' in lines
    assert 'y_bucket{le="+Inf"} 3' in lines
    assert sum("_bucket" in line for line in lines) == len(BOUNDS) + 1


async def test_a_database_that_is_away_is_told_of(tmp_path: Path) -> None:
    catalog = SqlCatalog(await open_database(f"sqlite+aiosqlite:///{tmp_path}/t.db"), now)

    async def away(*_: object) -> None:
        raise ConnectionError("away")

    catalog.job_counts = away  # type: ignore[method-assign, assignment]
    try:
        async with Running(tmp_path) as running:
            shown = samples(await Meter(running.engine, catalog, {}).text())
    finally:
        await catalog.close()
    assert shown["tapeline_catalog_up", ""] == 0


async def test_only_the_systems_administrator_gets_them(world: World) -> None:
    async def metrics() -> str:
        return "tapeline_info 1\n"

    world.app = create_app(replace(world.services, metrics=metrics))
    async with world.client("root") as root:
        answer = await root.get("/metrics")
        assert (answer.status_code, answer.text) == (200, "tapeline_info 1\n")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    async with world.client("red-admin") as red:
        assert (await red.get("/metrics")).status_code == 403
    async with world.client(None) as nobody:
        assert (await nobody.get("/metrics")).status_code in (303, 401)
