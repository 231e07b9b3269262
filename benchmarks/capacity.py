"""What the controller adds: so many recorded calls with sound both ways, recorded by the switch from its own
dialplan without a controller, and then the same recorded by the controller, in turns on fresh switches.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from statistics import mean

from controller.config import load
from controller.demo.asterisk_lab import AsteriskLab
from controller.demo.freeswitch_lab import FreeSwitchLab
from controller.demo.lab import LabUnavailable
from controller.demo.running import RunningController, items
from controller.engine.jobs import JobState
from controller.engine.people import Scope
from controller.working import open_catalog

from .crowd import crowd
from .plant import children, cpu_s, own_cpu_s, resident_mb
from .result import Aim, Result
from .start_loss import PlainAsterisk, PlainFreeSwitch
from .telephony import PAIRS, Lab, recorded_by_controller

#: Calls up at once, in one step after the other.
STEPS = [int(n) for n in os.environ.get("CAPACITY_CALLS", "100,200").split(",")]
#: How long all of them are up.
TALK_S = float(os.environ.get("CAPACITY_SECONDS", "30"))
#: Before the first of them.
QUIET_S = 10.0
ROUNDS = int(os.environ.get("CAPACITY_ROUNDS", "2"))
SHARE = 0.10
_ALONE, _CONTROLLED = "the switch by itself", "with Tapeline"
#: After the last call, until every recording is in the store.
_DONE_S = 300.0


class LoneFreeSwitch(PlainFreeSwitch):
    own_name = "${uuid}"


class LoneAsterisk(PlainAsterisk):
    own_name = "${UNIQUEID}"


@dataclass(frozen=True, slots=True)
class Mark:
    """CPU that has been used until now, in seconds; ``idle`` of all cores."""

    at: float
    switch: float
    controller: float
    worker: float
    idle: float


@dataclass(frozen=True, slots=True)
class Taken:
    """``quiet``, without any call, until ``before`` the first one; with all of them up (``begin`` to
    ``end``), ``over`` with the last of them, and ``done`` when every recording is in the store."""

    up: int
    recorded: int
    quiet: Mark
    before: Mark
    begin: Mark
    end: Mark
    over: Mark
    done: Mark
    switch_mb: float
    controller_mb: float
    worker_mb: float

    @property
    def talk_s(self) -> float:
        return self.end.at - self.begin.at

    @property
    def idle(self) -> float:
        return (self.end.idle - self.begin.idle) / self.talk_s / (os.cpu_count() or 1)

    @property
    def switch(self) -> float:
        """Cores, while the calls are up; and below the controller's, with its worker."""
        return (self.end.switch - self.begin.switch) / self.talk_s

    @property
    def controller(self) -> float:
        mine = self.end.controller - self.begin.controller + self.end.worker - self.begin.worker
        return mine / self.talk_s

    @property
    def controller_quiet(self) -> float:
        mine = self.before.controller - self.quiet.controller + self.before.worker - self.quiet.worker
        return mine / (self.before.at - self.quiet.at)

    @property
    def switch_edges(self) -> float:
        """Seconds to set all calls up and end them."""
        return self.over.switch - self.before.switch - (self.end.switch - self.begin.switch)

    @property
    def controller_edges(self) -> float:
        return self.done.controller - self.before.controller - (self.end.controller - self.begin.controller)

    @property
    def work(self) -> float:
        """Seconds of the worker, on all recordings."""
        return self.done.worker - self.before.worker

    @property
    def whole(self) -> float:
        """All seconds: the switch's, the controller's, the worker's."""
        return (
            self.over.switch - self.before.switch + self.done.controller - self.before.controller + self.work
        )


def run() -> Result:
    result = Result("capacity", "Recorded calls: what the controller adds to the switch")
    for kind, alone, ours in (
        ("asterisk", LoneAsterisk, AsteriskLab),
        ("freeswitch", LoneFreeSwitch, FreeSwitchLab),
    ):
        for calls in STEPS:
            try:
                rounds = [_round(calls, alone, ours) for _ in range(ROUNDS)]
            except LabUnavailable as error:
                result.notes.append(f"{kind}: not measured here: {error}")
                result.aims.append(Aim(f"{kind}: CPU added", f"≤ {SHARE:.0%}", "not measured here", None))
                break
            _report(result, kind, calls, [r[0] for r in rounds], [r[1] for r in rounds])
    return result


def _round(calls: int, alone: Callable[[], Lab], ours: Callable[[], Lab]) -> tuple[Taken, Taken]:
    return asyncio.run(_by_itself(alone(), calls)), asyncio.run(_controlled(ours(), calls))


