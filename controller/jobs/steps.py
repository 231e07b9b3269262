"""The work of a run in steps: what each does, and in which order, whatever engine remembers them."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from ..engine import tracing
from ..engine.jobs import Outcome, Phase
from ..engine.log_context import about, bind
from ..engine.media_ports import DueRecording, MediaState
from ..engine.metrics import Histogram

#: What a step answers: small, plain JSON. ``error`` is a failure in people's words.
Answer = Mapping[str, Any]


class Taken(Protocol):
    """What became of a recording's segments (see media/pipeline)."""

    @property
    def state(self) -> MediaState | None: ...
    @property
    def usable(self) -> tuple[int, ...]: ...
    @property
    def notes(self) -> str: ...


class Media(Protocol):
    """The media pipeline, step by step. Every step may be repeated."""

    @property
    def task_names(self) -> tuple[str, ...]: ...
    def stop(self) -> None: ...
    def resume(self) -> None: ...
    async def ready(self, recording: DueRecording) -> None: ...
    async def take(self, recording: DueRecording) -> Taken: ...
    async def join(
        self, recording: DueRecording, usable: Sequence[int], notes: str
    ) -> tuple[MediaState, str]: ...
    async def finish(
        self, recording_id: str, task: str, progress: Callable[[float], None]
    ) -> tuple[str, str]: ...


class DueSource(Protocol):
    async def due_of(self, recording_ids: Collection[str]) -> list[DueRecording]: ...


class Steps:
    """``told`` hears (recording id, step, 0 to 1 or None), from any thread."""

    def __init__(
        self, catalog: DueSource, media: Media, told: Callable[[str, str, float | None], None]
    ) -> None:
        self._catalog = catalog
        self._media = media
        self._told = told
        #: (step, done or failed) → how long, since this process began.
        self.took: dict[tuple[str, str], Histogram] = {}
        #: Recording id → where its run is: the steps are called from the durable engine's own threads.
        self._runs: dict[str, tracing.Place | None] = {}

    @property
    def finishing(self) -> tuple[str, ...]:
        return self._media.task_names

    @contextmanager
    def part_of_this(self, recording_id: str) -> Iterator[None]:
        """The recording's steps are meanwhile a part of what goes on here."""
        self._runs[recording_id] = tracing.here()
        try:
            yield
        finally:
            del self._runs[recording_id]

    async def do(self, step: str, recording_id: str, before: Answer) -> Answer:
        """One step. ``before`` is what the step before answered. A failure is answered, not raised."""
        began = time.perf_counter()
        with (
            about(recording=recording_id),
            tracing.under(self._runs.get(recording_id)),
            tracing.span(f"step {step}", step=step, recording=recording_id) as span,
        ):
            answer = await self._do(step, recording_id, before)
            result = "failed" if answer.get("error") else "done"
            span.note(result=result)
            if result == "failed":
                span.fail(result)
        self.took.setdefault((step, result), Histogram()).observe(time.perf_counter() - began)
        return answer

    async def _do(self, step: str, recording_id: str, before: Answer) -> Answer:
        self._told(recording_id, step, None)
        try:
            if step == STORE:
                return await self._store(recording_id)
            if step == RENDER:
                return await self._render(recording_id, before)
        except Exception as error:
            # The database is away, say: the run failed, and it is tried again.
            return {"error": f"{type(error).__name__}: {error}"}

        def progress(fraction: float) -> None:
            self._told(recording_id, step, min(1.0, max(0.0, fraction)))

        remark, error_text = await self._media.finish(recording_id, step, progress)
        return {"remark": remark, "error": error_text}

    async def _store(self, recording_id: str) -> Answer:
        due = await self._catalog.due_of([recording_id])
        if not due:
            return {"state": "", "remark": "it is not due any more"}
        bind(call=due[0].call_id, recording=recording_id)
        taken = await self._media.take(due[0])
        if taken.state is None:
            return {"usable": list(taken.usable), "remark": taken.notes}
        if taken.state is MediaState.FAILED:
            return {"state": str(taken.state), "error": taken.notes or "failed"}
        return {"state": str(taken.state), "remark": taken.notes}

    async def _render(self, recording_id: str, before: Answer) -> Answer:
        due = await self._catalog.due_of([recording_id])
        if not due:
            # Killed between the recording's last state and the note about this step.
            return {"state": str(MediaState.AVAILABLE), "remark": before.get("remark", "")}
        bind(call=due[0].call_id, recording=recording_id)
        state, error = await self._media.join(due[0], before["usable"], before.get("remark", ""))
        return {"state": str(state), "error": error}


STORE, RENDER = "store", "render"


def outcome_of(phase: Phase, answers: Sequence[Answer], finishing: bool, hopeless: bool) -> Outcome:
    """How the run ended, from what its steps answered. ``finishing``: there are finishing tasks.

    What is not due any more ("") may have been made available by a run that could not tell it.
    """
    errors = "; ".join(str(a["error"]) for a in answers if a.get("error"))
    if errors:
        return Outcome(error=errors, final=hopeless)
    playable = bool(answers) and answers[-1].get("state") in (MediaState.AVAILABLE, "")
    return Outcome(finishing=finishing and phase is Phase.FILES and playable)
