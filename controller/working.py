"""How a node that works on recordings is put together out of its configuration. Without the web and the
switches, so that the process that does nothing else starts quickly and stays small."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from .catalog.database import open_database
from .catalog.run_engine import run_engine
from .catalog.work import WorkCatalog
from .config import Config, ConfigError, SwitchConfig
from .config.database import sqlite_file
from .config.node import Part
from .config.storage import LocalStoreConfig
from .engine.ids import now
from .engine.jobs import Lane, Limits, RunReader, Runs
from .jobs.child import WorkerChild
from .jobs.late import LateRuns
from .jobs.postponed import absent, postponed
from .jobs.steps import Steps
from .jobs.workers import Settings, Workers
from .media.encode import EncodeTask, GiveUpOriginalsTask
from .media.encoders import Encoders
from .media.finishing import FinishingTask
from .media.mixing import SoundFiles
from .media.mover import Mover
from .media.peaks_task import PeaksTask
from .media.pipeline import MediaPipeline
from .media.redacting import ChosenSpans
from .media.redactor import Redactor
from .media.seal_task import SealBacklog, SealTask
from .media.shelves import Stores, make_stores
from .media.watermark import Watermark

if TYPE_CHECKING:
    from .catalog.facade import SqlCatalog


@contextlib.asynccontextmanager
async def open_catalog(config: Config) -> AsyncIterator[SqlCatalog]:
    """The catalog alone, for commands that need no switch. Raises DatabaseUnavailable."""
    from .catalog.facade import SqlCatalog

    catalog = SqlCatalog(await open_database(config.database.url), now)
    try:
        yield catalog
    finally:
        await catalog.close()


@contextlib.asynccontextmanager
async def open_work_catalog(config: Config) -> AsyncIterator[WorkCatalog]:
    """What of it a worker needs. Raises DatabaseUnavailable."""
    catalog = WorkCatalog(await open_database(config.database.url), now)
    try:
        yield catalog
    finally:
        await catalog.close()


def open_stores(config: Config) -> Stores:
    """Every store of the configuration; no server is asked anything. Raises ConfigError, StoreError."""
    return make_stores(config.storage, config.stores, _folder, config.sealing)


def machine_of(config: Config) -> str:
    """What `spool_on` calls this machine."""
    return config.node.name or socket.gethostname()


def is_here(config: Config, switch: SwitchConfig) -> bool:
    """Whether this machine sees the switch's spool."""
    return switch.spool_on in ("", machine_of(config))


def places(config: Config) -> dict[str, Path]:
    spools = {f"spool of {s.name}": s.spool for s in config.switches if is_here(config, s)}
    file = sqlite_file(config.database)
    return spools | {"storage.path": config.storage.path} | ({"database.url": file.parent} if file else {})


def store_places(config: Config) -> dict[str, Path]:
    """Buckets have no end that we could see."""
    return {f"store {s.name}": s.path for s in config.stores if isinstance(s, LocalStoreConfig)}


def watermark_of(config: Config, stores: Stores) -> Watermark:
    storage = config.storage
    return Watermark(
        places(config), storage.alarm_percent, storage.critical_percent, make_room=stores.cache.make_room,
        stores=store_places(config),
    )  # fmt: skip


def make_pipeline(config: Config, catalog: WorkCatalog, stores: Stores) -> MediaPipeline:
    spools = {s.name: s.spool for s in config.switches}
    tasks = finishing_tasks(config, catalog, stores)
    sounds = SoundFiles({s.name: s.sounds for s in config.switches if s.sounds is not None})
    return MediaPipeline(catalog, spools, stores.home, now, stores=stores, tasks=tasks, sounds=sounds)


def make_workers(config: Config, catalog: WorkCatalog, stores: Stores, *, alone: bool = False) -> Workers:
    """A node that works on recordings. ``alone``: nobody tells it of a call's end (`tapeline worker`)."""
    return workers_of(config, catalog, make_pipeline(config, catalog, stores), alone=alone)


