"""Durable runs on DBOS (engine.jobs.Runs): the only module that knows it, imported late, for it is large.

What holds here was read in DBOS 3.4 and seen by running it. A run is a DBOS workflow, its steps are
steps; inputs and answers are small JSON with our ids only. The workflows are synchronous and live on
DBOS's own threads; each step's work is done on the controller's event loop, where the catalog is. A
step that is broken off raises `_Stopped`, which is no Exception: DBOS notes nothing then, and whoever
resumes the workflow does that step again, and none before it. DBOS is one to a process.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import logging
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from dbos import DBOS, DBOSClient, SetWorkflowID
from dbos._core import WorkflowHandleFuture
from dbos._serialization import Serializer

from ..engine.jobs import Phase, RunsAway, StepSeen, Superseded
from .steps import RENDER, STORE, Answer

log = structlog.get_logger(__name__)

#: Names in DBOS's tables: they must never change, or runs under way are not found any more.
_APPLICATION, _VERSION, _WORKFLOW, _SCHEMA = "tapeline", "1", "recording", "tapeline_runs"
_FORGET_AT_ONCE = 200

Do = Callable[[str, str, Answer], Coroutine[Any, Any, Answer]]


class _Stopped(BaseException):
    """This process ends, or the run is broken off: nothing is to be noted."""


class _Json(Serializer):
    """Nothing but JSON is written, and above all read: DBOS's own is pickle."""

    def serialize(self, data: Any) -> str:
        return json.dumps(data, default=str)

    def deserialize(cls, serialized_data: str) -> Any:
        return json.loads(serialized_data)

    def name(self) -> str:
        return "tapeline_json"


class _Engine:
    """What the workflows, which DBOS calls by themselves, find of the process they run in."""

    def __init__(self, do: Do, loop: asyncio.AbstractEventLoop) -> None:
        self._do = do
        self._loop = loop
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._steps: dict[str, concurrent.futures.Future[Answer]] = {}
        self.waiting: dict[str, asyncio.Future[list[Answer]]] = {}

    def step(self, run_id: str, step: str, recording_id: str, before: Answer) -> Answer:
        """Blocking, on one of DBOS's threads."""
        with self._lock:
            if self._stopping.is_set() or run_id not in self.waiting:
                raise _Stopped
            work = asyncio.run_coroutine_threadsafe(self._do(step, recording_id, before), self._loop)
            self._steps[run_id] = work
        try:
            return work.result()
        except concurrent.futures.CancelledError:
            raise _Stopped from None
        finally:
            with self._lock:
                self._steps.pop(run_id, None)

    def ended(self, run_id: str, answers: list[Answer] | BaseException) -> None:
        def tell() -> None:
            waiting = self.waiting.get(run_id)
            if waiting is None or waiting.done():
                return
            if isinstance(answers, list):
                waiting.set_result(answers)
            elif isinstance(answers, _Stopped):
                waiting.cancel()
            elif isinstance(answers, Exception):
                waiting.set_exception(RunsAway(str(answers)))
            else:
                waiting.set_exception(Superseded(str(answers)))

        try:
            self._loop.call_soon_threadsafe(tell)
        except RuntimeError:
            return  # the loop is closed: nobody waits any more

    def break_off(self, run_id: str) -> None:
        with self._lock:
            work = self._steps.get(run_id)
        if work is not None:
            work.cancel()

    def stop(self) -> None:
        with self._lock:
            self._stopping.set()
            steps = list(self._steps.values())
        for work in steps:
            work.cancel()


class _Process:
    """DBOS is one to a process, and so is this."""

    engine: _Engine | None = None


@DBOS.workflow(name=_WORKFLOW)
def _recording(phase: str, recording_id: str, tasks: list[str]) -> list[Answer]:
    engine, run_id = _Process.engine, DBOS.workflow_id
    if engine is None or run_id is None:
        raise _Stopped
    answers: list[Answer] = []
    try:
        for step in (STORE, RENDER) if phase == Phase.FILES else tasks:
            before = answers[-1] if answers else {}
            if step == RENDER and "usable" not in before:
                break
            answers.append(DBOS.run_step({"name": step}, engine.step, run_id, step, recording_id, before))
    except BaseException as error:
        engine.ended(run_id, error)
        raise
    engine.ended(run_id, answers)
    return answers


