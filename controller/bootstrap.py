"""The only place where concrete parts are put together."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import structlog
import uvicorn

from .catalog.facade import SqlCatalog
from .catalog.sole import only_controller
from .cluster.client import PeerClient
from .cluster.control import ClusterControl
from .cluster.door import Door
from .clustering import controller_of, distant_spool, keeper_of, lease_store
from .config import AsteriskConfig, Config, ConfigError
from .config.node import Part
from .engine.engine import Engine
from .engine.ids import new_id, now
from .engine.leasing import Cluster
from .engine.levels import LiveLevels
from .engine.metrics import HttpStats
from .engine.peer_signing import peer_key
from .engine.ports import Control, LinkState
from .engine.report_keeper import ReportKeeper
from .engine.upkeep import Upkeep
from .health import health_of
from .hooking import dispatcher_of, maker_of
from .hooks.dispatcher import Dispatcher
from .jobs.child import WorkerChild
from .jobs.late import LateRunReader
from .keeping import exports_of, make_format_cache, make_retainer
from .media.conversions import Conversions
from .media.encoders import Encoders
from .media.live_levels import LevelReader
from .media.retainer import Retainer
from .media.shelves import Stores
from .media.spool import Spool
from .media.spool_here import SpoolHere
from .media.spool_watch import SpoolWatch
from .media.watermark import Watermark
from .metering import Meter
from .proof.sealer import Sealer
from .proving import make_sealer
from .secret import session_secret
from .serving import Server, listen
from .switches.asterisk.tls import tls_of
from .switches.asterisk.tones import put_tones
from .switches.exposure import exposed, mend_of
from .switching import make_switch, video_supported
from .web.app import Application, create_app
from .web.first_run import Guide
from .web.language import LANGUAGES
from .web.passwords import Passwords
from .web.services import Services
from .web.sign_in_rules import rules_of
from .working import (
    is_here,
    open_catalog,
    open_stores,
    places,
    run_reader,
    store_places,
    watermark_of,
    worker_child,
)

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
    control: Control
    workers: WorkerChild
    watermark: Watermark
    sealer: Sealer
    retainer: Retainer
    conversions: Conversions
    dispatcher: Dispatcher
    spool_watch: SpoolWatch
    report_keeper: ReportKeeper
    upkeep: Upkeep
    app: Application

    @property
    def guide(self) -> Guide:
        """The first run's, to be told what it may show."""
        found: Guide = self.app.state.web.guide
        return found

    def _parts(self) -> list[Running]:
        """What works beside the web, by this node's roles."""
        node = self.config.node
        parts: list[Running] = [self.engine, self.watermark, self.spool_watch]
        # Somebody waits for a conversion, so it is not left to the process that gives way to all others, and
        # that may be at seven recordings. What works here is a program of its own, the encoder; our part, two
        # at once at most, is to hand it blocks: it holds the interpreter for some milliseconds at a time.
        parts.append(self.conversions)
        if isinstance(self.control, ClusterControl):
            parts.append(self.control)
        if node.does(Part.WORK):
            # Each of them may run in several processes: what one has done, another does not do again. They
            # read rows and none of them a file: what does is in the worker's process (working.House).
            parts += [self.sealer, self.retainer, self.report_keeper, self.upkeep]
            if self.config.webhooks.enabled:
                parts.append(self.dispatcher)
        if node.does(Part.WORK) or (self.config.jobs.in_controller and node.does(Part.COLLECT)):
            parts.append(self.workers)
        return parts

    async def run(self, on_ready: Callable[[str], None] = lambda url: None) -> None:
        """Work until cancelled or asked to end by a signal. ``on_ready`` gets the pages' address."""
        listener = listen(self.config.web.host, self.config.web.port)
        host, port = listener.getsockname()[:2]
        server = Server(
            uvicorn.Config(
                self.app,
                log_config=None,
                access_log=False,
                lifespan="on",
                timeout_graceful_shutdown=GRACE_S,
                # Else a request that waited behind another one (pipelining) has what was noted of that: its
                # trace, and its call in the lines of the log.
                reset_contextvars=True,
            ),
            lambda: on_ready(f"http://{host}:{port}"),
        )
        try:
            if (keeper := self.engine.keeper) is not None and not keeper.me.address:
                reached = "127.0.0.1" if host in ("0.0.0.0", "::") else host
                keeper.me = replace(keeper.me, address=f"http://{reached}:{port}")
            async with asyncio.TaskGroup() as tasks:
                work = [tasks.create_task(part.run()) for part in self._parts()]
                await server.serve(sockets=[listener])
                for task in work:
                    task.cancel()
        finally:
            listener.close()


