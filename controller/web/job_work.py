"""What the API and the pages do with jobs: one by id as an account sees it, retry, cancel."""

from __future__ import annotations

from dataclasses import replace

from ..engine.jobs import Job, JobFilter, JobState, RunsAway, StepSeen
from ..engine.reading import Account
from .access import known_id
from .changes import note
from .problems import Problem, not_found
from .services import Services

#: Of a recording that has been worked on often only the last runs are looked for.
_RUNS = 3
_AT_ONCE = 500


def as_seen(job: Job, me: Account) -> Job:
    """Which machine it was is the system administrator's business."""
    return job if me.tenant is None else replace(job, node="")


async def one(services: Services, me: Account, recording_id: str) -> Job:
    """Raises 404."""
    known_id(recording_id, "job")
    job = await services.jobs.job(me.scope, recording_id) if services.jobs else None
    if job is None:
        raise not_found("job")
    return as_seen(job, me)


async def steps_of(services: Services, job: Job) -> list[tuple[int, list[StepSeen]]]:
    """(number of the run, its steps), the last runs; [] where the durable engine is away."""
    if services.runs is None:
        return []
    found = []
    try:
        for run in range(max(1, job.run - _RUNS + 1), job.run + 1):
            if steps := await services.runs.steps(f"{job.recording_id}.{run}"):
                found.append((run, steps))
    except RunsAway:
        return []
    return found


async def retry(services: Services, me: Account, recording_id: str, address: str) -> None:
    """Raises 404, and 409 where there is nothing to be tried."""
    job = await one(services, me, recording_id)
    assert services.jobs is not None
    if not await services.jobs.retry_jobs(me.scope, [recording_id]):
        raise Problem(409, "There is nothing to be tried again of this recording.")
    await note(services, me, "job retried", recording_id, "", address, job.tenant)
    services.poke()


async def cancel(services: Services, me: Account, recording_id: str, address: str) -> None:
    """Raises 404, and 409 for what cannot be cancelled."""
    job = await one(services, me, recording_id)
    assert services.jobs is not None
    if not await services.jobs.cancel_jobs(me.scope, [recording_id]):
        raise Problem(409, "Only the finishing of a recording that can be played can be cancelled.")
    await note(services, me, "job cancelled", recording_id, "", address, job.tenant)


async def retry_failed(services: Services, me: Account, address: str) -> int:
    """All that failed, and all that waits to be tried again; how many."""
    if services.jobs is None:
        return 0
    wanted = JobFilter(frozenset({JobState.FAILED, JobState.RETRYING}), limit=_AT_ONCE)
    tried, page = 0, await services.jobs.jobs(me.scope, wanted)
    while page.jobs:
        tried += await services.jobs.retry_jobs(me.scope, [j.recording_id for j in page.jobs])
        if not page.after:
            break
        page = await services.jobs.jobs(me.scope, replace(wanted, after=page.after))
    if tried:
        await note(services, me, "jobs retried", "all that failed", f"{tried}", address)
        services.poke()
    return tried


async def retry_without_format(services: Services, me: Account, address: str, tenant: str = "") -> int:
    """All that lack the format which their tenant chooses now; how many."""
    if services.jobs is None:
        return 0
    tried = await services.jobs.retry_without_format(me.scope, services.default_format, tenant)
    if tried:
        await note(services, me, "jobs retried", "all without their format", f"{tried}", address)
        services.poke()
    return tried