class DbosRuns:
    """``engine``: a synchronous SQLAlchemy engine of its database. ``node`` is DBOS's executor id."""

    def __init__(self, engine: Any, node: str, do: Do, finishing: Callable[[], Sequence[str]]) -> None:
        self._database = engine
        self._node = node
        self._do = do
        self._finishing = finishing
        self._dbos: DBOS | None = None
        #: DBOS that is destroyed while it launches fails, and says so with a traceback.
        self._starting = threading.Lock()
        self._closed = False
        self._pool = concurrent.futures.ThreadPoolExecutor(2, thread_name_prefix="runs")

    async def open(self) -> None:
        """Raises RunsAway."""
        _Process.engine = _Engine(self._do, asyncio.get_running_loop())
        try:
            await self._in_thread(self._start_up)
        except Exception as error:
            await self._in_thread(DBOS.destroy)
            raise RunsAway(str(error)) from error

    def _start_up(self) -> None:
        with self._starting:
            if not self._closed:
                self._launch()

    def _launch(self) -> None:
        _quiet()
        self._dbos = DBOS(
            config={
                "name": _APPLICATION,
                "application_version": _VERSION,
                "executor_id": self._node,
                "system_database_engine": self._database,
                "dbos_system_schema": _SCHEMA,
                "serializer": _Json(),
                # Nothing of ours waits for its notices, and nothing may go anywhere.
                "use_listen_notify": False,
                "scheduler_polling_interval_sec": 3600.0,
                "enable_otlp": False,
                "log_level": "WARNING",
            }
        )
        # Only what was broken off comes by a queue: this node's own, for what it has claimed.
        DBOS.listen_queues([self._node])
        DBOS.launch()
        # A database that is away is to be told to us; waiting in its threads would hold up the exit.
        self._dbos._sys_db._retry_connection_errors = False
        DBOS.register_queue(self._node, polling_interval_sec=0.5)

    async def close(self, within_s: float) -> None:
        if _Process.engine is not None:
            _Process.engine.stop()
        self._closed = True
        try:
            async with asyncio.timeout(within_s):
                await self._in_thread(self._destroy)
        except TimeoutError:
            log.warning("the durable runs did not close in time")
            logging.getLogger("dbos").setLevel(logging.CRITICAL)  # what it comes to yet is no news
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def execute(
        self, run_id: str, phase: Phase, recording_id: str, *, again: bool
    ) -> Sequence[Mapping[str, Any]]:
        """Do the run, or go on with it; answers what each of its steps answered.

        Raises RunsAway, Superseded. Cancelled, it stays as far as it is.
        """
        engine = _Process.engine
        if engine is None or self._dbos is None:
            raise RunsAway("the durable engine is not open")
        ended: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        engine.waiting[run_id] = ended
        try:
            begin = self._go_on if again else self._begin
            done = await self._in_thread(begin, run_id, str(phase), recording_id)
            return await ended if done is None else done
        except asyncio.CancelledError:
            engine.break_off(run_id)
            raise
        finally:
            engine.waiting.pop(run_id, None)

    def _begin(self, run_id: str, phase: str, recording_id: str) -> list[Answer] | None:
        handle = self._start(run_id, phase, recording_id)
        if not isinstance(handle, WorkflowHandleFuture):
            # An old run of the same name: the catalog was put back from a backup.
            DBOS.delete_workflow(run_id)
            self._start(run_id, phase, recording_id)
        return None

    def _start(self, run_id: str, phase: str, recording_id: str) -> Any:
        tasks = list(self._finishing()) if phase == Phase.FINISHING else []
        with SetWorkflowID(run_id):
            return DBOS.start_workflow(_recording, phase, recording_id, tasks)

    def _go_on(self, run_id: str, phase: str, recording_id: str) -> list[Answer] | None:
        known = DBOS.get_workflow_status(run_id)
        if known is None:
            return self._begin(run_id, phase, recording_id)
        if known.status == "SUCCESS":
            return list(known.output or [])
        if known.status in ("PENDING", "ENQUEUED"):
            DBOS.resume_workflow(run_id, queue_name=self._node)
            return None
        return [{"error": f"the run was broken off: {known.error}"}]

    async def forget(self, before: datetime, nodes: Sequence[str]) -> int:
        """Remove runs that began before, and the queues of nodes that are no more. Raises RunsAway."""
        forgotten: int = await self._in_thread(self._forget, before, nodes)
        return forgotten

    def _forget(self, before: datetime, nodes: Sequence[str]) -> int:
        forgotten = 0
        until = before.astimezone(UTC).isoformat()
        while True:
            old = DBOS.list_workflows(
                end_time=until, limit=_FORGET_AT_ONCE, load_input=False, load_output=False
            )
            busy = _Process.engine.waiting if _Process.engine else {}
            ids = [w.workflow_id for w in old if w.workflow_id not in busy]
            if ids:
                DBOS.delete_workflows(ids)
            forgotten += len(ids)
            if len(old) < _FORGET_AT_ONCE or not ids:
                break
        assert self._dbos is not None
        for queue in self._dbos._sys_db.list_queues(application_name=_APPLICATION):
            if queue.name not in nodes and queue.name != self._node:
                DBOS.delete_queue(queue.name)
        return forgotten

    def _destroy(self) -> None:
        with self._starting:
            if self._dbos is None:
                return
            try:
                DBOS.delete_queue(self._node)
            except Exception as error:
                log.info("the node's queue stays, another node removes it", why=str(error))
            self._dbos = None
            DBOS.destroy()
            self._database.dispose()

    async def _in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._pool, function, *arguments)
        except Exception as error:
            raise RunsAway(f"{type(error).__name__}: {error}") from error