class Running(Protocol):
    async def run(self) -> None: ...


def control_of(config: Config, engine: Engine, peers: PeerClient) -> Control:
    """Of all controllers' switches, where there are several; of this one's else."""
    if engine.keeper is None:
        return engine
    kinds = {s.name: s.kind for s in config.switches}
    video = {s.name: video_supported(s) for s in config.switches}
    return ClusterControl(engine, engine.keeper, peers, kinds, video)


async def hash_password(password: str) -> str:
    """As the sign-in page will verify it."""
    return await Passwords().hash(password)


def make_conversions(config: Config, catalog: SqlCatalog, stores: Stores) -> Conversions:
    cache = make_format_cache(config)
    return Conversions(catalog, stores, Encoders(), cache, config.formats.conversions)


def _connected(config: Config, engine: Engine) -> dict[str, Path]:
    """The spools that are here of the switches that this controller has."""
    up = {status.name for status in engine.switches() if status.state is LinkState.UP}
    return {s.name: s.spool for s in config.switches if s.name in up and is_here(config, s)}


def levels_of(config: Config, engine: Engine) -> LiveLevels:
    spools = {s.name: Spool(s.spool) for s in config.switches if is_here(config, s)}
    return LiveLevels(engine.captures, LevelReader(spools).look)


@contextlib.asynccontextmanager
async def assembled(config: Config, *, untraced: str = "") -> AsyncIterator[Parts]:
    """Everything for `tapeline serve`. ``untraced``: why there are no traces, though wanted.
    Raises ConfigError or DatabaseUnavailable before it starts."""
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
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(only_controller(config.database.url))
        catalog = await stack.enter_async_context(open_catalog(config))
        secret = session_secret(config.web.secret_file)
        stores = open_stores(config)
        workers = worker_child(config)
        watermark = watermark_of(config, stores)
        sealer = make_sealer(config, catalog)
        retainer = make_retainer(config, catalog, stores)
        controlled = config.switches if config.node.does(Part.SWITCHES) else ()
        me = controller_of(config, secret, now())
        leases = lease_store(config)
        if leases is not None:
            stack.push_async_callback(leases.close)
        peers = PeerClient(peer_key(secret))
        stack.push_async_callback(peers.close)
        keeper = keeper_of(leases, me, peers)
        here = {s.name: SpoolHere(s.spool) for s in config.switches if is_here(config, s)}
        elsewhere = {s.name: distant_spool(s, peers, keeper) for s in controlled if s.name not in here}
        switches = [make_switch(s, elsewhere.get(s.name)) for s in controlled]
        for switch in config.switches:
            if isinstance(switch, AsteriskConfig) and switch.name in here and switch not in controlled:
                put_tones(switch)
        engine = Engine(
            switches, catalog, now, new_id, workers.poke, keeper=keeper, spools={**here, **elsewhere}
        )
        control = control_of(config, engine, peers)

        def cluster() -> Cluster:
            return keeper.cluster if keeper else Cluster.of_one(me)

        conversions = make_conversions(config, catalog, stores)
        dispatcher = dispatcher_of(config, catalog, secret)
        http = HttpStats()
        app = create_app(
            Services(
                reader=catalog,
                settings=catalog,
                accounts=catalog,
                control=control,
                door=Door(engine, here) if keeper else None,
                cluster=cluster,
                node=me.name,
                key_mark=me.key_mark,
                pages=config.node.does(Part.WEB),
                store=stores,
                secret=secret,
                secure_cookies=config.web.secure_cookies,
                health=lambda: health_of(
                    control, cluster(), me, engine, workers, watermark, sealer, retainer, untraced
                ),
                now=now,
                new_id=new_id,
                proof=catalog,
                retention=catalog,
                reports=catalog,
                lists=catalog,
                replays=catalog,
                batches=catalog,
                exports=exports_of(config),
                poke_retention=retainer.poke,
                redacting=catalog,
                poke_redactor=workers.poke_redactor,
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
                    engine, cluster, catalog, places(config) | store_places(config), http, workers.took
                ).text,
                http=http,
                levels=levels_of(config, engine),
                language=config.web.language,
            )
        )
        yield Parts(
            config,
            catalog,
            stores,
            engine,
            control,
            workers,
            watermark,
            sealer,
            retainer,
            conversions,
            dispatcher,
            SpoolWatch(catalog, lambda: _connected(config, engine), engine.held_recordings, workers.poke),
            ReportKeeper(catalog),
            Upkeep(catalog.database.tend),
            app,
        )
