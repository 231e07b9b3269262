"""What a dialog is: its addresses, tags, numbers and state, and how its requests are made."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from .acks import Acks
from .digest import Credentials
from .media import Media
from .message import Message, PhoneError, Request, new_branch, response, tag_of, token, uri_of, user_of
from .rtp import RtpStream
from .sound import Source
from .transactions import Address, Reply
from .video import VideoStream

if TYPE_CHECKING:
    from .phone import Phone

SESSION_HEADER = "X-Session-Id"


class CallRefused(PhoneError):
    """The far end did not take the call. ``status`` is its final response, 0 if there was none."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the call was refused: {status} {reason}")
        self.status = status


class DialogState:
    """Half of `Dialog`: everything that it is, and its requests and responses. Times are time.time()."""

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
        self.media = Media(phone.ip, source, phone.film)
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
        self._progress = asyncio.Event()  # the far end's switch has said something

    # ---- what it is

    @property
    def rtp(self) -> RtpStream:
        return self.media.rtp

    @property
    def video(self) -> VideoStream | None:
        """None while the call has no video."""
        return self.media.video

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

    async def answered(self, timeout: float = 10.0) -> Self:
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

    # ---- requests and responses

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

    def _respond(self, status: int, reason: str) -> None:
        assert self.invite is not None
        data = response(self.invite, status, reason, tag=self.local_tag, contact=self.phone.contact)
        self.phone.transactions.respond(self.invite, data, self._peer)

    def _send_ok(self, request: Message, peer: Address, mode: str, headers: Sequence[str] = ()) -> None:
        data = response(
            request, 200, "OK", tag=self.local_tag, contact=self.phone.contact, extra=headers,
            content_type="application/sdp", body=self.media.answer(mode),
        )  # fmt: skip
        self.phone.transactions.respond(request, data, peer)
        if request.method == "INVITE":
            self.phone.spawn(self.acks.repeat_until_acknowledged(request.cseq, data, peer))

    def _reply(self, message: Message, peer: Address, status: int = 200, reason: str = "OK") -> None:
        data = response(message, status, reason, tag=self.local_tag, contact=self.phone.contact)
        self.phone.transactions.respond(message, data, peer)

    # ---- inside

    def _up(self) -> None:
        self.answered_at = time.time()
        self.media.start()
        self.established.set()

    def _finish(self, how: str) -> None:
        if not self.ended.is_set():
            self.ended_at, self.ended_by = time.time(), how
            self.media.close()
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
