"""Everything that the routes work with, put together once for each application."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Request

from ..core.formats import Format
from ..engine.batches import BatchStore
from ..engine.chain import ProofReader
from ..engine.converting import Converter
from ..engine.hooks import HookMaker, HookStore
from ..engine.jobs import JobReader, RunReader
from ..engine.leasing import Cluster
from ..engine.levels import LiveLevels
from ..engine.listing import ListStore
from ..engine.metrics import HttpStats
from ..engine.peer_signing import Checker, peer_key
from ..engine.ports import Control
from ..engine.reading import AccountStore, CatalogReader, SettingsStore
from ..engine.redacting import RedactingStore
from ..engine.replays import ReplayStore
from ..engine.reports import ReportReader
from ..engine.sharing import ShareStore
from .alarms import AlarmBoard
from .devices import Devices
from .first_run import Guide
from .heard import Heard
from .lockout import Lockout
from .oidc import Provider
from .passwords import Passwords
from .ports import FileStore, HealthCheck, PeerDoor, RetentionDesk
from .second_factor import SecondFactors
from .sessions import Sessions
from .sign_in_rules import SignInRules
from .tenant_names import TenantNames


@dataclass(frozen=True, slots=True)
class Services:
    """What `create_app` is given. ``secret`` (32 bytes or more) signs sessions and form tokens."""

    reader: CatalogReader
    settings: SettingsStore
    accounts: AccountStore
    control: Control
    store: FileStore
    secret: bytes
    secure_cookies: bool
    health: HealthCheck
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    proof: ProofReader | None = None
    jobs: JobReader | None = None
    runs: RunReader | None = None
    #: Tells the workers of this process that there is something to do.
    poke: Callable[[], None] = lambda: None
    shares: ShareStore | None = None
    sign_in: SignInRules = field(default_factory=SignInRules)
    converter: Converter | None = None
    default_format: Format = Format.WAV
    retention: RetentionDesk | None = None
    reports: ReportReader | None = None
    lists: ListStore | None = None
    replays: ReplayStore | None = None
    #: Work on many recordings at once, and the folder of the ZIPs that are made by it.
    batches: BatchStore | None = None
    exports: Path | None = None
    #: Tells the retainer of this process that something is to be deleted now.
    poke_retention: Callable[[], None] = lambda: None
    redacting: RedactingStore | None = None
    #: Tells this process that a span is to be taken out now.
    poke_redactor: Callable[[], None] = lambda: None
    hooks: HookStore | None = None
    hook_maker: HookMaker | None = None
    #: Tells this process's sender of webhooks the same.
    poke_hooks: Callable[[], None] = lambda: None
    #: Of pages for whoever has chosen none and whose browser asks for none that there is.
    language: str = "en"
    #: The text of /metrics.
    metrics: Callable[[], Awaitable[str]] | None = None
    #: What this controller answers others that share its catalog; None: there are none.
    door: PeerDoor | None = None
    #: How the others call this process.
    node: str = ""
    #: Who shares it, and who has which switch.
    cluster: Callable[[], Cluster] = lambda: Cluster({}, {})
    key_mark: str = ""
    #: Whether people are served here; otherwise only other controllers, and whoever watches this one.
    pages: bool = True
    #: What /metrics says of the web itself.
    http: HttpStats = field(default_factory=HttpStats)
    #: How loud the running captures are; None: nobody looks.
    levels: LiveLevels | None = None


@dataclass(frozen=True, slots=True)
class Web:
    """The services and what the web itself keeps in memory."""

    services: Services
    sessions: Sessions
    passwords: Passwords
    lockout: Lockout
    heard: Heard
    devices: Devices
    second_factors: SecondFactors
    provider: Provider | None
    alarms: AlarmBoard
    tenant_names: TenantNames
    peer_checker: Checker
    guide: Guide = field(default_factory=Guide)

    @classmethod
    def of(cls, services: Services) -> Web:
        if len(services.secret) < 32:
            raise ValueError("the secret that signs sessions must have 32 bytes or more")
        oidc = services.sign_in.oidc
        return cls(
            services,
            Sessions(services.accounts, services.secret, services.now, secure=services.secure_cookies),
            Passwords(),
            Lockout(services.now),
            Heard(services.now),
            Devices(services.secret, secure=services.secure_cookies),
            SecondFactors(services.accounts, services.secret),
            Provider(oidc, services.secret, services.now) if oidc else None,
            AlarmBoard(services.health, services.reader),
            TenantNames(services.settings),
            Checker(peer_key(services.secret), time.time),
        )


def web_of(request: Request) -> Web:
    return cast(Web, request.app.state.web)


async def _services(request: Request) -> Services:
    return web_of(request).services


#: For route signatures.
Parts = Annotated[Services, Depends(_services)]
