"""``tapeline jobs list | show | retry | cancel | nodes``: the work on recordings, and who does it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ..catalog.facade import SqlCatalog
from ..config import load
from ..engine.ids import now
from ..engine.jobs import Job, JobFilter, JobState, RunsAway, StepSeen
from ..engine.people import Scope
from ..web.job_words import doing, what_next
from ..working import run_reader
from .common import ConfigOption, JsonOption, NotPossible, audited, console, print_json, with_catalog

jobs = typer.Typer(no_args_is_help=True, help="The work on recordings.")

_ALL = Scope(None)
_AT_ONCE = 500
_OPEN = frozenset({JobState.WAITING, JobState.RUNNING, JobState.RETRYING, JobState.FAILED})
_FAILED = frozenset({JobState.RETRYING, JobState.FAILED})

TenantOption = Annotated[str, typer.Option(help="Only this tenant's.")]
Ids = Annotated[list[str] | None, typer.Argument(help="Recording ids.", metavar="ID")]


@jobs.command("list")
def list_command(
    state: Annotated[
        list[JobState] | None, typer.Option(help="Only these states; by default all but done and cancelled.")
    ] = None,
    tenant: TenantOption = "",
    limit: Annotated[int, typer.Option(min=1, max=500, help="So many at most, the newest first.")] = 100,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """What is to be done, is being done, and failed, with what happens next."""

    async def work(catalog: SqlCatalog) -> None:
        wanted = JobFilter(frozenset(state or _OPEN), tenant, limit)
        page = await catalog.jobs(_ALL, wanted)
        counts = await catalog.job_counts(_ALL)
        if as_json:
            print_json(
                {"jobs": [_plain(j) for j in page.jobs], "counts": {str(s): n for s, n in counts.items()}}
            )
            return
        table = Table("recording", "tenant", "ended", "state", "what happens", box=None, pad_edge=False)
        for job in page.jobs:
            text = what_next(job, now()) + (f" {job.error}" if job.error else "")
            table.add_row(job.recording_id, job.tenant, _at(job.since), str(job.state), text)
        if page.jobs:
            console.print(table)
        said = ", ".join(f"{n} {s}" for s, n in sorted(counts.items())) or "nothing is to be done"
        console.print(said + (" (more than shown)" if page.after else ""), markup=False)

    with_catalog(config, work)


@jobs.command("show")
def show_command(
    recording_id: Annotated[str, typer.Argument(help="The recording's id.", metavar="ID")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """One recording's work: its steps, their times, errors and remarks."""
    reader = run_reader(load(config))

    async def work(catalog: SqlCatalog) -> None:
        job = await catalog.job(_ALL, recording_id)
        if job is None:
            raise NotPossible(f"nothing is known of work on {recording_id!r}; is it the id of a recording?")
        runs: list[tuple[int, StepSeen]] = []
        try:
            for run in range(1, job.run + 1):
                runs += [(run, step) for step in await reader.steps(f"{recording_id}.{run}")]
        except RunsAway as error:
            Console(stderr=True).print(f"The steps cannot be read: {error}", markup=False)
        if as_json:
            print_json({**_plain(job), "steps": [{"run": run, **asdict(step)} for run, step in runs]})
            return
        console.print(f"{job.recording_id}  {job.tenant}  {job.kind}  ended {_at(job.since)}", markup=False)
        console.print(f"{job.state}: {what_next(job, now())}", markup=False)
        if job.error:
            console.print(f"failed {job.tries} times, the last time: {job.error}", markup=False)
        for run, step in runs:
            took = step.ended_at - step.started_at if step.started_at and step.ended_at else None
            spent = f"{took.total_seconds():.2f} s" if took is not None else ""
            came = step.error or step.remark or "done"
            console.print(
                f"  run {run}  {_at(step.started_at)}  {spent:>9}  {doing(step.name)}: {came}", markup=False
            )

    with_catalog(config, work)


@jobs.command("retry")
def retry_command(
    ids: Ids = None,
    failed: Annotated[
        bool, typer.Option("--failed", help="All that failed or waits to be tried again.")
    ] = False,
    without_format: Annotated[
        bool,
        typer.Option(
            "--without-format",
            help="All that lack the format which their tenant chooses: the encoder was installed since, say.",
        ),
    ] = False,
    tenant: TenantOption = "",
    config: ConfigOption = None,
) -> None:
    """Try these again at once. Of a recording that is done with, its finishing is done once more."""
    if bool(ids) + failed + without_format != 1:
        raise NotPossible("say which: some ids, or --failed, or --without-format")
    default = load(config).formats.default

    async def work(catalog: SqlCatalog) -> None:
        tried = await _each(catalog, ids or [], catalog.retry_jobs, "job retried")
        again = 0
        if without_format:
            tried += await catalog.retry_without_format(_ALL, default, tenant)
        after = ""
        while failed:
            page = await catalog.jobs(_ALL, JobFilter(_FAILED, tenant, _AT_ONCE, after))
            again += await catalog.retry_jobs(_ALL, [j.recording_id for j in page.jobs])
            after = page.after
            if not after:
                break
        if again:
            await audited(catalog, tenant or None, "jobs retried", "all that failed", f"{again}")
        tried += again
        console.print(f"{tried} will be tried again at once")
        if ids and tried < len(ids):
            raise NotPossible(
                f"{len(ids) - tried} of them are no recordings, or there is nothing to be tried"
            )

    with_catalog(config, work)


@jobs.command("cancel")
def cancel_command(ids: Ids = None, config: ConfigOption = None) -> None:
    """No more finishing for these. What is not stored yet cannot be cancelled: no recording is lost."""
    if not ids:
        raise NotPossible("say which, by the recordings' ids")

    async def work(catalog: SqlCatalog) -> None:
        stopped = await _each(catalog, ids, catalog.cancel_jobs, "job cancelled")
        console.print(f"{stopped} cancelled")
        if stopped < len(ids):
            raise NotPossible(f"{len(ids) - stopped} of them have no finishing that could be cancelled")

    with_catalog(config, work)


@jobs.command("nodes")
def nodes_command(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """The processes that work on recordings, and when each was last heard of."""

    async def work(catalog: SqlCatalog) -> None:
        found = await catalog.nodes()
        if as_json:
            print_json([asdict(node) for node in found])
            return
        for node in found:
            sees = ", ".join(node.switches) or "no switch"
            console.print(
                f"{node.name}  last heard of {_at(node.beat_at)}  sees the spool of {sees}", markup=False
            )
        if not found:
            console.print("nobody works on recordings: start tapeline serve, or tapeline worker")

    with_catalog(config, work)


async def _each(
    catalog: SqlCatalog, ids: list[str], act: Callable[[Scope, list[str]], Awaitable[int]], action: str
) -> int:
    """How many it was done to; each is a line in its tenant's audit."""
    count = 0
    for recording_id in ids:
        if await act(_ALL, [recording_id]):
            count += 1
            # Of a recording that had no work any more there is one only now.
            job = await catalog.job(_ALL, recording_id)
            await audited(catalog, job.tenant if job else None, action, recording_id)
    return count


def _plain(job: Job) -> dict[str, Any]:
    return {**asdict(job), "next": what_next(job, now())}


def _at(at: datetime | None) -> str:
    return "" if at is None else f"{at.astimezone():%Y-%m-%d %H:%M:%S}"
