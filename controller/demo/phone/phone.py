"""A scripted SIP phone over UDP: registers, calls, answers, sends and takes MESSAGEs.

It is honest to a fault: whatever text a test gives it, it sends as it is.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from types import TracebackType

from . import sound
from .dialog import Dialog
from .digest import Credentials
from .endpoint import Endpoint
from .h264 import Film
from .message import Message, PhoneError, Request, new_branch, response, tag_of, token, uri_of
from .registration import Registration
from .sound import Source
from .transactions import Address, Reply

log = logging.getLogger(__name__)

#: How long a phone takes to say goodbye when it closes.
_GOODBYE_S = 2.0


class Phone(Endpoint):
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
        super().__init__(ip, port, Credentials(user, password) if password is not None else None)
        self.user, self.server = user, server
        self.domain = domain or server[0]
        self.display_name = display_name
        self.source = source or sound.room()
        self.film: Film | None = None  # a camera; without one its calls have no video
        self.auto_answer = True
        self.answer_delay = 0.0
        self.answer_headers: tuple[str, ...] = ()
        self.refuse_with: tuple[int, str] | None = None
        self.forward_to = ""  # a number or an address: every call is sent there (302)
        self.messages: list[Message] = []  # every MESSAGE, in and out of dialogs
        self.notifies: list[Message] = []
        self.dialogs: list[Dialog] = []
        self._calls: list[Dialog] = []
        self._call_came = asyncio.Event()
        self._registration = Registration(self)

    # ---- life

    async def close(self, *, polite: bool = True) -> None:
        """End every call, unless not polite, and leave nothing running. May be called twice."""
        self._registration.stop()
        if polite:
            goodbyes = [self.spawn(self._goodbye(d)) for d in self.dialogs if not d.ended.is_set()]
            if goodbyes:
                await asyncio.wait(goodbyes, timeout=_GOODBYE_S)
        await self.end_tasks()
        for dialog in self.dialogs:
            dialog.abandon()
        await self.close_socket()

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

    # ---- addresses

    @property
    def contact(self) -> str:
        return f"<sip:{self.user}@{self.sent_by}>"

    def uri(self, target: str) -> str:
        """A number as an address at our switch; a whole address as it is."""
        if target.startswith(("sip:", "sips:")):
            return target
        return f"sip:{target}@{self.host}"

    @property
    def host(self) -> str:
        """A domain's name needs no port: everything goes to ``server`` anyway."""
        if self.domain != self.server[0] or self.server[1] == 5060:
            return self.domain
        return f"{self.domain}:{self.server[1]}"

    def address_of_record(self, user: str | None = None, display_name: str | None = None) -> str:
        name = self.display_name if display_name is None else display_name
        quoted = "" if name is None else f'"{name}" '
        return f"{quoted}<sip:{user or self.user}@{self.domain}>"

    # ---- registration

    async def register(self, expires: int = 300) -> Reply:
        """Register, and again each half of the time. Raises PhoneError if refused."""
        return await self._registration.register(expires)

    async def unregister(self) -> Reply:
        return await self._registration.unregister()

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
        call_id: str | None = None,
    ) -> Dialog:
        """Send an INVITE and return at once; ``await dialog.answered()`` for what becomes of it.

        ``headers`` are whole lines; ``display_name`` stands between quotes and ``from_header``
        replaces the whole From (a tag is added if it has none), both unescaped like ``call_id``.
        """
        dialog = Dialog(
            self,
            call_id=call_id or f"{token(20)}@{self.ip}",
            local=from_header or self.address_of_record(from_user, display_name),
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
            f"{self.address_of_record(from_user)};tag={token()}", f"<{self.uri(target)}>",
            token(20), next(cseq), self.contact, new_branch(), (), tuple(headers),
            content_type, body, content_length,
        )  # fmt: skip
        return await self.exchange(request, self.server, lambda: next(cseq), credentials=credentials)

    # ---- what comes in

    def _find(self, call_id: str, local_tag: str) -> Dialog | None:
        return next((d for d in self.dialogs if d.call_id == call_id and d.local_tag == local_tag), None)

    def on_stray_response(self, message: Message) -> None:
        if message.method == "INVITE" and 200 <= message.status < 300:
            dialog = self._find(message.get("call-id"), tag_of(message.get("from")))
            if dialog is not None:
                dialog.on_late_ok(message)

    def on_request(self, message: Message, peer: Address) -> None:
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
        if self.forward_to:
            moved = (f"Contact: <{self.uri(self.forward_to)}>",)
            answer = response(message, 302, "Moved Temporarily", tag=token(), extra=moved)
            self.transactions.respond(message, answer, peer)
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
