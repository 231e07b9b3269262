"""Connections to the FreeSWITCH of a configuration; what fails names the setting that it hangs on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from ...config import FreeSwitchConfig
from .connection import Event, EventSocket
from .replies import ConnectionLost, WrongPassword


async def open_event_socket(
    config: FreeSwitchConfig, on_events: Callable[[Iterable[Event]], None] = lambda events: None
) -> EventSocket:
    """Connected and signed in. Raises ConfigError, ConnectionLost, WrongPassword."""
    socket = EventSocket(config.host, config.port, config.secret(), on_events)
    section = f"switches.{config.name}"
    try:
        await socket.open()
    except BaseException as error:  # a cancellation, too: nothing may stay open
        await socket.close()
        if isinstance(error, WrongPassword):
            raise WrongPassword(f"{section}.{config.password_key} is wrong: {error}") from error
        if isinstance(error, ConnectionLost):
            raise ConnectionLost(f"{section}.host and port: {error}") from error
        raise
    return socket


@dataclass(frozen=True, slots=True)
class Pair:
    """Two connections to one switch.

    mod_event_socket serves a connection in one loop, which looks at what the client has sent only when it has
    written out all the events that wait (`read_packet`, 1.10.12): while these come as fast as it writes them,
    a command is not even read. So the commands have a connection that no event goes over.
    """

    events: EventSocket
    commands: EventSocket


@asynccontextmanager
async def open_pair(
    config: FreeSwitchConfig, on_events: Callable[[Iterable[Event]], None]
) -> AsyncIterator[Pair]:
    """Both, connected and signed in, and closed at the end. Raises as `open_event_socket`."""
    events = await open_event_socket(config, on_events)
    try:
        commands = await open_event_socket(config)
        try:
            yield Pair(events, commands)
        finally:
            await commands.close()
    finally:
        await events.close()
