"""/metrics: who gets it, that it reads as Prometheus' format, that all of it is documented and drawn."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from controller.catalog import SqlCatalog, open_database
from controller.core.commands import OpenCapture
from controller.engine.leasing import Cluster
from controller.engine.metrics import BOUNDS, Family, Histogram, exposition
from controller.jobs.steps import Steps
from controller.metering import Meter
from controller.web.app import create_app
from tests.docs.documents import DOCS, table_after
from tests.engine.bench import Running, now, user
from tests.hooks.receiver import until
from tests.web.conftest import password_hash, populated, world
from tests.web.serving import served
from tests.web.world import World

__all__ = ["password_hash", "populated", "world"]

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
            places = {"spool": tmp_path, "gone": tmp_path / "no"}
            return await Meter(running.engine, lambda: Cluster({}, {}), catalog, places).text()
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
    assert not [labels for _, labels in shown if "101" in labels], "no number of a party"


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
            shown = samples(await Meter(running.engine, lambda: Cluster({}, {}), catalog, {}).text())
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


async def test_each_route_is_timed_by_its_template_and_streams_are_counted(world: World) -> None:
    stats, recording = world.services.http, world.recordings["red"]
    async with world.client("red-admin") as red:
        assert (await red.get(f"/api/v1/recordings/{recording}")).status_code == 200
        assert (await red.get("/api/v1/recordings/no-such")).status_code == 404
        assert (await red.request("HACK", "/api/v1/recordings/x")).status_code == 405
        await red.get("/made/up/by/a/stranger")
        await red.get("/static/app.css")
    route = "/api/v1/recordings/{recording_id}"
    assert sum(stats.took["GET", route, "2xx"].counts) == 1
    assert sum(stats.took["GET", route, "4xx"].counts) == 1
    assert not [key for key in stats.took if "stranger" in str(key) or recording in str(key) or "HACK" in key]
    async with served(world) as url, httpx.AsyncClient(base_url=url) as client:
        headers = {"authorization": f"Bearer {world.tokens['red-admin']}"}
        async with client.stream("GET", "/api/v1/live/events", headers=headers) as answer:
            assert answer.status_code == 200
            await until(lambda: stats.streams.get("/api/v1/live/events") == 1)
        await until(lambda: stats.streams["/api/v1/live/events"] == 0)


async def test_a_request_is_timed_to_the_switchs_confirmation(tmp_path: Path) -> None:
    async with Running(tmp_path) as running:
        running.switch.call(user("101"), user("102"))
        [engine] = running.engine.engines
        await until(lambda: ("OpenCapture", "done") in engine.stats.took)
        [call] = running.engine.live_calls()
        await running.ask("pause-recording", call.call_id)
        await running.ask("pause-recording", "nowhere")
        assert sum(engine.stats.controlled["pause-recording", "confirmed"].counts) == 1


async def test_each_step_of_the_work_is_counted_with_its_outcome() -> None:
    class NoCatalog:
        async def due_of(self, recording_ids: object) -> list[object]:
            raise ConnectionError("away")

    class Media:
        task_names = ("encode",)

        async def finish(self, recording_id: str, task: str, progress: object) -> tuple[str, str]:
            return "", "no encoder" if recording_id == "bad" else ""

    steps = Steps(NoCatalog(), Media(), lambda *_: None)  # type: ignore[arg-type]
    for recording in ("good", "bad"):
        await steps.do("encode", recording, {})
    await steps.do("store", "good", {})
    counted = {key: sum(h.counts) for key, h in steps.took.items()}
    assert counted == {("encode", "done"): 1, ("encode", "failed"): 1, ("store", "failed"): 1}
