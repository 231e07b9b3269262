"""One call as a phone sees it: answer, hold, digits, MESSAGE, transfer, hang up."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .dialog_state import CallRefused, DialogState
from .digest import Credentials
from .h264 import Film
from .message import Message, PhoneError, Request, tag_of, uri_of
from .sound import Source
from .transactions import Address, NoResponse, Reply
from .transfer import Transfer

if TYPE_CHECKING:
    from .phone import Phone

#: A re-INVITE that meets another (491) is tried again so often.
_GLARE_TRIES = 4


class Dialog(DialogState):
    """Made by ``Phone.dial``, ``Phone.call`` and ``Phone.next_call``. Times are time.time()."""

    def __init__(
        self, phone: Phone, *, call_id: str, local: str, remote: str, target: str, source: Source
    ) -> None:
        super().__init__(phone, call_id=call_id, local=local, remote=remote, target=target, source=source)
        self._transfer = Transfer(self)
        self._reinviting = False

    # ---- calling

    async def run_invite(self, extra: Sequence[str]) -> None:
        """Send the INVITE and see it through (the phone's task)."""
        request = self._request("INVITE", extra, self.media.offer("sendrecv"), "application/sdp")

        def sent(request: Request) -> None:
            self._pending = request

        try:
            reply = await self.phone.exchange(
                request, self.phone.server, self._next_cseq, on_provisional=self._on_provisional, on_sent=sent
            )
        except NoResponse as error:
            self._failure = CallRefused(0, str(error))
            self._finish("timeout")
            return
        if reply.status >= 300:
            self.refusal = reply.message
            self._failure = CallRefused(reply.status, reply.reason)
            self._finish("cancelled" if reply.status == 487 else "refused")
            return
        self.ok = reply.message
        self.remote = reply.message.get("to")
        self.target = uri_of(reply.message.get("contact")) or self.target
        self.routes = tuple(reversed(reply.message.routes()))
        self.media.take(reply.message.body, offered=False)
        self._acknowledge(reply.message.cseq)
        self._up()

    def _on_provisional(self, message: Message) -> None:
        self.provisionals.append(message)
        self._progress.set()
        if message.status > 100:
            if tag_of(message.get("to")):  # an early dialog, which a transfer may name already
                self.remote = message.get("to")
            self.ringing.set()

    async def cancel(self) -> None:
        """Give up before the answer."""
        if self._pending is None:
            raise PhoneError("only a call that we made can be cancelled")
        # Section 9.1: no CANCEL before a provisional response.
        async with asyncio.timeout(5):
            await self._progress.wait()
        if not self.ended.is_set() and not self.established.is_set():
            await self.phone.transactions.cancel(self._pending, self.phone.server)

    # ---- being called

    def take_invite(self, invite: Message, peer: Address) -> None:
        self.invite, self._peer = invite, peer
        self.routes = tuple(invite.routes())
        self.media.take(invite.body)

    def ring(self) -> None:
        self._respond(180, "Ringing")
        self.ringing.set()

    def answer(self, headers: Sequence[str] = ()) -> None:
        """200 OK. The audio starts at once."""
        if self.invite is None or self.established.is_set() or self.ended.is_set():
            raise PhoneError("there is nothing to answer")
        self._send_ok(self.invite, self._peer, "sendrecv", headers)
        self._up()

    def refuse(self, status: int = 486, reason: str = "Busy Here") -> None:
        if self.invite is None or self.established.is_set():
            raise PhoneError("there is nothing to refuse")
        self._respond(status, reason)
        self._finish("local")

    def cancelled(self) -> None:
        """The caller gave up."""
        if not self.established.is_set() and not self.ended.is_set():
            self._respond(487, "Request Terminated")
            self._finish("cancelled")

    # ---- in the call

    async def bye(self) -> Reply | None:
        """Hang up. None if the other side did so first."""
        if self.ended.is_set():
            return None
        if not self.established.is_set():
            raise PhoneError("the call is not up: cancel or refuse it")
        self._finish("local")
        return await self.request("BYE")

    async def hangup(self) -> None:
        """End it, whatever state it is in."""
        if self.ended.is_set():
            return
        if self.established.is_set():
            await self.bye()
        elif self.invite is not None:
            self.refuse(480, "Temporarily Unavailable")
        else:
            await self.cancel()

    async def hold(self, mode: str = "sendonly") -> None:
        """Hold by a re-INVITE; our audio stops, as a phone without hold music does it."""
        await self.reinvite(mode)
        self.media.hold(True)

    async def unhold(self) -> None:
        await self.reinvite("sendrecv")
        self.media.hold(False)

    async def add_video(self, film: Film) -> None:
        """Make the call a video call, by a re-INVITE. What the other side says to it: see ``video``."""
        self.media.add_video(film)
        await self.reinvite("sendrecv")

    async def remove_video(self) -> None:
        """Make it an audio call again, and take no video from now on."""
        self.media.drop_video()
        await self.reinvite("sendrecv")

    async def reinvite(self, mode: str) -> Reply:
        """Raises PhoneError if the other side does not agree."""
        for attempt in range(_GLARE_TRIES):
            self._reinviting = True
            try:
                reply = await self.request("INVITE", self.media.offer(mode), "application/sdp")
                if reply.status < 300:
                    self.media.take(reply.message.body, offered=False)
                    self._acknowledge(reply.message.cseq)
                    return reply
            finally:
                self._reinviting = False
            if reply.status != 491:
                break
            await asyncio.sleep(0.1 * (attempt + 1))
        raise PhoneError(f"re-INVITE was answered {reply.status} {reply.reason}")

    async def send_digits(self, digits: str, duration_ms: int = 100, gap_ms: int = 80) -> float:
        """Dial by RFC 4733. Returns the time at which the last digit's last packet left."""
        return await self.rtp.send_digits(digits, duration_ms, gap_ms)

    async def send_info_digits(self, digits: str, duration_ms: int = 100) -> float:
        """Dial by SIP INFO. Returns the time at which the last INFO left."""
        at = 0.0
        for digit in digits:
            body = f"Signal={digit}\r\nDuration={duration_ms}\r\n"
            at = (await self.request("INFO", body, "application/dtmf-relay")).sent_at
        return at

    async def message(
        self,
        body: str,
        content_type: str = "application/x-media-control",
        *,
        content_length: int | None = None,
        credentials: Credentials | None = None,
    ) -> Reply:
        """A MESSAGE in the dialog. ``content_length`` sends a wrong one."""
        return await self.request(
            "MESSAGE", body, content_type, content_length=content_length, credentials=credentials
        )

    # ---- transfer

    async def refer(self, target: str, replaces: Dialog | None = None, headers: Sequence[str] = ()) -> Reply:
        """Ask for a transfer: blind, or to the far end of another of our calls."""
        return await self._transfer.refer(target, replaces, headers)

    async def transfer(self, target: str | Dialog, timeout: float = 15.0) -> int:
        """Transfer, blind (a number) or attended (our other call), and leave.

        Returns the last status that the switch reported, the REFER's own if it reported none.
        """
        return await self._transfer.complete(target, timeout)

    @property
    def transfer_statuses(self) -> list[int]:
        """What the NOTIFYs of the last transfer said."""
        return self._transfer.statuses

    # ---- what comes in

    def on_request(self, message: Message, peer: Address) -> None:
        """A request in this dialog."""
        method = message.method
        if method == "ACK":
            self.acks.came(message.cseq)
            self.media.take(message.body, offered=False)
        elif method == "BYE":
            self._reply(message, peer)
            self._finish("remote")
        elif method in ("INVITE", "UPDATE") and message.body:
            self._on_offer(message, peer)
        elif method == "INVITE":
            self._send_ok(message, peer, "sendrecv")
        elif method in ("MESSAGE", "INFO", "NOTIFY", "OPTIONS", "UPDATE"):
            self._reply(message, peer)
            if method == "MESSAGE":
                self.messages.append(message)
            elif method == "INFO":
                self.infos.append(message)
                # RFC 5168: how a switch asks for a key frame where it cannot by RTCP.
                if "picture_fast_update" in message.body and self.media.video is not None:
                    self.media.video.want_key()
            elif method == "NOTIFY":
                self._transfer.on_notify(message)
        else:
            self._reply(message, peer, 603, "Decline")

    def on_late_ok(self, message: Message) -> None:
        """A 200 came again: our ACK was lost."""
        self.acks.send_again(message.cseq)

    def _on_offer(self, message: Message, peer: Address) -> None:
        if self._reinviting and message.method == "INVITE":
            self._reply(message, peer, 491, "Request Pending")
            return
        mode = self.media.take_offer(message.body)
        if mode is None:
            self._reply(message, peer, 488, "Not Acceptable Here")
        else:
            self._send_ok(message, peer, mode)
