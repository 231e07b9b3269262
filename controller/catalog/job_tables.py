"""The work on recordings, and the processes that do it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, text

from .rows import Row, json_, long_, name_, part_of, table_of, text_, time_

_OPEN = text("state IN ('waiting', 'running', 'retrying')")
_TAKEN = text("node <> ''")
_FAILED = text("state = 'failed'")


class JobTable(Row, table=True):
    """The latest work on a recording: one row, made when a node first claims it.

    ``open_run``: the run has begun and its end is not noted; whoever claims the job goes on with it.
    ``node``: whose it is now, "" nobody's. ``deaths``: how many nodes have died over this run.
    """

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_open", "phase", sqlite_where=_OPEN, postgresql_where=_OPEN),
        Index("ix_jobs_taken", "node", "tenant", sqlite_where=_TAKEN, postgresql_where=_TAKEN),
        Index("ix_jobs_failed", "tenant", sqlite_where=_FAILED, postgresql_where=_FAILED),
    )
    recording_id: str = part_of("recordings.recording_id", primary_key=True)
    tenant: str = name_()
    phase: str = text_()
    state: str = text_()
    run: int
    open_run: bool
    tries: int
    deaths: int
    step: str = text_()
    progress: float | None = None
    node: str = text_()
    error: str = text_()
    next_at: datetime | None = time_()
    started_at: datetime | None = time_()
    ended_at: datetime | None = time_(index=True)


class NodeTable(Row, table=True):
    __tablename__ = "nodes"
    name: str = text_(primary_key=True)
    place: str = text_()
    pid: int = long_()
    beats: int = long_()
    switches: list[Any] = json_()
    started_at: datetime = time_()
    beat_at: datetime = time_()


jobs = table_of(JobTable)
nodes = table_of(NodeTable)
