"""The work on recordings as people see it, and what they may ask for (engine.jobs.JobReader)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    case,
    exists,
    func,
    literal,
    null,
    select,
    text,
    true,
    update,
)
from sqlalchemy.sql.selectable import Subquery

from ..core.formats import Format
from ..core.media_kinds import Kind
from ..engine.jobs import Job, JobFilter, JobPage, JobState, Phase
from ..engine.media_ports import FileRole, MediaState
from ..engine.people import Scope
from . import tables as t
from .gate import Gate
from .media_rows import is_due
from .paging import after, clamped, cut, encode
from .policy_rows import options_of
from .writing import OnDatabase, add_missing, chunks

_S = JobState
_DUE = text("recordings.ended_at IS NOT NULL AND recordings.media_state IN ('spooled', 'stored', 'failed')")
_AT_ONCE = 500
_RESTS = [str(s) for s in (_S.DONE, _S.FAILED, _S.CANCELLED)]


class JobViews(OnDatabase):
    """engine.jobs.JobReader."""

    async def jobs(self, scope: Scope, wanted: JobFilter) -> JobPage:
        """The newest recording's first. Raises ValueError for a cursor that is none."""
        listed = _listed(scope, tenant=wanted.tenant)
        c, limit = listed.c, clamped(wanted.limit)
        query = select(listed).order_by(c.since.desc(), c.recording_id.desc()).limit(limit + 1)
        if wanted.states:
            query = query.where(c.state.in_([str(s) for s in wanted.states]))
        if wanted.after:
            query = query.where(after(c.since, c.recording_id, wanted.after))
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).mappings().all()
        page, more = cut(rows, limit)
        jobs = tuple(_job(row) for row in page)
        return JobPage(jobs, encode(jobs[-1].since, jobs[-1].recording_id) if more else "")

    async def job(self, scope: Scope, recording_id: str) -> Job | None:
        listed = _listed(scope, recording_id=recording_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(select(listed))).mappings().first()
        return None if row is None else _job(row)

    async def job_counts(self, scope: Scope) -> dict[JobState, int]:
        listed = _listed(scope)
        query = select(listed.c.state, func.count()).group_by(listed.c.state)
        async with self._database.reading() as connection:
            found = (await connection.execute(query)).all()
        return {JobState(state): count for state, count in found}

    async def retry_jobs(self, scope: Scope, recording_ids: Collection[str]) -> int:
        """Try them again at once, finished ones too; how many there were to try."""
        r, j = t.recordings.c, t.jobs.c
        mine = Gate(scope).administered(r.tenant)
        tried = 0
        async with self._database.writing() as connection:
            for ids in chunks(list(recording_ids)):
                query = select(r.recording_id, r.tenant, r.media_state).where(mine, r.recording_id.in_(ids))
                seen = (await connection.execute(query)).all()
                playable = [row for row in seen if row.media_state == MediaState.AVAILABLE]
                await add_missing(
                    connection, t.jobs,
                    [{"recording_id": row.recording_id, "tenant": row.tenant, "phase": str(Phase.FINISHING),
                      "state": str(_S.DONE), "run": 0, "open_run": False, "tries": 0,
                      "deaths": 0, "step": "",
                      "progress": None, "node": "", "error": "", "next_at": None, "started_at": None,
                      "ended_at": None} for row in playable],
                )  # fmt: skip
                here = j.recording_id.in_([row.recording_id for row in seen])
                finish = j.recording_id.in_([row.recording_id for row in playable])
                await connection.execute(
                    update(t.jobs).where(finish, j.node == "", ~j.open_run, j.state.in_(_RESTS))
                    .values(phase=str(Phase.FINISHING), state=str(_S.WAITING), tries=0, ended_at=None)
                )  # fmt: skip
                await connection.execute(update(t.jobs).where(here, j.node == "").values(next_at=None))
                due = [row for row in seen if row.media_state in ("spooled", "stored", "failed")]
                tried += len(playable) + len(due)
        return tried

    async def retry_without_format(self, scope: Scope, default: Format, tenant: str = "") -> int:
        n, tried = t.tenants.c, 0
        mine = [Gate(scope).administered(n.tenant), n.tenant == tenant if tenant else true()]
        async with self._database.reading() as connection:
            tenants = (await connection.execute(select(n.tenant, n.options).where(*mine))).all()
        for row in tenants:
            wanted = options_of(row.tenant, row.options).format.of(default)
            behind = ""
            while wanted is not Format.WAV and (ids := await self._without(row.tenant, wanted, behind)):
                tried += await self.retry_jobs(scope, ids)
                behind = ids[-1]
        return tried

    async def _without(self, tenant: str, format: Format, behind: str) -> list[str]:
        """A page of the tenant's sound recordings that have their WAV and not this format."""
        r, f = t.recordings.c, t.files.c
        mine = f.recording_id == r.recording_id
        there = exists().where(mine, f.role == str(FileRole.RENDITION))
        encoded = exists().where(mine, f.role == str(FileRole.ENCODED), f.format == str(format))
        query = (
            select(r.recording_id)
            .where(r.tenant == tenant, r.kind == str(Kind.AUDIO), r.deleted_at.is_(None))
            .where(r.media_state == str(MediaState.AVAILABLE), there, ~encoded, r.recording_id > behind)
            .order_by(r.recording_id)
            .limit(_AT_ONCE)
        )
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def cancel_jobs(self, scope: Scope, recording_ids: Collection[str]) -> int:
        """No more finishing for these; how many that stopped. What is not stored cannot be cancelled."""
        r, j = t.recordings.c, t.jobs.c
        mine = Gate(scope).administered(r.tenant)
        playable = select(r.recording_id).where(
            r.recording_id == j.recording_id, mine, r.media_state == str(MediaState.AVAILABLE)
        )
        over = [str(_S.DONE), str(_S.CANCELLED)]
        stopped = 0
        async with self._database.writing() as connection:
            for ids in chunks(list(recording_ids)):
                changed = await connection.execute(
                    update(t.jobs)
                    .where(j.recording_id.in_(ids), j.phase == str(Phase.FINISHING), j.state.not_in(over),
                           playable.exists())
                    .values(state=str(_S.CANCELLED), node="", open_run=False, step="", progress=None,
                            next_at=None, ended_at=self._now())
                )  # fmt: skip
                stopped += changed.rowcount
        return stopped


