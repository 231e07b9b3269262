"""Company › Jobs: the work on recordings, live, with what failed and what will happen next."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.sse import EventSourceResponse, ServerSentEvent

from ...core.roles import Permission
from ...engine.jobs import JobState
from ...engine.reading import Account
from .. import job_work
from ..access import CameBy, address_of, may
from ..api.jobs import listed
from ..job_words import doing, what_next
from ..language import N_
from ..permits import JobManager
from ..problems import Problem, not_found
from ..services import Parts, Services
from .rendering import page, render

router = APIRouter(prefix="/jobs")

_SHOWN = 50
_LOOK_S = 2.0
#: What each tab shows.
TABS: dict[str, tuple[str, frozenset[JobState]]] = {
    "open": (
        N_("To do"),
        frozenset({JobState.WAITING, JobState.RUNNING, JobState.RETRYING, JobState.FAILED}),
    ),
    "failed": (N_("Failed"), frozenset({JobState.RETRYING, JobState.FAILED})),
    "done": (N_("Done"), frozenset({JobState.DONE, JobState.CANCELLED})),
}
Tab = Annotated[str, Query(alias="show", max_length=20)]
Key = Annotated[str, Query(max_length=500)]


@router.get("")
async def jobs_page(
    request: Request, parts: Parts, me: JobManager, tab: Tab = "open", before: Key = ""
) -> Response:
    shown = await _shown(parts, me, tab, before)
    return page(request, "jobs.html", **shown)


@router.get("/stream", response_class=EventSourceResponse)
async def jobs_stream(
    request: Request, parts: Parts, me: JobManager, tab: Tab = "open"
) -> AsyncIterator[ServerSentEvent]:
    """The list drawn again whenever it has changed, as long as the account may see it."""
    last, key = "", CameBy(request)
    while True:
        now = await key.account()
        if now is None or now.role is not me.role or not may(request, _NEEDED):
            return
        html = render(request, "jobs_list.html", **await _shown(parts, now, tab, ""))
        if html != last:
            last = html
            yield ServerSentEvent(event="jobs", raw_data=html)
        await asyncio.sleep(_LOOK_S)


@router.get("/{recording_id}")
async def job_page(request: Request, parts: Parts, me: JobManager, recording_id: str) -> Response:
    return await _one(request, parts, me, recording_id)


@router.post("")
async def retry_many(
    request: Request, parts: Parts, me: JobManager, action: Annotated[str, Form(max_length=20)] = ""
) -> Response:
    work = {"retry-failed": job_work.retry_failed, "without-format": job_work.retry_without_format}
    if action not in work:
        raise Problem(422, "There is no such action.")
    await work[action](parts, me, address_of(request))
    return RedirectResponse("/jobs", 303)


@router.post("/{recording_id}")
async def act(
    request: Request, parts: Parts, me: JobManager, recording_id: str,
    action: Annotated[str, Form(max_length=20)] = "",
) -> Response:  # fmt: skip
    work = {"retry": job_work.retry, "cancel": job_work.cancel}.get(action)
    if work is None:
        await job_work.one(parts, me, recording_id)
        raise Problem(422, "There is no such action.")
    try:
        await work(parts, me, recording_id, address_of(request))
    except Problem as problem:
        if problem.status == not_found("job").status:
            raise
        return await _one(request, parts, me, recording_id, problem)
    return RedirectResponse(f"/jobs/{recording_id}", 303)


async def _one(
    request: Request, parts: Services, me: Account, recording_id: str, problem: Problem | None = None
) -> Response:
    job = await job_work.one(parts, me, recording_id)
    runs = await job_work.steps_of(parts, job)
    status, said = (problem.status, problem.detail) if problem else (200, "")
    return page(request, "job.html", status, job=job, runs=runs, said=said, **_WORDS)


async def _shown(parts: Services, me: Account, tab: str, before: str) -> dict[str, Any]:
    tab = tab if tab in TABS else "open"
    found = await listed(parts, me, TABS[tab][1], "", _SHOWN, before)
    counts = await parts.jobs.job_counts(me.scope) if parts.jobs else {}
    tabs = [(name, text, sum(counts.get(s, 0) for s in states)) for name, (text, states) in TABS.items()]
    jobs = [job_work.as_seen(job, me) for job in found.jobs]
    return {"jobs": jobs, "tabs": tabs, "tab": tab, "next": found.after, "before": before, **_WORDS}


_NEEDED = Permission.MANAGE_JOBS
_WORDS: dict[str, Any] = {"what_next": what_next, "doing": doing}
