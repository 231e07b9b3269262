"""/api/v1/jobs: the work on recordings, how it goes and what failed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from ...core.media_kinds import Kind
from ...engine.jobs import Job, JobFilter, JobPage, JobState, Phase
from ...engine.reading import Account
from .. import job_work
from ..access import address_of, own_tenant
from ..job_words import what_next
from ..permits import JobManager
from ..problems import Problem
from ..services import Parts, Services
from .listing import Listed
from .params import Before, Limit, plain
from .settings_bodies import Body

router = APIRouter(tags=["jobs"])


class JobView(BaseModel):
    """``progress`` is 0 to 1 of the step, null if it cannot say. ``next`` says what will happen, in words."""

    recording_id: str
    call_id: str
    tenant: str
    kind: Kind
    switch: str
    phase: Phase
    state: JobState
    media: str = Field(description="The recording's own state.")
    run: int = Field(description="How often its work was begun, both phases counted.")
    tries: int = Field(description="How often this phase has failed in a row.")
    step: str
    progress: float | None
    node: str = Field(description="Who is at it; for the system administrator only.")
    error: str
    since: datetime = Field(description="When the recording ended.")
    started_at: datetime | None
    next_at: datetime | None
    ended_at: datetime | None
    next: str

    @classmethod
    def of(cls, job: Job, now: datetime) -> JobView:
        values = {name: getattr(job, name) for name in cls.model_fields if name != "next"}
        return cls(**values, next=what_next(job, now))


class StepView(BaseModel):
    run: int
    name: str
    started_at: datetime | None
    ended_at: datetime | None
    error: str
    remark: str


class JobDetail(BaseModel):
    job: JobView
    steps: list[StepView] = Field(description="Those that have ended, of the last runs that are remembered.")


class JobList(Listed[JobView]):
    """The newest first."""

    counts: dict[JobState, int] = Field(description="How many there are in each state, filters apart.")


@router.get("/jobs", summary="The work on recordings, the newest first")
async def get_jobs(
    parts: Parts,
    me: JobManager,
    state: Annotated[list[JobState] | None, Query(description="Only in these states.")] = None,
    tenant: Annotated[str, Query(max_length=253, description="Only of this tenant.")] = "",
    limit: Limit = 100,
    before: Before = None,
) -> JobList:
    if tenant:
        own_tenant(me, plain(tenant, 253))
    page = await listed(parts, me, frozenset(state or ()), plain(tenant, 253), limit, before or "")
    now = parts.now()
    counts = await parts.jobs.job_counts(me.scope) if parts.jobs else {}
    items = [JobView.of(job_work.as_seen(j, me), now) for j in page.jobs]
    return JobList(items=items, counts=counts, next=page.after or None)


async def listed(
    parts: Services, me: Account, states: frozenset[JobState], tenant: str, limit: int, before: str
) -> JobPage:
    """Raises 422 for a page that there is not."""
    if parts.jobs is None:
        return JobPage(())
    try:
        return await parts.jobs.jobs(me.scope, JobFilter(states, tenant, limit, before))
    except ValueError as error:
        raise Problem(422, f"before: {error}.") from error


@router.get("/jobs/{recording_id}", summary="The work on one recording, with its steps")
async def get_job(parts: Parts, me: JobManager, recording_id: str) -> JobDetail:
    job = await job_work.one(parts, me, recording_id)
    steps = [
        StepView(
            run=run, name=s.name, started_at=s.started_at, ended_at=s.ended_at, error=s.error, remark=s.remark
        )
        for run, found in await job_work.steps_of(parts, job)
        for s in found
    ]
    return JobDetail(job=JobView.of(job, parts.now()), steps=steps)


class WhichTenant(Body):
    tenant: str = Field("", max_length=253, description="Only of this tenant; of all that are reached.")


class Taken(BaseModel):
    taken_up: int = Field(description="Of how many the finishing is done once more.")


@router.post("/jobs/without-format", summary="Encode what lacks its tenant's format")
async def encode_missing(
    request: Request,
    parts: Parts,
    me: JobManager,
    body: WhichTenant,
) -> Taken:
    """Takes up every recording that lacks the format which its tenant chooses now: the encoder was installed
    since, say, or the choice is a new one."""
    tenant = plain(body.tenant, 253)
    if tenant:
        own_tenant(me, tenant)
    count = await job_work.retry_without_format(parts, me, address_of(request), tenant)
    return Taken(taken_up=count)


@router.post("/jobs/{recording_id}/retry", summary="Try it again at once")
async def retry_job(request: Request, parts: Parts, me: JobManager, recording_id: str) -> JobDetail:
    """Also does the finishing of a recording once more that is done with."""
    await job_work.retry(parts, me, recording_id, address_of(request))
    return await get_job(parts, me, recording_id)


@router.post("/jobs/{recording_id}/cancel", summary="No more finishing for this one")
async def cancel_job(request: Request, parts: Parts, me: JobManager, recording_id: str) -> JobDetail:
    """What is not in the store yet cannot be cancelled: no recording is lost."""
    await job_work.cancel(parts, me, recording_id, address_of(request))
    return await get_job(parts, me, recording_id)