def _quiet() -> None:
    """Its words come by our log, warnings and worse; its own handler would write to the terminal."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    logger.propagate = True


class DbosRunReader:
    """engine.jobs.RunReader: reads beside a running node, or without one."""

    def __init__(self, engine: Any) -> None:
        self._database = engine
        self._client: DBOSClient | None = None

    async def steps(self, run_id: str) -> list[StepSeen]:
        """Those that have ended, in order; [] if nothing is known of the run. Raises RunsAway."""
        try:
            return await asyncio.to_thread(self._steps, run_id)
        except Exception as error:
            text = str(error).partition("\n")[0]
            if "no such table" in text or "does not exist" in text:
                return []  # nothing was ever run here
            raise RunsAway(text) from error

    def _steps(self, run_id: str) -> list[StepSeen]:
        if self._client is None:
            _quiet()
            logging.getLogger("dbos").setLevel("WARNING")
            self._client = DBOSClient(
                system_database_engine=self._database,
                dbos_system_schema=_SCHEMA,
                serializer=_Json(),
                retry_connection_errors=False,
                application_name=_APPLICATION,
                lazy=True,
            )
        return [_seen(step) for step in self._client.list_workflow_steps(run_id)]


def _seen(step: Mapping[str, Any]) -> StepSeen:
    answer = step.get("output") if isinstance(step.get("output"), dict) else {}
    assert isinstance(answer, dict)
    error = answer.get("error") or (str(step["error"]) if step.get("error") else "")
    return StepSeen(
        name=str(step["function_name"]),
        started_at=_at(step.get("started_at_epoch_ms")),
        ended_at=_at(step.get("completed_at_epoch_ms")),
        error=str(error),
        remark=str(answer.get("remark") or ""),
    )


def _at(epoch_ms: int | None) -> datetime | None:
    return None if epoch_ms is None else datetime.fromtimestamp(epoch_ms / 1000, UTC)
