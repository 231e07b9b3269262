"""A scripted SIP phone over UDP: registers, calls, answers, sends and takes MESSAGEs.

It is honest to a fault: whatever text a test gives it, it sends as it is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any

from . import sound
from .dialog import Dialog
from .digest import Credentials, answer
from .message import (
    MalformedMessage,
    Message,
    PhoneError,
    Request,
    new_branch,
    response,
    tag_of,
    token,
    uri_of,
)
from .sound import Source
from .transactions import Address, Reply, Transactions

log = logging.getLogger(__name__)

#: How long a phone takes to say goodbye when it closes.
_GOODBYE_S = 2.0


class Phone(asyncio.DatagramProtocol):
    """``async with Phone("101", "127.0.30.1", ("127.0.4.1", 5060), "secret") as phone: ...``

    ``domain`` is the host in its own address (default: the server's). ``source`` is what it says
    in calls unless the call says otherwise. ``port`` 0 takes a free one.
    """

    def __init__(
        self,
        user: str,
        ip: str,
        server: Address,
        password: str | None = None,
        *,
        port: int = 0,
        domain: str | None = None,
        display_name: str | None = None,
        source: Source | None = None,
    ) -> None:
        self.user, self.ip, self.server, self.port = user, ip, server, port
        self.domain = domain or server[0]
        self.display_name = display_name
        self.source = source or sound.room()
        self.credentials = Credentials(user, password) if password is not None else None
        self.auto_answer = True
        self.answer_delay = 0.0
        self.answer_headers: tuple[str, ...] = ()
        self.refuse_with: tuple[int, str] | None = None
        self.messages: list[Message] = []  # every MESSAGE, in and out of dialogs
        self.notifies: list[Message] = []
        self.dialogs: list[Dialog] = []
        self.trace: list[tuple[float, str, bytes]] = []  # (time.time(), "<" or ">", datagram)
        self.transactions = Transactions(self.send)
        self._calls: list[Dialog] = []
        self._call_came = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None
        self._gone: asyncio.Event = asyncio.Event()
        self._registration: tuple[str, str, int] | None = None  # Call-ID, tag, last CSeq
        self._refresh: asyncio.Task[None] | None = None

    # ---- life

    async def start(self) -> Phone:
        """Raises OSError if the address is taken."""
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=(self.ip, self.port)
        )
        self.port = self._transport.get_extra_info("sockname")[1]
        return self

    async def close(self, *, polite: bool = True) -> None:
        """End every call, unless not polite, and leave nothing running. May be called twice."""
        if self._transport is None:
            return
        if self._refresh is not None:
            self._refresh.cancel()
        if polite:
            goodbyes = [self.spawn(self._goodbye(d)) for d in self.dialogs if not d.ended.is_set()]
            if goodbyes:
                await asyncio.wait(goodbyes, timeout=_GOODBYE_S)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for dialog in self.dialogs:
            dialog.abandon()
        self._transport.close()
        await self._gone.wait()
        self._transport = None

    async def _goodbye(self, dialog: Dialog) -> None:
        try:
            async with asyncio.timeout(_GOODBYE_S):
                await dialog.hangup()
        except (PhoneError, TimeoutError) as error:
            log.debug("phone %s: a call did not end politely: %s", self.user, error)

    async def __aenter__(self) -> Phone:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """A task that ends with the phone; an error in it is logged."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)
        return task

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("phone %s: %s", self.user, error, exc_info=error)

    # ---- addresses

    @property
    def sent_by(self) -> str:
        return f"{self.ip}:{self.port}"

    @property
    def contact(self) -> str:
        return f"<sip:{self.user}@{self.sent_by}>"

    def uri(self, target: str) -> str:
        """A number as an address at our switch; a whole address as it is."""
        if target.startswith(("sip:", "sips:")):
            return target
        return f"sip:{target}@{self._host}"

    @property
    def _host(self) -> str:
        """A domain's name needs no port: everything goes to ``server`` anyway."""
        if self.domain != self.server[0] or self.server[1] == 5060:
            return self.domain
        return f"{self.domain}:{self.server[1]}"

    def _address_of_record(self, user: str | None = None, display_name: str | None = None) -> str:
        name = self.display_name if display_name is None else display_name
        quoted = "" if name is None else f'"{name}" '
        return f"{quoted}<sip:{user or self.user}@{self.domain}>"

    # ---- registration

    async def register(self, expires: int = 300) -> Reply:
        """Register, and again each half of the time granted. Raises PhoneError if refused."""
        reply = await self._register(expires)
        if reply.status != 200:
            raise PhoneError(f"{self.user} was not registered: {reply.status} {reply.reason}")
        if self._refresh is None or self._refresh.done():
            self._refresh = self.spawn(self._keep_registered(expires))
        return reply

    async def unregister(self) -> Reply:
        if self._refresh is not None:
            self._refresh.cancel()
        return await self._register(0)

    async def _register(self, expires: int) -> Reply:
        call_id, tag, cseq = self._registration or (token(20), token(), 0)
        last = cseq

        def next_cseq() -> int:
            nonlocal last
            last += 1
            self._registration = (call_id, tag, last)
            return last

        request = Request(
            "REGISTER", f"sip:{self._host}", self.sent_by, f"{self._address_of_record()};tag={tag}",
            self._address_of_record(), call_id, next_cseq(), self.contact, new_branch(),
            extra=(f"Expires: {expires}",),
        )  # fmt: skip
        return await self.exchange(request, self.server, next_cseq)

    async def _keep_registered(self, expires: int) -> None:
        while True:
            await asyncio.sleep(expires / 2)
            try:
                reply = await self._register(expires)
                if reply.status != 200:
                    log.warning("phone %s: registration refused: %s", self.user, reply.status)
            except PhoneError as error:
                log.warning("phone %s: registration: %s", self.user, error)

    # ---- calls

    async def dial(
        self,
        target: str,
        *,
        headers: Sequence[str] = (),
        source: Source | None = None,
        from_user: str | None = None,
        display_name: str | None = None,
        from_header: str | None = None,
    ) -> Dialog:
        """Send an INVITE and return at once; ``await dialog.answered()`` for what becomes of it.

        ``headers`` are whole lines; ``display_name`` stands between quotes and ``from_header``
        replaces the whole From (a tag is added if it has none), both unescaped.
        """
        dialog = Dialog(
            self,
            call_id=f"{token(20)}@{self.ip}",
            local=from_header or self._address_of_record(from_user, display_name),
            remote=f"<{self.uri(target)}>",
            target=self.uri(target),
            source=source or self.source,
        )
        self.dialogs.append(dialog)
        self.spawn(dialog.run_invite(headers))
        return dialog

    async def call(
        self,
        target: str,
        *,
        timeout: float = 15.0,
        headers: Sequence[str] = (),
        source: Source | None = None,
        from_user: str | None = None,
        display_name: str | None = None,
        from_header: str | None = None,
    ) -> Dialog:
        """Dial and wait for the answer. Raises CallRefused, or TimeoutError."""
        dialog = await self.dial(
            target, headers=headers, source=source, from_user=from_user,
            display_name=display_name, from_header=from_header,
        )  # fmt: skip
        return await dialog.answered(timeout)

    async def next_call(
        self, timeout: float = 10.0, *, where: Callable[[Dialog], bool] = lambda _: True
    ) -> Dialog:
        """The next call that came in (answered already or not) and that nobody has taken yet."""
        async with asyncio.timeout(timeout):
            while True:
                found = next((d for d in self._calls if where(d)), None)
                if found is not None:
                    self._calls.remove(found)
                    return found
                self._call_came.clear()
                await self._call_came.wait()

    # ---- requests

    async def message(
        self,
        target: str,
        body: str,
        content_type: str,
        *,
        from_user: str | None = None,
        credentials: Credentials | None = None,
        headers: Sequence[str] = (),
        content_length: int | None = None,
    ) -> Reply:
        """A MESSAGE out of dialog. ``credentials`` other than our own for what must be refused."""
        cseq = iter(range(1, 100))
        request = Request(
            "MESSAGE", self.uri(target), self.sent_by,
            f"{self._address_of_record(from_user)};tag={token()}", f"<{self.uri(target)}>",
            token(20), next(cseq), self.contact, new_branch(), (), tuple(headers),
            content_type, body, content_length,
        )  # fmt: skip
        return await self.exchange(request, self.server, lambda: next(cseq), credentials=credentials)

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

    def send(self, data: bytes, address: Address) -> None:
        """Any datagram at all."""
        if self._transport is None or self._transport.is_closing():
            return
        self.trace.append((time.time(), ">", data))
        self._transport.sendto(data, address)

    # ---- what comes in

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        at, peer = time.time(), (str(addr[0]), addr[1])
        self.trace.append((at, "<", data))
        if not data.strip(b"\r\n\0 "):
            return  # a keepalive
        try:
            message = Message.parse(data, at)
        except MalformedMessage as error:
            log.warning("phone %s: from %s: %s", self.user, peer, error)
            return
        if not message.is_request:
            if not self.transactions.on_response(message) and message.method == "INVITE":
                dialog = self._find(message.get("call-id"), tag_of(message.get("from")))
                if dialog is not None and message.status < 300:
                    dialog.on_late_ok(message)
        elif not self.transactions.is_repeat(message):
            self._on_request(message, peer)

    def error_received(self, exc: Exception) -> None:
        log.debug("phone %s: %s", self.user, exc)

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone.set()

    def _find(self, call_id: str, local_tag: str) -> Dialog | None:
        return next((d for d in self.dialogs if d.call_id == call_id and d.local_tag == local_tag), None)

    def _on_request(self, message: Message, peer: Address) -> None:
        method, tag = message.method, tag_of(message.get("to"))
        if method == "MESSAGE":
            self.messages.append(message)
        elif method == "NOTIFY":
            self.notifies.append(message)
        dialog = self._find(message.get("call-id"), tag) if tag else None
        if dialog is not None:
            dialog.on_request(message, peer)
        elif method == "ACK":
            return  # of a refusal
        elif method == "CANCEL":
            self._on_cancel(message, peer)
        elif tag and method in ("INVITE", "BYE", "UPDATE", "INFO"):
            self._respond(message, peer, 481, "Call/Transaction Does Not Exist")
        elif method == "INVITE":
            self._on_invite(message, peer)
        elif method in ("OPTIONS", "NOTIFY", "MESSAGE", "INFO"):
            self._respond(message, peer, 200, "OK")
        else:
            self._respond(message, peer, 405, "Method Not Allowed")

    def _on_invite(self, message: Message, peer: Address) -> None:
        if self.refuse_with is not None:
            self._respond(message, peer, *self.refuse_with)
            return
        dialog = Dialog(
            self,
            call_id=message.get("call-id"),
            local=message.get("to"),
            remote=message.get("from"),
            target=uri_of(message.get("contact")),
            source=self.source,
        )
        dialog.take_invite(message, peer)
        self.dialogs.append(dialog)
        dialog.ring()
        self._calls.append(dialog)
        self._call_came.set()
        if self.auto_answer:
            self.spawn(self._answer(dialog))

    async def _answer(self, dialog: Dialog) -> None:
        await asyncio.sleep(self.answer_delay)
        if not dialog.ended.is_set() and not dialog.established.is_set():
            dialog.answer(self.answer_headers)

    def _on_cancel(self, message: Message, peer: Address) -> None:
        dialog = next(
            (d for d in self.dialogs if d.invite is not None and d.invite.branch == message.branch
             and d.call_id == message.get("call-id")),
            None,
        )  # fmt: skip
        if dialog is None:
            self._respond(message, peer, 481, "Call/Transaction Does Not Exist")
            return
        self._respond(message, peer, 200, "OK")
        dialog.cancelled()

    def _respond(self, message: Message, peer: Address, status: int, reason: str) -> None:
        self.transactions.respond(message, response(message, status, reason, tag=token()), peer)
