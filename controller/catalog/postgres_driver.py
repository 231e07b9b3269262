"""asyncpg's connection, with signs of life asked of the server's machine."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import asyncpg  # type: ignore[import-untyped]

#: TCP asks after so many seconds of silence, so often, and gives up after so many; the last: what was sent
#: and not acknowledged, in ms. Linux has all of them.
_SIGNS_OF_LIFE = {
    socket.TCP_KEEPIDLE: 5,
    socket.TCP_KEEPINTVL: 5,
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 20_000,
}


class Connection(asyncpg.Connection):  # type: ignore[misc]
    """Notices a server whose machine, or the way to it, has gone without a word: whoever waits for an answer
    would wait for ever, and hold up all that is saved after it."""

    def __init__(self, protocol: Any, transport: asyncio.Transport, *more: Any, **named: Any) -> None:
        super().__init__(protocol, transport, *more, **named)
        peer = transport.get_extra_info("socket")
        if peer is not None and peer.family in (socket.AF_INET, socket.AF_INET6):
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for option, value in _SIGNS_OF_LIFE.items():
                peer.setsockopt(socket.IPPROTO_TCP, option, value)
