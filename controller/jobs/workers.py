"""A node at work: it looks what is due, waits for the files, claims, runs, notes the end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from ..engine import tracing
from ..engine.jobs import Candidate, Claimed, JobStore, Lane, Limits, Node, Phase, Runs, RunsAway, Superseded
from ..engine.log_context import bind
from ..engine.media_ports import DueRecording
from ..engine.metrics import Histogram
from .liveness import Heart, place
from .steps import Answer, DueSource, Media, Steps, outcome_of

log = structlog.get_logger(__name__)

_LAST_RETRY_S = 600.0
_REST_S = 2.0
_CLOSE_S = 1.5
_FORGET_S = 3600.0
#: So many recordings' files are watched at once, and chosen from.
_WATCHED = 200
#: Looks for what is due are this far apart at least: calls may end by the dozen in a second.
_BETWEEN_LOOKS_S = 0.2


class WorkCatalog(JobStore, DueSource, Protocol):
    """The part of the catalog that the workers need."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``places`` are a node's own; ``limits`` hold over all nodes. Times in seconds.

    ``orphans``: this node also takes, and so complains of, recordings of switches that nobody knows;
    ``elsewhere`` are switches whose spool another machine has, alive or not: those it never takes.
    """

    switches: tuple[str, ...]
    places: dict[Lane, int] = field(default_factory=lambda: {Lane.SOUND: 4, Lane.FILM: 1, Lane.FINISHING: 2})
    limits: Limits = field(default_factory=Limits)
    poll_s: float = 5.0
    first_retry_s: float = 2.0
    give_up_after: timedelta = timedelta(days=7)
    keep: timedelta = timedelta(days=2)
    orphans: bool = True
    elsewhere: tuple[str, ...] = ()
    label: str = ""


class Workers:
    """``runs`` makes the durable engine from the node's name and its steps."""

    def __init__(
        self,
        catalog: WorkCatalog,
        media: Media,
        runs: Callable[[str, Steps], Runs],
        now: Callable[[], datetime],
        settings: Settings,
    ) -> None:
        self._catalog = catalog
        self._media = media
        self._now = now
        self._settings = settings
        name = f"{settings.label or place().split()[0]}-{os.getpid()}-{random.randrange(16**6):06x}"
        self.node = Node(name, place(), os.getpid(), 0, settings.switches, now(), now())
        self._progress: dict[str, tuple[str, float | None]] = {}
        self._steps = Steps(catalog, media, self._told)
        self._runs = runs(name, self._steps)
        self._heart = Heart(catalog, self.node, now, self._running_progress, self.poke)
        self._wake = asyncio.Event()
        self._due = True
        self._looked_at = -float("inf")
        self._next_try = float("inf")
        self._tasks: dict[str, tuple[Lane, asyncio.Task[None]]] = {}
        self._watching: dict[str, asyncio.Task[None]] = {}
        self._ready: set[str] = set()
        self._claimable: dict[Lane, dict[str, Candidate]] = {lane: {} for lane in Lane}
        self._open = False
        self.error = ""
        #: Called when a recording is finished, or is not to be for now.
        self.on_finished: Callable[[], None] = lambda: None

    def poke(self) -> None:
        """A recording may have ended: look soon. To be called on the event loop."""
        self._due = True
        self._wake.set()

    async def run(self) -> None:
        """Work off what is due, now and as it comes. Never returns by itself; cancel it to stop."""
        self._media.resume()
        helpers = [asyncio.create_task(work()) for work in (self._keep_open, self._heart.run, self._tidy)]
        try:
            while True:
                self._wake.clear()
                if self._open and self._heart.beating:
                    await self._look()
                with contextlib.suppress(TimeoutError):
                    # Not wait_for: up to Python 3.11 it loses a cancellation that meets the wake-up.
                    async with asyncio.timeout(self._until_next_look()):
                        await self._wake.wait()
        finally:
            self._media.stop()  # its thread would otherwise be waited for at the exit
            tasks = [*helpers, *self._watching.values(), *(task for _, task in self._tasks.values())]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._runs.close(_CLOSE_S)
            await self._heart.sign_off(_CLOSE_S)

    def _until_next_look(self) -> float:
        now = time.monotonic()
        soon = min(self._next_try, self._looked_at + self._settings.poll_s)
        if self._due:
            soon = min(soon, self._looked_at + _BETWEEN_LOOKS_S)
        return min(max(0.01, soon - now), self._settings.poll_s)

    # ── finding and claiming ──────────────────────────────────────────────────────────────

    async def _look(self) -> None:
        now = time.monotonic()
        since = now - self._looked_at
        try:
            pause = _BETWEEN_LOOKS_S if self._due else self._settings.poll_s
            if since >= min(pause, self._settings.poll_s) or now >= self._next_try:
                self._due, self._looked_at = False, now
                if now >= self._next_try:
                    self._next_try = float("inf")
                await self._find()
            for lane in Lane:
                await self._claim(lane)
            self._well()
        except Exception as error:
            # The database is away, say. What is due stays due; the next look finds it.
            self._away("the catalog could not say which recordings are due", error)
            self._due = True
            await asyncio.sleep(min(self._settings.poll_s, _REST_S))

    async def _find(self) -> None:
        waiting: dict[str, tuple[Lane, Candidate]] = {}
        seen: set[str] = set()
        for lane in Lane:
            found = await self._catalog.candidates(
                lane, self._settings.switches, _WATCHED + len(self._watching),
                orphans=self._settings.orphans, elsewhere=self._settings.elsewhere,
            )  # fmt: skip
            seen |= {c.recording_id for c in found}
            fresh = [c for c in found if c.recording_id not in self._tasks]
            self._claimable[lane] = {c.recording_id: c for c in fresh if self._is_ready(c)}
            waiting |= {c.recording_id: (lane, c) for c in fresh if not self._is_ready(c)}
        self._ready &= seen
        wanted = [i for i in waiting if i not in self._watching][: _WATCHED - len(self._watching)]
        for recording in await self._catalog.due_of(wanted) if wanted else ():
            lane, candidate = waiting[recording.recording_id]
            task = asyncio.create_task(self._watch(lane, candidate, recording))
            self._watching[recording.recording_id] = task

    def _is_ready(self, candidate: Candidate) -> bool:
        return candidate.phase is Phase.FINISHING or candidate.again or candidate.recording_id in self._ready

    async def _watch(self, lane: Lane, candidate: Candidate, recording: DueRecording) -> None:
        """Waiting for a switch takes nobody's place, neither a node's nor a tenant's."""
        bind(call=recording.call_id, recording=recording.recording_id)
        try:
            await self._media.ready(recording)
        finally:
            self._watching.pop(candidate.recording_id, None)
        self._ready.add(candidate.recording_id)
        self._claimable[lane][candidate.recording_id] = candidate
        self._wake.set()

    async def _claim(self, lane: Lane) -> None:
        running = sum(other is lane for other, _ in self._tasks.values())
        free = self._settings.places[lane] - running
        wanted = [c for i, c in self._claimable[lane].items() if i not in self._tasks]
        if free <= 0 or not wanted:
            return
        claimed = await self._catalog.claim(self.node.name, wanted, self._settings.limits, free)
        for job in claimed:
            self._claimable[lane].pop(job.recording_id, None)
            self._ready.discard(job.recording_id)
            self._tasks[job.recording_id] = (lane, asyncio.create_task(self._work(lane, job)))
        if len(claimed) < free and len(wanted) > len(claimed):
            self._claimable[lane].clear()  # others have them, or their tenants have enough: look anew

    # ── running and noting ────────────────────────────────────────────────────────────────

    async def _work(self, lane: Lane, job: Claimed) -> None:
        bind(recording=job.recording_id)
        try:
            await self._run(job)
        except Superseded:
            log.info("another node has taken this over", recording=job.recording_id)
        except Exception as error:
            if not isinstance(error, RunsAway):
                log.exception("a run could not be done", recording=job.recording_id)
            self._away("the durable runs cannot be reached", error)
            at = self._now() + timedelta(seconds=_REST_S)
            await self._surely(lambda: self._catalog.let_go(self.node.name, job, next_at=at))
            self._try_again_in(_REST_S)
        finally:
            self._tasks.pop(job.recording_id, None)
            self._progress.pop(job.recording_id, None)
            self._due = self._due or not self._claimable[lane]
            self._wake.set()

    async def _run(self, job: Claimed) -> None:
        phase, recording = str(job.phase), job.recording_id
        with tracing.span(
            f"recording {phase}", phase=phase, recording=recording, run=job.run_id, tries=job.tries
        ) as span:
            with self._steps.part_of_this(recording):
                answers = await self._runs.execute(job.run_id, job.phase, recording, again=job.again)
            if any(a.get("error") for a in answers):
                span.fail("failed")
            await self._surely(lambda: self._note(job, list(answers)))

    async def _note(self, job: Claimed, answers: list[Answer]) -> None:
        outcome = outcome_of(job.phase, answers, bool(self._steps.finishing), self._hopeless(job))
        next_at = None
        if outcome.error and not outcome.final:
            delay = min(_LAST_RETRY_S, self._settings.first_retry_s * 2 ** min(job.tries, 16))
            next_at = self._now() + timedelta(seconds=delay)
            self._try_again_in(delay)
        if not await self._catalog.settle(self.node.name, job, outcome, next_at=next_at):
            log.info("another node has taken this over", recording=job.recording_id)
        self._due = self._due or outcome.finishing
        if not outcome.finishing:
            self.on_finished()

    def _hopeless(self, job: Claimed) -> bool:
        """A finishing task that has failed for days; files are tried for ever."""
        tries = 10 + self._settings.give_up_after / timedelta(seconds=_LAST_RETRY_S)
        return job.phase is Phase.FINISHING and job.tries >= tries

    async def _surely(self, note: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await note()
            except Exception as error:
                self._away("the end of a run could not be noted", error)
            await asyncio.sleep(_REST_S)

    def _try_again_in(self, seconds: float) -> None:
        self._next_try = min(self._next_try, time.monotonic() + seconds)

    def _told(self, recording_id: str, step: str, fraction: float | None) -> None:
        self._progress[recording_id] = (step, fraction)

    @property
    def took(self) -> dict[tuple[str, str], Histogram]:
        """What the steps took in this process, by step and result."""
        return self._steps.took

    def _running_progress(self) -> dict[str, tuple[str, float | None]]:
        return {i: p for i in self._tasks if (p := self._progress.get(i)) is not None}

    # ── the durable engine ────────────────────────────────────────────────────────────────

    async def _keep_open(self) -> None:
        pause = 0.5
        while not self._open:
            try:
                await self._runs.open()
                self._open = True
            except RunsAway as error:
                self._away("the durable runs cannot be reached; recordings wait in the catalog", error)
                await asyncio.sleep(pause)
                pause = min(30.0, pause * 2)
        self._well()
        self.poke()

    async def _tidy(self) -> None:
        """What was done long ago is forgotten, or the tables would grow for ever."""
        while True:
            await asyncio.sleep(_FORGET_S * random.uniform(0.5, 1.0))
            try:
                await self.tidy()
            except Exception as error:
                self._away("old runs could not be removed", error)

    async def tidy(self) -> tuple[int, int]:
        """Forget what was done longer ago than it is kept: (jobs, runs)."""
        before = self._now() - self._settings.keep
        nodes = [n.name for n in await self._catalog.nodes()]
        return await self._catalog.forget_jobs(before), await self._runs.forget(before, nodes)

    def _away(self, what: str, error: Exception) -> None:
        why = f"{type(error).__name__}: {error}"
        if not self.error:
            log.warning(what, why=why)
        self.error = f"{what}: {why}"

    def _well(self) -> None:
        if self.error and self._open:
            log.info("work on recordings goes on")
            self.error = ""