def _listed(scope: Scope, *, tenant: str = "", recording_id: str = "") -> Subquery:
    """Jobs, and recordings that are due without ever having been claimed."""
    r, j = t.recordings.c, t.jobs.c
    seen: list[ColumnElement[bool]] = [Gate(scope).administered(r.tenant)]
    if tenant:
        seen.append(r.tenant == tenant)
    if recording_id:
        seen.append(r.recording_id == recording_id)
    # It is due again (a file came late), whatever its last work came to.
    state = case((and_(_DUE, j.state.in_(_RESTS)), str(_S.WAITING)), else_=j.state)
    phase = case((_DUE, str(Phase.FILES)), else_=j.phase)
    columns = (r.recording_id, r.call_id, r.tenant, r.kind, r.switch, r.media_state.label("media"),
               r.media_error, func.coalesce(r.ended_at, r.started_at).label("since"))  # fmt: skip
    noted: Select[Any] = (
        select(*columns, phase.label("phase"), state.label("state"), j.run, j.tries, j.step, j.progress,
               j.node, j.error, j.started_at, j.next_at, j.ended_at)
        .select_from(t.jobs.join(t.recordings, r.recording_id == j.recording_id))
        .where(*seen)
    )  # fmt: skip
    none = null()
    new: Select[Any] = (
        select(*columns, literal(str(Phase.FILES)).label("phase"), literal(str(_S.WAITING)).label("state"),
               literal(0).label("run"), literal(0).label("tries"), literal("").label("step"),
               none.label("progress"), literal("").label("node"), literal("").label("error"),
               none.label("started_at"), none.label("next_at"), none.label("ended_at"))
        .select_from(t.recordings.join(t.calls, t.calls.c.call_id == r.call_id)
                     .outerjoin(t.jobs, j.recording_id == r.recording_id))
        .where(*is_due(), j.recording_id.is_(None), *seen)
    )  # fmt: skip
    return noted.union_all(new).subquery()


def _job(row: Any) -> Job:
    values = {k: v for k, v in row.items() if k != "media_error"}
    error = row["error"] or (row["media_error"] if row["phase"] == Phase.FILES else "")
    values |= {"kind": Kind(row["kind"]), "phase": Phase(row["phase"]), "state": JobState(row["state"])}
    return Job(**{**values, "error": error})
