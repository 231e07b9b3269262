"""How this controller is put together with the others that share its catalog."""

from __future__ import annotations

import socket
from datetime import datetime
from hashlib import sha256

from . import __version__
from .catalog.leases import LeaseRows, lease_rows
from .cluster.client import PeerClient
from .cluster.distant_spool import DistantSpool
from .config import Config, SwitchConfig
from .config.database import POSTGRESQL
from .config.node import Part
from .engine.ids import new_id
from .engine.keeper import Keeper, Peers
from .engine.leasing import Controller
from .engine.peer_signing import peer_key


def label_of(config: Config) -> str:
    """What people call this machine."""
    return config.node.name or config.jobs.node or socket.gethostname()


def shared(config: Config) -> bool:
    """Whether there may be other controllers: with SQLite there is one."""
    return config.database.url.startswith(POSTGRESQL)


def key_mark(secret: bytes) -> str:
    """Tells whether two controllers have the same secret, and nothing of it."""
    return sha256(peer_key(secret)).hexdigest()[:16]


def marked(config: Config) -> str:
    """The mark of the secret here; "" where there is none yet, or it cannot be read."""
    try:
        return key_mark(config.web.secret_file.read_bytes())
    except OSError:
        return ""


def controller_of(config: Config, secret: bytes, now: datetime) -> Controller:
    """This process, whose address is known once it listens."""
    switches = tuple(s.name for s in config.switches) if config.node.does(Part.SWITCHES) else ()
    return Controller(
        f"{label_of(config)}.{new_id()[:8]}", label_of(config), config.node.address,
        tuple(str(r) for r in config.node.roles), switches, config.node.prefer,
        key_mark(secret), __version__, now, now,
    )  # fmt: skip


def lease_store(config: Config) -> LeaseRows | None:
    return lease_rows(config.database.url) if shared(config) else None


def keeper_of(store: LeaseRows | None, me: Controller, peers: Peers) -> Keeper | None:
    """None: nothing is leased."""
    return None if store is None else Keeper(store, me, me.switches, peers=peers)


def distant_spool(switch: SwitchConfig, peers: PeerClient, keeper: Keeper | None) -> DistantSpool:
    """For a switch whose spool is on another machine."""
    others = keeper.others if keeper else tuple
    return DistantSpool(switch.name, switch.spool_on, peers, others)
