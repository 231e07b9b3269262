"""How a node that works on recordings is put together out of its configuration."""

from __future__ import annotations

from datetime import timedelta

from .catalog.facade import SqlCatalog
from .catalog.run_engine import run_engine
from .config import Config
from .engine.ids import now
from .engine.jobs import Lane, Limits, RunReader, Runs
from .jobs.late import LateRuns
from .jobs.steps import Steps
from .jobs.workers import Settings, Workers
from .media.pipeline import MediaPipeline


def workers_of(config: Config, catalog: SqlCatalog, media: MediaPipeline, *, alone: bool) -> Workers:
    """A node that works on recordings. ``alone``: nobody tells it of a call's end (`tapeline worker`)."""
    jobs = config.jobs
    settings = Settings(
        switches=jobs.switches or tuple(s.name for s in config.switches),
        places={Lane.SOUND: jobs.at_once, Lane.FILM: 1, Lane.FINISHING: jobs.finishing_at_once},
        limits=Limits(jobs.per_tenant, jobs.tenants),
        poll_s=1.0 if alone else 5.0,
        keep=timedelta(days=jobs.keep_days),
        orphans=not alone,
        label=jobs.node,
    )

    def runs(node: str, steps: Steps) -> Runs:
        def make() -> Runs:
            from .jobs.durable import DbosRuns

            return DbosRuns(run_engine(config.database.url), node, steps.do, lambda: steps.finishing)

        return LateRuns(make)

    return Workers(catalog, media, runs, now, settings)


def run_reader(config: Config) -> RunReader:
    """What the durable engine noted of each step."""
    from .jobs.durable import DbosRunReader

    return DbosRunReader(run_engine(config.database.url))
