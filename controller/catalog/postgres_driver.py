"""Signs of life asked of the machine on which PostgreSQL runs."""

from __future__ import annotations

import socket
from typing import Any

#: TCP asks after so many seconds of silence, so often, and gives up after so many; the last: what was sent
#: and not acknowledged, in ms. Linux has all of them.
_SIGNS_OF_LIFE = {
    socket.TCP_KEEPIDLE: 5,
    socket.TCP_KEEPINTVL: 5,
    socket.TCP_KEEPCNT: 3,
    socket.TCP_USER_TIMEOUT: 20_000,
}


def ask_for_signs_of_life(connection: Any) -> None:
    """Of asyncpg's connection. A server whose machine, or the way to it, goes without a word is noticed then:
    whoever waits for an answer would wait for ever, and hold up all that is saved after it."""
    peer = connection._transport.get_extra_info("socket")
    if peer is not None and peer.family in (socket.AF_INET, socket.AF_INET6):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in _SIGNS_OF_LIFE.items():
            peer.setsockopt(socket.IPPROTO_TCP, option, value)
