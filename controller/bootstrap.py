"""The only place where concrete parts are put together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvicorn
from uvicorn.server import HANDLED_SIGNALS

from .catalog.facade import SqlCatalog
from .config import AsteriskConfig, Config, ConfigError, FreeSwitchConfig
from .engine.engine import Engine
from .engine.ids import new_id, now
from .engine.metrics import HttpStats
from .engine.ports import Directory, LinkState, Switch
from .engine.report_keeper import ReportKeeper
from .health import health_of
from .hooking import dispatcher_of, maker_of
from .hooks.dispatcher import Dispatcher
from .jobs.child import WorkerChild
from .jobs.late import LateRunReader
from .media.conversions import Conversions
from .media.encoders import Encoders
from .media.erasing import Eraser, Forget
from .media.format_cache import FormatCache
from .media.mover import Mover
from .media.redacting import ChosenSpans
from .media.redactor import Redactor
from .media.retainer import Retainer
from .media.seal_task import SealBacklog
from .media.shelves import Stores
from .media.spool import Spool
from .media.spool_watch import SpoolWatch
from .media.transcribe import make_transcribe
from .media.watermark import Watermark
from .metering import Meter
from .proof import signing
from .proof.bundle import ReadFile
from .proof.sealer import Sealer
from .switches.asterisk.adapter import AsteriskSwitch
from .switches.asterisk.directory import AsteriskDirectory
from .switches.asterisk.tls import tls_of
from .switches.exposure import exposed, mend_of
from .switches.freeswitch.adapter import FreeSwitch
from .switches.freeswitch.directory import FreeSwitchDirectory
from .web.app import Application, create_app
from .web.first_run import Guide
from .web.language import LANGUAGES
from .web.passwords import Passwords
from .web.services import Services
from .web.sign_in_rules import rules_of
from .web.zipping import forgetting
from .working import open_catalog, open_stores, places, run_reader, store_places, watermark_of, worker_child

log = structlog.get_logger(__name__)

#: How long requests under way may take when the controller is asked to end.
GRACE_S = 3


@dataclass(frozen=True, slots=True)
class Parts:
    """A whole controller, put together and not yet running."""

    config: Config
    catalog: SqlCatalog
    stores: Stores
    engine: Engine
    workers: WorkerChild
    mover: Mover
    sealing: SealBacklog
    watermark: Watermark
    sealer: Sealer
    retainer: Retainer
    conversions: Conversions
    redactor: Redactor
    dispatcher: Dispatcher
    spool_watch: SpoolWatch
    report_keeper: ReportKeeper
    app: Application

    @property
    def guide(self) -> Guide:
        """The first run's, to be told what it may show."""
        found: Guide = self.app.state.web.guide
        return found

    async def run(self, on_ready: Callable[[str], None] = lambda url: None) -> None:
        """Work until cancelled or asked to end by a signal. ``on_ready`` gets the pages' address."""
        listener = _listen(self.config.web.host, self.config.web.port)
        host, port = listener.getsockname()[:2]
        server = _Server(
            uvicorn.Config(
                self.app, log_config=None, access_log=False, lifespan="on", timeout_graceful_shutdown=GRACE_S
            ),
            lambda: on_ready(f"http://{host}:{port}"),
        )
        try:
            async with asyncio.TaskGroup() as tasks:
                parts = (
                    self.engine, self.mover, self.sealing, self.watermark, self.sealer, self.retainer,
                    self.conversions, self.redactor, self.spool_watch, self.report_keeper,
                )  # fmt: skip
                work = [tasks.create_task(part.run()) for part in parts]
                if self.config.jobs.in_controller:
                    work.append(tasks.create_task(self.workers.run()))
                if self.config.webhooks.enabled:
                    work.append(tasks.create_task(self.dispatcher.run()))
                await server.serve(sockets=[listener])
                for task in work:
                    task.cancel()
        finally:
            listener.close()