async def _by_itself(lab: Lab, calls: int) -> Taken:
    async with lab:

        async def recorded() -> int:
            # One is of the first call.
            return sum(file.stat().st_size > 0 for file in (lab.folder / "own").iterdir()) - 1

        return await _measure(lab, calls, None, recorded)


async def _controlled(lab: Lab, calls: int) -> Taken:
    async with lab, recorded_by_controller(lab) as recorder:
        controller = recorder.controller

        async def recorded() -> int:
            live = items((await controller.api("GET", "/live")).body)
            return sum(r["state"] == "recording" for call in live for r in call["recordings"])

        return await _measure(lab, calls, controller, recorded)


async def _measure(
    lab: Lab, calls: int, controller: RunningController | None, recorded: Callable[[], Awaitable[int]]
) -> Taken:
    pid = (controller.pid if controller else None) or 0
    async with crowd(lab, PAIRS[-1], 1):
        pass  # what is loaded with the first call is not these calls'
    if controller is not None:
        await _all_done(controller, 1)
    quiet = _mark(lab, pid)
    await asyncio.sleep(QUIET_S)
    before = _mark(lab, pid)
    async with crowd(lab, PAIRS[-1], calls) as up:
        begin = _mark(lab, pid)
        await asyncio.sleep(TALK_S)
        end = _mark(lab, pid)
        running = await recorded()
        memory = resident_mb(lab.pid), resident_mb(pid), sum(map(resident_mb, children(pid)))
    over = _mark(lab, pid)
    if controller is not None:
        await _all_done(controller, 1 + running)
    return Taken(up, running, quiet, before, begin, end, over, _mark(lab, pid), *memory)


async def _all_done(controller: RunningController, recordings: int) -> None:
    async with open_catalog(load(controller.config_file, {})) as catalog, asyncio.timeout(_DONE_S):
        # Seldom: to ask costs CPU as well.
        while (await catalog.job_counts(Scope(None))).get(JobState.DONE, 0) < recordings:  # noqa: ASYNC110
            await asyncio.sleep(1)


def _mark(lab: Lab, pid: int) -> Mark:
    own = own_cpu_s(pid) if pid else 0.0
    with open("/proc/stat") as file:
        idle = int(file.readline().split()[4]) / os.sysconf("SC_CLK_TCK")
    return Mark(time.monotonic(), cpu_s(lab.pid), own, (cpu_s(pid) if pid else 0.0) - own, idle)


def _report(result: Result, kind: str, calls: int, alone: list[Taken], controlled: list[Taken]) -> None:
    for way, taken in ((_ALONE, alone), (_CONTROLLED, controlled)):
        result.rows.append(
            {
                "switch": kind,
                "recorded by": way,
                "calls": round(mean(t.up for t in taken)),
                "recorded": round(mean(t.recorded for t in taken)),
                "machine idle %": round(100 * mean(t.idle for t in taken)),
                "controller without calls, % of a core": _percent(taken, lambda t: t.controller_quiet),
                "switch, % of a core": _percent(taken, lambda t: t.switch),
                "controller, % of a core": _percent(taken, lambda t: t.controller),
                "switch, ms to set up and end a call": _ms(taken, lambda t: t.switch_edges),
                "controller, ms to set up and end a call": _ms(taken, lambda t: t.controller_edges),
                "worker, ms a recording": _ms(taken, lambda t: t.work),
                "switch MB": round(mean(t.switch_mb for t in taken)),
                "controller MB": round(mean(t.controller_mb for t in taken)),
                "worker MB": round(mean(t.worker_mb for t in taken)),
            }
        )
    talking = _cores(controlled) / _cores(alone) - 1
    whole = mean(t.whole for t in controlled) / mean(t.whole for t in alone) - 1
    what = f"{kind}, {calls} calls"
    result.aims.append(
        Aim(f"{what}: CPU added while they talk", f"≤ {SHARE:.0%}", f"{talking:.1%}", talking <= SHARE)
    )
    what = f"{what}: CPU added from the first call to the last recording in the store"
    result.aims.append(Aim(what, f"≤ {SHARE:.0%}", f"{whole:.1%}", whole <= SHARE))
    for way, taken in ((_ALONE, alone), (_CONTROLLED, controlled)):
        result.point("cores while they talk", "recorded calls", f"{kind}, {way}", calls, _cores(taken))


def _percent(taken: list[Taken], share: Callable[[Taken], float]) -> float:
    return round(100 * mean(map(share, taken)), 1)


def _ms(taken: list[Taken], seconds: Callable[[Taken], float]) -> float:
    return round(1000 * mean(seconds(t) / max(1, t.up) for t in taken), 1)


def _cores(taken: list[Taken]) -> float:
    """Of switch and controller together, while the calls are up."""
    return round(mean(t.switch + t.controller for t in taken), 3)
