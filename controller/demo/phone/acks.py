"""The third leg of the handshake: a 200 to an INVITE is repeated until its ACK comes, and an ACK is
sent again when its 200 does (RFC 3261 sections 13.2.2.4 and 13.3.1.4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from .transactions import T1, T2, TRANSACTION_S, Address


class Acks:
    """Of one dialog, by CSeq number."""

    def __init__(self, send: Callable[[bytes, Address], None], ended: asyncio.Event) -> None:
        self.received: set[int] = set()
        self._send = send
        self._ended = ended
        self._sent: dict[int, tuple[bytes, Address]] = {}
        self._came = asyncio.Event()

    def send(self, cseq: int, data: bytes, address: Address) -> None:
        self._sent[cseq] = (data, address)
        self._send(data, address)

    def send_again(self, cseq: int) -> None:
        if cseq in self._sent:
            self._send(*self._sent[cseq])

    def came(self, cseq: int) -> None:
        self.received.add(cseq)
        self._came.set()

    async def repeat_until_acknowledged(self, cseq: int, data: bytes, peer: Address) -> None:
        loop = asyncio.get_running_loop()
        interval, deadline = T1, loop.time() + TRANSACTION_S
        while cseq not in self.received and not self._ended.is_set() and loop.time() < deadline:
            self._came.clear()
            try:
                async with asyncio.timeout(interval):
                    await self._came.wait()
            except TimeoutError:
                self._send(data, peer)
                interval = min(interval * 2, T2)