class _Server(uvicorn.Server):
    """A server that says when it has begun to listen, and that a signal ends in good order."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_started()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """uvicorn's own raises the signal once more when the server has ended, which kills the process
        before the engine has written what the catalog does not have yet."""
        before = {sig: signal.signal(sig, self.handle_exit) for sig in HANDLED_SIGNALS}
        try:
            yield
        finally:
            for sig, handler in before.items():
                signal.signal(sig, handler)


def make_switch(config: FreeSwitchConfig | AsteriskConfig) -> Switch:
    if isinstance(config, FreeSwitchConfig):
        return FreeSwitch(config, new_id, now)
    return AsteriskSwitch(config, new_id, now)


def video_supported(config: FreeSwitchConfig | AsteriskConfig) -> bool:
    """Whether such a switch records video."""
    return (FreeSwitch if isinstance(config, FreeSwitchConfig) else AsteriskSwitch).video_supported


def make_directory(config: FreeSwitchConfig | AsteriskConfig) -> Directory:
    return FreeSwitchDirectory(config) if isinstance(config, FreeSwitchConfig) else AsteriskDirectory(config)


async def hash_password(password: str) -> str:
    """As the sign-in page will verify it."""
    return await Passwords().hash(password)


def make_format_cache(config: Config) -> FormatCache:
    return FormatCache(config.formats.cache, config.formats.cache_mb * 1_000_000)


def make_conversions(config: Config, catalog: SqlCatalog, stores: Stores) -> Conversions:
    cache = make_format_cache(config)
    return Conversions(catalog, stores, Encoders(), cache, config.formats.conversions)


def make_eraser(config: Config, catalog: SqlCatalog, stores: Stores) -> Eraser:
    """Who keeps something of a recording outside `files` (a cache, say) has it forgotten here."""
    forget: list[Forget] = [
        stores.cache.forget, make_format_cache(config).forget, forgetting(_exports(config)),
    ]  # fmt: skip
    return Eraser(catalog, stores, {s.name: s.spool for s in config.switches}, now, forget)


def _exports(config: Config) -> Path:
    """Where ZIPs of recordings lie until they are fetched."""
    return config.formats.cache.with_name("exports")


def make_retainer(config: Config, catalog: SqlCatalog, stores: Stores) -> Retainer:
    settings = config.retention
    return Retainer(
        catalog, make_eraser(config, catalog, stores), now, every_s=settings.every_minutes * 60.0,
        batch=settings.batch, confirm_above=settings.confirm_above,
    )  # fmt: skip


def _connected(config: Config, engine: Engine) -> dict[str, Path]:
    up = {status.name for status in engine.switches() if status.state is LinkState.UP}
    return {s.name: s.spool for s in config.switches if s.name in up}


def make_sealer(config: Config, catalog: SqlCatalog) -> Sealer:
    settings = config.proof
    return Sealer(catalog, lambda: signing.load(settings.key_file, settings.key_command), now)


def reader_of(config: Config) -> ReadFile:
    """How to read a recording's file from wherever it lies."""
    return open_stores(config).read


@contextlib.asynccontextmanager
async def assembled(config: Config) -> AsyncIterator[Parts]:
    """Everything for `tapeline serve`. Raises ConfigError or DatabaseUnavailable before it starts."""
    for switch in config.switches:
        switch.secret()  # an unreadable password file is an error of the start, not of later
        if isinstance(switch, AsteriskConfig):
            tls_of(switch)
        if why := exposed(switch):
            log.warning("switch.control.exposed", switch=switch.name, why=why, mend=mend_of(switch))
    if config.web.language not in LANGUAGES:
        there = ", ".join(LANGUAGES)
        raise ConfigError(f"web.language: there is no {config.web.language!r}; there are {there}")
    sign_in = rules_of(config.sign_in)
    async with open_catalog(config) as catalog:
        stores = open_stores(config)
        workers = worker_child(config)
        mover, watermark = Mover(catalog, stores), watermark_of(config, stores)
        sealing = SealBacklog(catalog, stores, now)
        sealer = make_sealer(config, catalog)
        retainer = make_retainer(config, catalog, stores)
        switches = [make_switch(s) for s in config.switches]
        engine = Engine(
            switches,
            catalog,
            now,
            new_id,
            workers.poke,
            {s.name: Spool(s.spool).written_at for s in config.switches},
        )
        conversions = make_conversions(config, catalog, stores)
        redactor = Redactor(
            catalog, make_transcribe(config.transcription, catalog, stores), ChosenSpans(catalog, stores)
        )
        secret = session_secret(config.web.secret_file)
        dispatcher = dispatcher_of(config, catalog, secret)
        http = HttpStats()
        app = create_app(
            Services(
                reader=catalog,
                settings=catalog,
                accounts=catalog,
                control=engine,
                store=stores,
                secret=secret,
                secure_cookies=config.web.secure_cookies,
                health=lambda: health_of(engine, workers, mover, sealing, watermark, sealer, retainer),
                now=now,
                new_id=new_id,
                proof=catalog,
                retention=catalog,
                reports=catalog,
                lists=catalog,
                replays=catalog,
                batches=catalog,
                exports=_exports(config),
                poke_retention=retainer.poke,
                redacting=catalog,
                poke_redactor=redactor.poke,
                jobs=catalog,
                runs=LateRunReader(lambda: run_reader(config)),
                poke=workers.poke,
                sign_in=sign_in,
                converter=conversions,
                default_format=config.formats.default,
                shares=catalog,
                hooks=catalog,
                hook_maker=maker_of(config, secret),
                poke_hooks=dispatcher.poke,
                metrics=Meter(
                    engine, catalog, places(config) | store_places(config), http, workers.took
                ).text,
                http=http,
                language=config.web.language,
            )
        )
        yield Parts(
            config,
            catalog,
            stores,
            engine,
            workers,
            mover,
            sealing,
            watermark,
            sealer,
            retainer,
            conversions,
            redactor,
            dispatcher,
            SpoolWatch(catalog, lambda: _connected(config, engine), engine.held_recordings, workers.poke),
            ReportKeeper(catalog),
            app,
        )


def session_secret(file: Path) -> bytes:
    """The key that signs sessions; made, for this user only, if there is none. Raises ConfigError."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as out:
                out.write(os.urandom(48))
        secret = file.read_bytes()
    except OSError as error:
        raise ConfigError(f"web.secret_file: cannot use {file}: {error.strerror}") from error
    if len(secret) < 32:
        raise ConfigError(f"web.secret_file: {file} is too short; delete it and a new one is made")
    return secret


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise ConfigError(
            f"web.port: cannot listen on {host}:{port}: {error.strerror}; "
            "is another controller running? Set web.port to another one"
        ) from error
    return listener
