"""How the part that delivers webhooks is put together out of the configuration."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_network

from .config import Config
from .engine.hooks import HookMaker, HookQueue
from .engine.ids import now
from .hooks.dispatcher import Dispatcher
from .hooks.guard import Guard
from .hooks.maker import Maker
from .hooks.sender import Sender
from .hooks.signing import HookKeys


def dispatcher_of(config: Config, queue: HookQueue, secret: bytes) -> Dispatcher:
    sender = Sender(HookKeys(secret), _guard(config), now)
    return Dispatcher(queue, sender, now, keep=timedelta(days=config.webhooks.keep_days))


def maker_of(config: Config, secret: bytes) -> HookMaker:
    """For whoever sets a webhook up."""
    return Maker(HookKeys(secret), _guard(config))


def _guard(config: Config) -> Guard:
    return Guard([ip_network(text) for text in config.webhooks.allow_networks])
