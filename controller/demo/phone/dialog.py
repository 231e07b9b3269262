"""One call as a phone sees it: answer, hold, digits, MESSAGE, transfer, hang up."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from .acks import Acks
from .digest import Credentials
from .media import Media
from .message import Message, PhoneError, Request, new_branch, response, tag_of, token, uri_of, user_of
from .rtp import RtpStream
from .sound import Source
from .transactions import Address, NoResponse, Reply
from .transfer import Transfer

if TYPE_CHECKING:
    from .phone import Phone

SESSION_HEADER = "X-Session-Id"

#: A re-INVITE that meets another (491) is tried again so often.
_GLARE_TRIES = 4


class CallRefused(PhoneError):
    """The far end did not take the call. ``status`` is its final response, 0 if there was none."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the call was refused: {status} {reason}")
        self.status = status


class Dialog:
    """Made by ``Phone.dial``, ``Phone.call`` and ``Phone.next_call``. Times are time.time()."""

    def __init__(
        self, phone: Phone, *, call_id: str, local: str, remote: str, target: str, source: Source
    ) -> None:
        self.phone = phone
        self.call_id = call_id
        self.local_tag = tag_of(local) or token()
        self.local = local if tag_of(local) else f"{local};tag={self.local_tag}"
        self.remote = remote
        self.target = target
        self.routes: tuple[str, ...] = ()
        self.media = Media(phone.ip, source)
        self.invite: Message | None = None  # the INVITE that came (callee)
        self.ok: Message | None = None  # the 200 that came (caller)
        self.provisionals: list[Message] = []
        self.refusal: Message | None = None
        self.messages: list[Message] = []
        self.infos: list[Message] = []
        self.ringing = asyncio.Event()
        self.established = asyncio.Event()
        self.ended = asyncio.Event()
        self.answered_at: float | None = None
        self.ended_at: float | None = None
        self.ended_by = ""  # local, remote, refused, cancelled, timeout
        self._failure: CallRefused | None = None
        self._cseq = 0
        self._pending: Request | None = None
        self._peer: Address = phone.server
        self.acks = Acks(phone.send, self.ended)
        self._transfer = Transfer(self)
        self._reinviting = False
        self._progress = asyncio.Event()  # the far end's switch has said something

    # ---- what it is

    @property
    def rtp(self) -> RtpStream:
        return self.media.rtp

    @property
    def held(self) -> bool:
        """By us."""
        return self.media.held

    @property
    def held_by_peer(self) -> bool:
        return self.media.held_by_peer

    @property
    def remote_tag(self) -> str:
        return tag_of(self.remote)

    @property
    def called(self) -> str:
        """The user part of the address that was called."""
        return user_of(self.invite.uri if self.invite else self.target)

    @property
    def session_id(self) -> str | None:
        """X-Session-Id: of the 200 for the caller, of the INVITE for the callee."""
        message = self.invite or self.ok
        return (message.get(SESSION_HEADER) or None) if message else None

    @property
    def alive(self) -> bool:
        return self.established.is_set() and not self.ended.is_set()

    # ---- waiting

    async def answered(self, timeout: float = 10.0) -> Dialog:
        """Until the call is up. Raises CallRefused, or TimeoutError."""
        waits = [asyncio.ensure_future(e.wait()) for e in (self.established, self.ended)]
        try:
            async with asyncio.timeout(timeout):
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not self.established.is_set():
            raise self._failure or CallRefused(0, self.ended_by)
        return self

    async def wait_ended(self, timeout: float = 10.0) -> None:
        async with asyncio.timeout(timeout):
            await self.ended.wait()

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
        self.media.take(reply.message.body)
        self._acknowledge(reply.message.cseq)
        self._up()

    def _on_provisional(self, message: Message) -> None:
        self.provisionals.append(message)
        self._progress.set()
        if message.status > 100:
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

    def _respond(self, status: int, reason: str) -> None:
        assert self.invite is not None
        data = response(self.invite, status, reason, tag=self.local_tag, contact=self.phone.contact)
        self.phone.transactions.respond(self.invite, data, self._peer)

    def _send_ok(self, request: Message, peer: Address, mode: str, headers: Sequence[str] = ()) -> None:
        data = response(
            request, 200, "OK", tag=self.local_tag, contact=self.phone.contact, extra=headers,
            content_type="application/sdp", body=self.media.offer(mode),
        )  # fmt: skip
        self.phone.transactions.respond(request, data, peer)
        if request.method == "INVITE":
            self.phone.spawn(self.acks.repeat_until_acknowledged(request.cseq, data, peer))

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

    async def reinvite(self, mode: str) -> Reply:
        """Raises PhoneError if the other side does not agree."""
        for attempt in range(_GLARE_TRIES):
            self._reinviting = True
            try:
                reply = await self.request("INVITE", self.media.offer(mode), "application/sdp")
                if reply.status < 300:
                    self.media.take(reply.message.body)
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

    async def request(
        self,
        method: str,
        body: str = "",
        content_type: str = "",
        headers: Sequence[str] = (),
        *,
        content_length: int | None = None,
        credentials: Credentials | None = None,
    ) -> Reply:
        """Any request in the dialog; ``headers`` are whole lines. Raises NoResponse."""
        request = self._request(method, headers, body, content_type, content_length)
        return await self.phone.exchange(request, self._hop(), self._next_cseq, credentials=credentials)

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
            self.media.take(message.body)
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

    def _reply(self, message: Message, peer: Address, status: int = 200, reason: str = "OK") -> None:
        data = response(message, status, reason, tag=self.local_tag, contact=self.phone.contact)
        self.phone.transactions.respond(message, data, peer)

    # ---- inside

    def _up(self) -> None:
        self.answered_at = time.time()
        self.rtp.start()
        self.established.set()

    def _finish(self, how: str) -> None:
        if not self.ended.is_set():
            self.ended_at, self.ended_by = time.time(), how
            self.rtp.close()
            self._progress.set()
            self.ended.set()

    def abandon(self) -> None:
        """Stop without a word, as a phone does whose power fails."""
        self._finish("local")

    def _next_cseq(self) -> int:
        self._cseq += 1
        return self._cseq

    def _request(
        self, method: str, extra: Sequence[str], body: str = "", content_type: str = "",
        content_length: int | None = None,
    ) -> Request:  # fmt: skip
        return Request(
            method, self.target, self.phone.sent_by, self.local, self.remote, self.call_id,
            self._next_cseq(), self.phone.contact, new_branch(), self.routes, tuple(extra),
            content_type, body, content_length,
        )  # fmt: skip

    def _hop(self) -> Address:
        """Where the next request goes: the first route, else the far end's contact."""
        uri = uri_of(self.routes[0]) if self.routes else self.target
        found = re.match(r"sips?:(?:[^@]*@)?(\d+\.\d+\.\d+\.\d+)(?::(\d+))?", uri)
        return (found.group(1), int(found.group(2) or 5060)) if found else self.phone.server

    def _acknowledge(self, cseq: int) -> None:
        request = self._request("ACK", ())
        self._cseq -= 1  # an ACK has its INVITE's number
        self.acks.send(cseq, replace(request, cseq=cseq).encode(), self._hop())