def finishing_tasks(config: Config, catalog: WorkCatalog, stores: Stores) -> list[FinishingTask]:
    """What is done to a recording once it can be played, in this order: peaks, encode, transcribe, seal."""
    formats, encoders = config.formats, Encoders()
    tasks: list[FinishingTask] = [
        PeaksTask(catalog, stores),
        EncodeTask(catalog, stores, encoders, formats.default, formats.encoders),
    ]
    if config.transcription.enabled:
        from .media.transcribe import make_transcribe

        tasks.append(make_transcribe(config.transcription, catalog, stores))
    # Behind all that read the WAV.
    originals = GiveUpOriginalsTask(catalog, stores, formats.default)
    return [*tasks, originals, SealTask(catalog, stores)]


def workers_of(config: Config, catalog: WorkCatalog, media: MediaPipeline, *, alone: bool) -> Workers:
    """A node that works on recordings. ``alone``: nobody tells it of a call's end (`tapeline worker`)."""
    jobs = config.jobs
    seen = tuple(s.name for s in config.switches if is_here(config, s))
    # A folder that is not the switch's own looks like one in which the switch wrote nothing.
    away = tuple(s.name for s in config.switches if not is_here(config, s))
    everything = config.node.does(Part.WORK)
    settings = Settings(
        switches=jobs.switches or seen,
        places={
            Lane.SOUND: jobs.at_once,
            Lane.FILM: 1,
            Lane.FINISHING: jobs.finishing_at_once if everything else 0,
        },
        limits=Limits(jobs.per_tenant, jobs.tenants),
        poll_s=1.0 if alone else 5.0,
        keep=timedelta(days=jobs.keep_days),
        orphans=not alone and everything,
        elsewhere=away,
        label=jobs.node or config.node.name,
    )

    def runs(node: str, steps: Steps) -> Runs:
        def make() -> Runs:
            # DBOS's own command line wants some, its schedules others; and PostgreSQL's driver, 9 MB, is
            # imported for any database.
            local = sqlite_file(config.database) is not None
            driver = ("psycopg", "psycopg.errors") if local else ()
            unused = ("yaml", "click", "croniter:croniter", "dateutil.parser:isoparse")
            with postponed(*unused, *driver), absent(*(("ssl",) if local else ())):
                from .jobs.durable import DbosRuns

            return DbosRuns(run_engine(config.database.url), node, steps.do, lambda: steps.finishing)

        return LateRuns(make)

    return Workers(catalog, media, runs, now, settings)


@dataclass(frozen=True, slots=True)
class House:
    """What looks after the files of recordings that are done: brings them to their stores, seals what lies
    plain, takes out what somebody has chosen. Each of them reads whole files, and so has no place in the
    controller's process; each may run in several, what one has done another does not do again."""

    mover: Mover
    sealing: SealBacklog
    redactor: Redactor


def make_house(config: Config, catalog: WorkCatalog, stores: Stores) -> House:
    from .media.transcribe import make_transcribe

    # It listens to nothing, and so needs no model.
    texts = make_transcribe(config.transcription, catalog, stores)
    redactor = Redactor(catalog, texts, ChosenSpans(catalog, stores))
    return House(Mover(catalog, stores), SealBacklog(catalog, stores, now), redactor)


def worker_child(config: Config) -> WorkerChild:
    """The controller's own worker: a process beside it. It works on recordings unless `jobs.in_controller` is
    false, and looks after their files where the node does that work at all."""
    command = (sys.executable, "-m", "controller.worker_process", str(config.jobs.nice))
    return WorkerChild(command, lambda: config.model_dump_json().encode())


def run_reader(config: Config) -> RunReader:
    """What the durable engine noted of each step."""
    from .jobs.durable import DbosRunReader

    return DbosRunReader(run_engine(config.database.url))


def _folder(path: Path, key: str) -> Path:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{key}: cannot make {path}: {error.strerror}") from error
    if not os.access(path, os.W_OK):
        raise ConfigError(f"{key}: {path} cannot be written by this user")
    return path
