"""What /metrics shows: every part asked for its numbers at the moment of the scrape."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from . import __version__
from .engine.bounded import within
from .engine.engine import Engine
from .engine.hooks import HookQueue
from .engine.jobs import JobReader
from .engine.leasing import Cluster
from .engine.metrics import Family, Histogram, HttpStats, exposition
from .engine.people import Scope
from .engine.ports import LinkState

#: How late the event loop wakes somebody who sleeps so long.
_NAP_S = 0.01
#: So long the catalog may take; a scrape takes no longer for one that is away.
_ANSWER_S = 3.0


class MeteredCatalog(JobReader, HookQueue, Protocol):
    """What is counted in the catalog: rows that wait, never all rows."""


class Meter:
    """``places``: what to call each folder, and where it is (spools and the store). ``steps``: what the work
    on recordings took in the worker process, by step and result."""

    def __init__(
        self, engine: Engine, cluster: Callable[[], Cluster], catalog: MeteredCatalog,
        places: Mapping[str, Path],
        http: HttpStats | None = None, steps: Mapping[tuple[str, str], Histogram] | None = None,
    ) -> None:  # fmt: skip
        self._cluster = cluster
        self._engine, self._catalog, self._places = engine, catalog, dict(places)
        self._http, self._steps = http or HttpStats(), steps if steps is not None else {}

    async def text(self) -> str:
        families = [Family("tapeline_info", "gauge", "The version.").add(1, {"version": __version__})]
        families += self._of_leases()
        families += self._of_switches() + self._of_calls()
        families += self._of_steps() + self._of_http()
        families += await self._of_catalog() + await asyncio.to_thread(self._of_disks)
        families.append(await _of_loop())
        return exposition(families)

    def _of_leases(self) -> list[Family]:
        held = Family("tapeline_lease_held", "gauge", "Whether this controller has the switch now.")
        for e in self._engine.engines:
            held.add(e.acting, {"switch": e.switch.name})
        alive = Family("tapeline_controllers", "gauge", "Controllers that live, this one among them.")
        return [held, alive.add(sum(c.alive for c in self._cluster().controllers.values()))]

    def _of_switches(self) -> list[Family]:
        up = Family("tapeline_switch_up", "gauge", "Whether the controller is connected to the switch.")
        facts = Family("tapeline_switch_facts_total", "counter", "What the switch has told.")
        requests = Family("tapeline_requests_total", "counter", "Requests to control a recording.")
        refused = Family("tapeline_requests_refused_total", "counter", "Those that were refused, by reason.")
        took = Family(
            "tapeline_command_seconds", "histogram",
            "From sending a command to the switch's answer, by command and result.",
        )  # fmt: skip
        control = Family(
            "tapeline_control_seconds", "histogram",
            "From a request to control a recording to the switch's confirmation, by operation and result.",
        )  # fmt: skip
        behind = Family("tapeline_saver_waiting_calls", "gauge", "Changed calls not in the catalog yet.")
        for e in self._engine.engines:
            switch = {"switch": e.switch.name}
            up.add(e.status.state is LinkState.UP, switch)
            facts.add(e.stats.facts, switch)
            requests.add(e.stats.requests, switch)
            for reason, count in sorted(e.stats.refused.items()):
                refused.add(count, {**switch, "reason": reason})
            for (command, result), histogram in sorted(e.stats.took.items()):
                took.add(histogram, {**switch, "command": command, "result": result})
            for (operation, result), histogram in sorted(e.stats.controlled.items()):
                control.add(histogram, {**switch, "operation": operation, "result": result})
            behind.add(e.saver.waiting, switch)
        return [up, facts, requests, refused, took, control, behind]

    def _of_calls(self) -> list[Family]:
        calls = Family("tapeline_calls", "gauge", "Calls that are up.")
        recordings = Family("tapeline_recordings_running", "gauge", "Running recordings, by kind.")
        paused = Family("tapeline_recordings_paused", "gauge", "Those of them that are paused.")
        captures = Family("tapeline_captures", "gauge", "Captures of running recordings, by state.")
        for e in self._engine.engines:
            switch = {"switch": e.switch.name}
            running = [r for call in e.desk.book for r in call.recordings if r.ended_at is None]
            calls.add(sum(1 for _ in e.desk.book), switch)
            for kind in ("audio", "video"):
                of_kind = [r for r in running if str(r.kind) == kind]
                recordings.add(len(of_kind), {**switch, "kind": kind})
                paused.add(sum(r.open_pause is not None for r in of_kind), {**switch, "kind": kind})
            states = Counter(str(s.state) for r in running for s in r.segments)
            for state, count in sorted(states.items()):
                captures.add(count, {**switch, "state": state})
        return [calls, recordings, paused, captures]

    def _of_steps(self) -> list[Family]:
        took = Family(
            "tapeline_media_step_seconds", "histogram",
            "Work on recordings by this controller's worker process (store, render, encode and so on), "
            "by step and result.",
        )  # fmt: skip
        for (step, result), histogram in sorted(dict(self._steps).items()):
            took.add(histogram, {"step": step, "result": result})
        return [took]

    def _of_http(self) -> list[Family]:
        took = Family(
            "tapeline_http_request_seconds", "histogram",
            "From a web request to the beginning of its answer, by route and class of status.",
        )  # fmt: skip
        streams = Family("tapeline_http_streams", "gauge", "Event streams that are open, by route.")
        for (method, route, status), histogram in sorted(self._http.took.items()):
            took.add(histogram, {"method": method, "route": route, "status": status})
        for route, count in sorted(self._http.streams.items()):
            streams.add(count, {"route": route})
        return [took, streams]

    async def _of_catalog(self) -> list[Family]:
        jobs = Family("tapeline_jobs", "gauge", "Work on recordings, by state.")
        hooks = Family("tapeline_webhook_deliveries", "gauge", "Deliveries in the log, by state.")
        up = Family("tapeline_catalog_up", "gauge", "Whether the catalog answers.")
        try:
            counted = await within(_ANSWER_S, self._catalog.job_counts(Scope(None)))
            waiting = await within(_ANSWER_S, self._catalog.hook_backlog())
        except Exception:
            # A scrape tells of a database that is away; it does not fail with it.
            return [up.add(0), jobs, hooks]
        for state, count in sorted(counted.items()):
            jobs.add(count, {"state": str(state)})
        for name, count in sorted(waiting.items()):
            hooks.add(count, {"state": name})
        return [up.add(1), jobs, hooks]

    def _of_disks(self) -> list[Family]:
        free = Family("tapeline_disk_free_bytes", "gauge", "Free on the disk of a spool or the store.")
        size = Family("tapeline_disk_size_bytes", "gauge", "Its size.")
        for place, path in sorted(self._places.items()):
            try:
                usage = shutil.disk_usage(path)
            except OSError:
                continue  # one that is not there is the pipeline's to complain about
            free.add(usage.free, {"place": place})
            size.add(usage.total, {"place": place})
        return [free, size]


async def _of_loop() -> Family:
    loop = asyncio.get_running_loop()
    began = loop.time()
    await asyncio.sleep(_NAP_S)
    lag = max(0.0, loop.time() - began - _NAP_S)
    return Family("tapeline_event_loop_lag_seconds", "gauge", "How late the event loop is now.").add(lag)
