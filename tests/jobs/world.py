"""A catalog, a spool and a store with recordings that have just ended, and a node to work on them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from controller.catalog import SqlCatalog
from controller.catalog.run_engine import run_engine
from controller.core.calls import Call
from controller.core.captures import CaptureState
from controller.core.media_kinds import Kind
from controller.core.recording import Recording, Segment, segment_path
from controller.core.rules import Setting
from controller.engine.jobs import Lane, Runs
from controller.engine.reading import TenantSettings
from controller.jobs.durable import DbosRuns
from controller.jobs.steps import Steps
from controller.jobs.workers import Settings, Workers
from controller.media.finishing import FinishingTask
from controller.media.pipeline import MediaPipeline
from controller.media.spool import Patience
from controller.media.store import LocalStore
from tests.media.doubles import T0, voice, wav_bytes, write

BRIEF = Patience(settle_s=0.05, stable_s=0.02, appear_s=0.1, look_s=0.005)
TENANT = "acme.example"
PLACES = {Lane.SOUND: 4, Lane.FILM: 1, Lane.FINISHING: 2}


def now() -> datetime:
    return datetime.now(UTC)


def ended_call(
    recording_id: str,
    *spans: tuple[float, float],
    kind: Kind = Kind.AUDIO,
    tenant: str = TENANT,
    late_s: float = 0,
) -> Call:
    """A call that is over, with one recording of these captures."""
    began = T0 + timedelta(seconds=late_s)
    recording = Recording(recording_id, f"c{recording_id}", tenant, kind, "tenant", "a test", began)
    for number, (begin, end) in enumerate(spans, 1):
        path = segment_path(tenant, recording_id, number, kind, T0)
        opened, closed = (began + timedelta(seconds=s) for s in (begin, end))
        segment = Segment(f"{recording_id}.{number}", number, "leg", "bridge", path, kind, opened)
        segment.state, segment.opened_at, segment.closed_at = CaptureState.ENDED, opened, closed
        recording.segments.append(segment)
    recording.ended_at = began + timedelta(seconds=10)
    call = Call(f"c{recording_id}", began, answered_at=began, ended_at=recording.ended_at)
    call.recordings.append(recording)
    return call


class Noted:
    """A finishing task that notes what it was called for; ``fail`` says what it is to raise, if anything."""

    def __init__(self, name: str = "peaks", fail: Callable[[str], Exception | None] = lambda _: None) -> None:
        self.name = name
        self.done: list[str] = []
        self._fail = fail

    async def run(self, recording_id: str, progress: Callable[[float], None]) -> str:
        progress(0.5)
        self.done.append(recording_id)
        if error := self._fail(recording_id):
            raise error
        return ""


@dataclass
class World:
    url: str
    folder: Path
    catalog: SqlCatalog
    tasks: Sequence[FinishingTask] = ()
    settings: Settings = field(
        default_factory=lambda: Settings(("fs",), PLACES, poll_s=0.1, first_retry_s=0.05)
    )

    @property
    def spool(self) -> Path:
        return self.folder / "spool"

    @property
    def store(self) -> LocalStore:
        return LocalStore(self.folder / "store")

    async def record(
        self, recording_id: str, *contents: bytes | None, switch: str = "fs", **more: Any
    ) -> None:
        """An ended recording of one-second segments with these files (None: the switch wrote none)."""
        contents = contents or (wav_bytes(voice(800)),)
        call = ended_call(recording_id, *((n, n + 1.0) for n in range(len(contents))), **more)
        for segment, content in zip(call.recordings[0].segments, contents, strict=True):
            if content is not None:
                write(self.spool / segment.path, content)
        await self.catalog.set_tenant(TenantSettings(more.get("tenant", TENANT), Setting.ON, Setting.ON))
        await self.catalog.save(switch, [call], {})

    def pipeline(self, **more: Any) -> MediaPipeline:
        options: dict[str, Any] = {"patience": BRIEF, "tasks": self.tasks} | more
        return MediaPipeline(self.catalog, {"fs": self.spool}, self.store, now, **options)

    def workers(self, **more: Any) -> Workers:
        settings = replace(self.settings, **more)

        def runs(node: str, steps: Steps) -> Runs:
            return DbosRuns(run_engine(self.url), node, steps.do, lambda: steps.finishing)

        return Workers(self.catalog, self.pipeline(), runs, now, settings)

    async def state(self, recording_id: str) -> tuple[str, str]:
        """(media state, job state)."""
        from controller.engine.people import Scope

        job = await self.catalog.job(Scope(None), recording_id)
        return (job.media, str(job.state)) if job else ("", "")


@contextlib.asynccontextmanager
async def running(workers: Workers) -> AsyncIterator[Workers]:
    import asyncio

    task = asyncio.ensure_future(workers.run())
    try:
        yield workers
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def until(condition: Callable[[], Any], what: str = "", within_s: float = 20.0) -> None:
    """Wait for an awaitable condition to hold; looked at less and less often, for looking costs time, too."""
    import asyncio

    deadline, pause = time.monotonic() + within_s, 0.02
    while not await condition():
        assert time.monotonic() < deadline, what or "it did not come true in time"
        await asyncio.sleep(pause)
        pause = min(0.25, pause * 1.2)
