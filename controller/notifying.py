"""What is told to the service manager (systemd, Type=notify): ready, alive, ending.

The protocol of sd_notify(3): datagrams of lines to the socket that NOTIFY_SOCKET names. Without that variable
nothing is told. The sign of life comes from the event loop, so a loop that hangs is noticed and restarted.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Mapping

import structlog

log = structlog.get_logger(__name__)


class ServiceManager:
    """Whoever started us, if it listens."""

    def __init__(self, environ: Mapping[str, str] | None = None) -> None:
        environ = os.environ if environ is None else environ
        name = environ.get("NOTIFY_SOCKET", "")
        # "@" stands for the abstract name space.
        self._address = "\0" + name[1:] if name.startswith("@") else name
        ours = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        limit = environ.get("WATCHDOG_USEC", "")
        #: How long it may be without a sign of life; 0: it does not watch.
        self.limit_s = int(limit) / 1e6 if ours and limit.isdigit() else 0.0

    def ready(self) -> None:
        self._tell("READY=1")

    def alive(self) -> None:
        self._tell("WATCHDOG=1")

    def ending(self) -> None:
        self._tell("STOPPING=1")

    def _tell(self, state: str) -> None:
        if not self._address:
            return
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as out:
                out.connect(self._address)
                out.sendall(state.encode())
        except OSError as error:  # it restarts us if it had to know; calls go on being recorded meanwhile
            log.warning("service_manager.away", error=error.strerror)


@contextlib.asynccontextmanager
async def watched(manager: ServiceManager) -> AsyncIterator[ServiceManager]:
    """Give signs of life until the block is left, and then say that we end."""

    async def live() -> None:
        while True:
            manager.alive()
            await asyncio.sleep(manager.limit_s / 3)

    life = asyncio.ensure_future(live()) if manager.limit_s else None
    try:
        yield manager
    finally:
        manager.ending()
        if life is not None:
            life.cancel()
