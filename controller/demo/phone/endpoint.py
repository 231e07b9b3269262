"""A SIP endpoint on one UDP socket: transactions, credentials, background tasks, and their end."""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from typing import Any, Self

from .digest import Credentials, answer
from .message import MalformedMessage, Message, Request
from .transactions import Address, Reply, Transactions

log = logging.getLogger(__name__)


class Endpoint(asyncio.DatagramProtocol, ABC):
    """``trace`` keeps every datagram: (time.time(), "<" or ">", bytes)."""

    def __init__(self, ip: str, port: int, credentials: Credentials | None) -> None:
        self.ip, self.port, self.credentials = ip, port, credentials
        self.trace: list[tuple[float, str, bytes]] = []
        self.transactions = Transactions(self.send)
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None
        self._gone = asyncio.Event()

    @property
    def sent_by(self) -> str:
        return f"{self.ip}:{self.port}"

    # ---- what a phone makes of it

    @abstractmethod
    def on_request(self, message: Message, peer: Address) -> None:
        """A request that has not come before."""

    @abstractmethod
    def on_stray_response(self, message: Message) -> None:
        """A response that nobody waits for (any more)."""

    # ---- life

    async def start(self) -> Self:
        """Raises OSError if the address is taken."""
        self._gone.clear()
        self._transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(self.ip, self.port)
        )
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def end_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def close_socket(self) -> None:
        """Harmless when repeated."""
        if self._transport is not None:
            self._transport.close()
            await self._gone.wait()
            self._transport = None

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that ends with the endpoint; an error in it is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("phone at %s: %s", self.sent_by, error, exc_info=error)

    # ---- sending

    def send(self, data: bytes, address: Address) -> None:
        """Any datagram at all."""
        if self._transport is None or self._transport.is_closing():
            return
        self.trace.append((time.time(), ">", data))
        self._transport.sendto(data, address)

    async def exchange(
        self,
        request: Request,
        address: Address,
        next_cseq: Callable[[], int],
        *,
        on_provisional: Callable[[Message], None] | None = None,
        on_sent: Callable[[Request], None] | None = None,
        credentials: Credentials | None = None,
    ) -> Reply:
        """A request and its final response; a challenge is answered once. Raises NoResponse."""
        credentials = credentials or self.credentials
        if on_sent is not None:
            on_sent(request)
        reply = await self.transactions.request(request, address, on_provisional)
        if reply.status in (401, 407) and credentials is not None:
            line = answer(reply.message, request.method, request.uri, credentials)
            if line is not None:
                request = request.again(next_cseq(), line)
                if on_sent is not None:
                    on_sent(request)
                reply = await self.transactions.request(request, address, on_provisional)
        return reply

    # ---- receiving

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        at, peer = time.time(), (str(addr[0]), addr[1])
        self.trace.append((at, "<", data))
        if not data.strip(b"\r\n\0 "):
            return  # a keepalive
        try:
            message = Message.parse(data, at)
        except MalformedMessage as error:
            log.warning("phone at %s: from %s: %s", self.sent_by, peer, error)
            return
        if not message.is_request:
            if not self.transactions.on_response(message):
                self.on_stray_response(message)
        elif not self.transactions.is_repeat(message):
            self.on_request(message, peer)

    def error_received(self, exc: Exception) -> None:
        log.debug("phone at %s: %s", self.sent_by, exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()
