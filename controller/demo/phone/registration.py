"""A phone's registration: made, kept up, taken back (RFC 3261 section 10)."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from .message import PhoneError, Request, new_branch, token
from .transactions import Reply

if TYPE_CHECKING:
    from .phone import Phone

log = logging.getLogger(__name__)


class Registration:
    def __init__(self, phone: Phone) -> None:
        self._phone = phone
        self._call_id, self._tag, self._cseq = token(20), token(), 0
        self._refresh: asyncio.Task[None] | None = None

    async def register(self, expires: int) -> Reply:
        reply = await self._send(expires)
        if reply.status != 200:
            raise PhoneError(f"{self._phone.user} was not registered: {reply.status} {reply.reason}")
        self.stop()
        self._refresh = self._phone.spawn(self._keep(expires))
        return reply

    async def unregister(self) -> Reply:
        self.stop()
        return await self._send(0)

    def stop(self) -> None:
        """No more refreshing; what is registered runs out by itself."""
        if self._refresh is not None:
            self._refresh.cancel()

    async def _keep(self, expires: int) -> None:
        while True:
            await asyncio.sleep(expires / 2)
            try:
                reply = await self._send(expires)
            except PhoneError as error:
                log.warning("phone %s: registration: %s", self._phone.user, error)
                continue
            if reply.status != 200:
                log.warning("phone %s: registration refused: %s", self._phone.user, reply.status)

    async def _send(self, expires: int) -> Reply:
        phone, address = self._phone, self._phone.address_of_record()
        request = Request(
            "REGISTER", f"sip:{phone.host}", phone.sent_by, f"{address};tag={self._tag}", address,
            self._call_id, self._next_cseq(), phone.contact, new_branch(), extra=(f"Expires: {expires}",),
        )  # fmt: skip
        return await phone.exchange(request, phone.server, self._next_cseq)

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq
