"""A connection to the Asterisk of a configuration; what fails names the setting that it hangs on."""

from __future__ import annotations

from collections.abc import Callable

from ...config import AsteriskConfig
from .connection import AmiConnection, ConnectionLost, LoginRefused
from .headers import Headers


async def open_ami(config: AsteriskConfig, on_events: Callable[[list[Headers]], None]) -> AmiConnection:
    """Connected and logged in. Raises ConfigError, ConnectionLost, LoginRefused, TimeoutError."""
    ami = AmiConnection.of(config, on_events)
    section = f"switches.{config.name}"
    try:
        await ami.open()
    except BaseException as error:  # a cancellation, too: nothing may stay open
        await ami.close()
        if isinstance(error, LoginRefused):
            raise LoginRefused(f"{section}.username and {config.password_key}: {error}") from error
        if isinstance(error, ConnectionLost):
            told = str(error)
            if "switches.*" in told:  # about TLS: which setting it hangs on is said in there
                raise ConnectionLost(told.replace("switches.*", section)) from error
            raise ConnectionLost(f"{section}.host and port: {told}") from error
        raise
    return ami
