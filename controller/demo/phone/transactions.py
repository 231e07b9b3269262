"""Client and server transactions over UDP: retransmission and its end (RFC 3261 section 17)."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from .message import Message, PhoneError, Request

Address = tuple[str, int]

T1 = 0.5
T2 = 4.0

#: Timers B and F: 64 * T1.
TRANSACTION_S = 32.0

#: How long an INVITE may ring once somebody has said that it does.
RINGING_S = 180.0

_REMEMBERED = 512


class NoResponse(PhoneError):
    """Nobody answered a request in time."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A final response. ``sent_at``: time.time() when the request (with credentials) first left."""

    message: Message
    sent_at: float
    at: float

    @property
    def status(self) -> int:
        return self.message.status

    @property
    def reason(self) -> str:
        return self.message.reason


class Transactions:
    def __init__(self, send: Callable[[bytes, Address], None]) -> None:
        self._send = send
        self._waiting: dict[tuple[str, str], asyncio.Queue[Message]] = {}
        self._answered: OrderedDict[tuple[str, str, str], tuple[bytes | None, Address]] = OrderedDict()

    async def request(
        self,
        request: Request,
        address: Address,
        on_provisional: Callable[[Message], None] | None = None,
        timeout: float = TRANSACTION_S,
    ) -> Reply:
        """Send until a final response comes. Acknowledges a refusal of an INVITE.

        Raises NoResponse.
        """
        return await self._run(
            request.encode(), request.branch, request.method, address, on_provisional, timeout, request
        )

    async def cancel(self, invite: Request, address: Address) -> Reply:
        """CANCEL an INVITE. Its own final response (487) comes to whoever sent it."""
        return await self._run(invite.cancel(), invite.branch, "CANCEL", address, None, 4.0, None)

    async def _run(
        self,
        data: bytes,
        branch: str,
        method: str,
        address: Address,
        on_provisional: Callable[[Message], None] | None,
        timeout: float,
        request: Request | None,
    ) -> Reply:
        key, loop = (branch, method), asyncio.get_running_loop()
        queue = self._waiting[key] = asyncio.Queue()
        is_invite = method == "INVITE"
        interval, deadline, resend = T1, loop.time() + timeout, True
        try:
            self._send(data, address)
            sent_at = time.time()
            again = loop.time() + interval
            while True:
                wait = min(again, deadline) if resend else deadline
                try:
                    async with asyncio.timeout_at(wait):
                        message = await queue.get()
                except TimeoutError:
                    if loop.time() >= deadline:
                        raise NoResponse(f"no answer to {method} from {address[0]}:{address[1]}") from None
                    self._send(data, address)
                    # Timers A and E: double; what is not an INVITE never waits longer than T2.
                    interval = interval * 2 if is_invite else min(interval * 2, T2)
                    again = loop.time() + interval
                    continue
                if message.status < 200:
                    if is_invite:
                        resend, deadline = False, loop.time() + RINGING_S
                    if on_provisional is not None:
                        on_provisional(message)
                    continue
                if is_invite and message.status >= 300 and request is not None:
                    self._send(request.ack(message), address)
                return Reply(message, sent_at, message.at)
        finally:
            self._waiting.pop(key, None)

    def on_response(self, message: Message) -> bool:
        """Hand a response to its request. False if nobody waits for it."""
        queue = self._waiting.get((message.branch, message.method))
        if queue is not None:
            queue.put_nowait(message)
        return queue is not None

    def is_repeat(self, message: Message) -> bool:
        """True if this request came before; its last response has then been sent again."""
        key = (message.branch, message.method, message.get("call-id"))
        seen = self._answered.get(key)
        if seen is None:
            return False
        data, address = seen
        if data is not None:
            self._send(data, address)
        return True

    def respond(self, request: Message, data: bytes, address: Address) -> None:
        """Send a response and keep it for when the request comes again."""
        key = (request.branch, request.method, request.get("call-id"))
        self._answered[key] = (data, address)
        while len(self._answered) > _REMEMBERED:
            self._answered.popitem(last=False)
        self._send(data, address)
