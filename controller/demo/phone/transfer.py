"""Transfers: REFER, blind and with Replaces, and the NOTIFYs that follow (RFC 3515, RFC 3891)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from .message import Message, uri_of, user_of
from .transactions import Reply

if TYPE_CHECKING:
    from .dialog import Dialog

#: So long the last NOTIFY of a call that was hung up is waited for.
_OVERTAKEN_S = 1.0


class Transfer:
    """The transfers that one dialog asks for, one at a time."""

    def __init__(self, dialog: Dialog) -> None:
        self.statuses: list[int] = []
        self._dialog = dialog
        self._done = asyncio.Event()

    async def refer(self, target: str, replaces: Dialog | None, headers: Sequence[str]) -> Reply:
        self._done.clear()
        self.statuses.clear()
        to = self._dialog.phone.uri(target)
        if replaces is not None:
            tags = f"{replaces.call_id};to-tag={replaces.remote_tag};from-tag={replaces.local_tag}"
            to += f"?Replaces={quote(tags, safe='')}"
        lines = [f"Refer-To: <{to}>", f"Referred-By: <{uri_of(self._dialog.local)}>", *headers]
        return await self._dialog.request("REFER", headers=lines)

    async def complete(self, target: str | Dialog, timeout: float) -> int:
        dialog = self._dialog
        if isinstance(target, str):
            reply = await self.refer(target, None, ())
        else:
            reply = await self.refer(user_of(uri_of(target.remote)) or target.called, target, ())
        if reply.status >= 300:
            return reply.status
        waits = [asyncio.ensure_future(e.wait()) for e in (self._done, dialog.ended)]
        try:
            await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if dialog.ended.is_set():  # its BYE may overtake the last NOTIFY
                await asyncio.wait(waits[:1], timeout=_OVERTAKEN_S)
        finally:
            for wait in waits:
                wait.cancel()
        status = self.statuses[-1] if self.statuses else reply.status
        if status < 300:
            await dialog.hangup()
        return status

    def on_notify(self, message: Message) -> None:
        """A status line in message/sipfrag (RFC 3515 section 2.4.5)."""
        found = re.match(r"SIP/2\.0 (\d{3})", message.body.strip())
        if found is None:
            return
        self.statuses.append(int(found.group(1)))
        if self.statuses[-1] >= 200:
            self._done.set()
