"""The durable engine, imported only when work begins: it is large, and a start must not wait for it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..engine.jobs import Phase, RunReader, Runs, RunsAway, StepSeen


class LateRuns:
    """engine.jobs.Runs. ``make`` imports and makes the real one; it is called in a thread."""

    def __init__(self, make: Callable[[], Runs]) -> None:
        self._make = make
        self._runs: Runs | None = None

    async def open(self) -> None:
        """Raises RunsAway."""
        if self._runs is None:
            self._runs = await asyncio.to_thread(self._make)
            # What was imported stays for good; see engine.garbage on what collecting it would cost.
            gc.freeze()
        await self._runs.open()

    async def close(self, within_s: float) -> None:
        if self._runs is not None:
            await self._runs.close(within_s)

    async def execute(
        self, run_id: str, phase: Phase, recording_id: str, *, again: bool
    ) -> Sequence[Mapping[str, Any]]:
        return await self._there().execute(run_id, phase, recording_id, again=again)

    async def forget(self, before: datetime, nodes: Sequence[str]) -> int:
        return await self._there().forget(before, nodes)

    def _there(self) -> Runs:
        if self._runs is None:
            raise RunsAway("the durable engine is not open")
        return self._runs


class LateRunReader:
    """engine.jobs.RunReader, made when somebody first asks."""

    def __init__(self, make: Callable[[], RunReader]) -> None:
        self._make = make
        self._reader: RunReader | None = None

    async def steps(self, run_id: str) -> list[StepSeen]:
        if self._reader is None:
            self._reader = await asyncio.to_thread(self._make)
        return await self._reader.steps(run_id)
