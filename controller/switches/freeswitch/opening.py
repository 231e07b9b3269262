"""A connection to the FreeSWITCH of a configuration; what fails names the setting that it hangs on."""

from __future__ import annotations

from collections.abc import Callable, Iterable

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
            raise WrongPassword(f"{section}.{config.password_key}: {error}") from error
        if isinstance(error, ConnectionLost):
            raise ConnectionLost(f"{section}.host and port: {error}") from error
        raise
    return socket
