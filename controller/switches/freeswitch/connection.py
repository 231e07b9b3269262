"""The event-socket connection: greenswitch in a thread and gevent hub of its own.

greenswitch 0.0.19 is fenced: its parsing lets a caller forge event headers, its waits have no
end and its queues no bound, so receiving, sending and stopping are overridden. What remains its
own is the session: greeting, authentication, the order of replies.

Bytes become frames in the thread; the event loop gets them in bursts and decodes them itself: an event
is hundreds of small texts, and made by one core and read and freed by another it costs half as much
again. When the loop is slower than the switch, the thread stops reading and TCP holds the switch back.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gevent
import gevent.event
import gevent.socket
from greenswitch.esl import InboundESL

from .frames import BadFrame, Frame, FrameReader, decode_event
from .replies import ConnectionLost, Pending, WrongPassword

Event = dict[str, str]

#: Events handed over but not yet taken by the loop; beyond it the thread stops reading.
MAX_HANDED_OVER = 512
#: So many events at most are decoded and told of at a time, so that the loop's other work has its turn.
MAX_BURST = 64
#: After so many events the receiver lets its greenlets (the sender) have a turn.
YIELD_EVERY = 64
CONNECT_TIMEOUT_S = 5.0
#: While calls are up the switch's listener is nudged so often. Its loop waits up to 20 ms for a byte
#: from us before it looks at its own event queue (mod_event_socket.c, read_packet, 1.10.12), which
#: would add as much to every pause; a lone line end wakes it and means nothing.
NUDGE_S = 0.004
#: Large, because every read lets the loop's thread in and has to wait for it again.
READ_SIZE = 512 * 1024


def one_message(text: str, body: str = "") -> bytes:
    """A command's lines and, if there is one, its body of as many bytes as the head says. Raises
    ValueError for an empty line or the like in the head, which would be another command."""
    if "\n\n" in text or "\r" in text or "\0" in text or text.endswith("\n"):
        raise ValueError("a line end in a command")
    data = body.encode("utf-8", "replace")
    head = f"{text}\nContent-Length: {len(data)}" if data else text
    return head.encode("utf-8", "replace") + b"\n\n" + data


class _Client(InboundESL):
    """greenswitch with its receiver and sender replaced; runs wholly inside the thread."""

    def __init__(
        self, host: str, port: int, password: str, on_event: Callable[[bytes], None], full: Callable[[], bool]
    ) -> None:
        super().__init__(host, port, password, timeout=CONNECT_TIMEOUT_S)
        self.sock: Any = None  # greenswitch leaves it undefined until it is connected
        self.frames = FrameReader()
        self.on_event = on_event
        self.full = full
        self.rejected = ""
        self.closed = gevent.event.Event()

    def connect(self) -> None:
        """Connect and sign in. Raises ConnectionLost or WrongPassword."""
        try:
            self.sock = gevent.socket.create_connection((self.host, self.port), timeout=CONNECT_TIMEOUT_S)
        except OSError as error:
            raise ConnectionLost(
                f"cannot reach the event socket at {self.host}:{self.port} ({error.strerror or error}); "
                "is FreeSWITCH running, with mod_event_socket listening there?"
            ) from error
        self.sock.settimeout(None)
        self.sock.setsockopt(gevent.socket.SOL_SOCKET, gevent.socket.SO_KEEPALIVE, 1)
        self.sock.setsockopt(gevent.socket.IPPROTO_TCP, gevent.socket.TCP_NODELAY, 1)
        self.connected = True
        self._receive_events_greenlet = gevent.spawn(self.receive_events)
        if not self._auth_request_event.wait(CONNECT_TIMEOUT_S) or not self.connected:
            raise ConnectionLost(
                self.rejected
                or f"{self.host}:{self.port} does not greet like an event socket; is the port right?"
            )
        self.authenticate()

    def authenticate(self) -> None:
        reply = gevent.event.AsyncResult()
        self.send_raw(one_message(f"auth {self.password}"), reply)
        try:
            frame = reply.get(timeout=CONNECT_TIMEOUT_S)
        except gevent.Timeout as error:
            raise ConnectionLost("the event socket does not answer the authentication") from error
        if not frame.reply_text.startswith("+OK"):
            raise WrongPassword("the event socket refuses the password; set the one of event_socket.conf.xml")

    def send_raw(self, message: bytes, waiter: object) -> None:
        """Queue the waiter for the reply and send (see `one_message`)."""
        if not self.connected:
            raise ConnectionLost("not connected")
        self._commands_sent.append(waiter)
        try:
            with gevent.Timeout(CONNECT_TIMEOUT_S, ConnectionLost("the event socket takes nothing any more")):
                self.sock.sendall(message)
        except (ConnectionLost, OSError) as error:
            # Half a message may be out: nothing can be said on this connection any more.
            self.rejected = self.rejected or str(error)
            self.connected = False
            self.closed.set()
            raise

    def nudge(self) -> None:
        """Make the switch look at its event queue now (see NUDGE_S). Never in the middle of a message:
        whoever sends is the one who nudges."""
        with contextlib.suppress(OSError), gevent.Timeout(CONNECT_TIMEOUT_S, False):
            self.sock.send(b"\n")

    def receive_events(self) -> None:
        count = 0
        try:
            while True:
                data = self.sock.recv(READ_SIZE)
                if not data:
                    break
                self.frames.feed(data)
                for frame in self.frames:
                    self.handle_event(frame)
                    count += 1
                    if count % YIELD_EVERY == 0:
                        gevent.sleep(0)
                        while self.full():
                            gevent.sleep(0.002)
        except (OSError, BadFrame) as error:
            self.rejected = self.rejected or f"the event socket broke: {error}"
        finally:
            self.connected = False
            self._auth_request_event.set()
            self.closed.set()

    def handle_event(self, frame: Frame) -> None:
        match frame.content_type:
            case "text/event-json":
                self.on_event(frame.body)
            case "command/reply" | "api/response":
                if self._commands_sent:
                    waiter = self._commands_sent.pop(0)
                    if isinstance(waiter, Pending):
                        waiter.resolve(frame.body.decode("utf-8", "replace") or frame.reply_text)
                    else:
                        waiter.set(frame)
            case "auth/request":
                self._auth_request_event.set()
            case "text/rude-rejection":
                self.rejected = (
                    "the event socket refuses this address; allow it in apply-inbound-acl "
                    "of event_socket.conf.xml"
                )
                self.connected = False
                self._auth_request_event.set()
            case "text/disconnect-notice":
                self.rejected = "FreeSWITCH has closed the event socket"

    def stop(self) -> None:
        self.connected = False
        if self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.shutdown(gevent.socket.SHUT_RDWR)
            if self._receive_events_greenlet is not None:
                self._receive_events_greenlet.join(timeout=2)
            self.sock.close()
        for waiter in self._commands_sent:
            if isinstance(waiter, Pending):
                waiter.fail(ConnectionLost(self.rejected or "the event socket was closed"))
        self._commands_sent.clear()


class EventSocket:
    """One connection, for asyncio. Not reusable: make a new one to connect again.

    ``on_events`` is called on the loop with a burst of events, in order. Each is decoded as it is taken
    and should be let go before the next: all of a burst do not fit into a core's cache.
    """

    def __init__(
        self, host: str, port: int, password: str, on_events: Callable[[Iterable[Event]], None]
    ) -> None:
        self._address = (host, port, password)
        self._on_events = on_events
        self._loop = asyncio.get_running_loop()
        self._opened: asyncio.Future[None] = self._loop.create_future()
        self.closed: asyncio.Future[str] = self._loop.create_future()
        self._outgoing: deque[tuple[bytes, Pending]] = deque()
        self._incoming: deque[bytes] = deque()
        self._draining = False
        self._wake: Callable[[], None] = lambda: None
        self._stopping = False
        self._eager = False
        self._thread = threading.Thread(target=self._main, name=f"esl-{host}:{port}", daemon=True)

    @property
    def eager(self) -> bool:
        """Set while events matter to the millisecond: calls are up."""
        return self._eager

    @eager.setter
    def eager(self, on: bool) -> None:
        begins = on and not self._eager
        self._eager = on
        if begins:
            self._wake()  # at once: the first call's next event is on its way

    async def open(self) -> None:
        """Connect and sign in. Raises ConnectionLost or WrongPassword."""
        self._thread.start()
        await self._opened

    async def send(self, text: str, timeout_s: float, body: str = "") -> str:
        """Send one command and wait for its reply's text (an api command's whole output).

        Raises ConnectionLost, TimeoutError, and ValueError for a line end smuggled in.
        """
        message = one_message(text, body)
        if self.closed.done() or self._stopping:
            raise ConnectionLost("not connected")
        pending = Pending(self._loop.create_future(), self._loop)
        self._outgoing.append((message, pending))
        self._wake()
        # Not wait_for: on Python 3.11 it can swallow a cancellation that meets the reply.
        async with asyncio.timeout(timeout_s):
            return await pending.future

    async def close(self) -> None:
        """End the connection and its thread. It must have ended before the interpreter does."""
        self._stopping = True
        self._wake()
        ended = asyncio.ensure_future(self._ended())
        try:
            await asyncio.shield(ended)
        except asyncio.CancelledError:
            await ended  # whoever is in a hurry waits for the thread all the same
            raise

    async def _ended(self) -> None:
        while self._thread.is_alive():
            await asyncio.to_thread(self._thread.join, 1.0)

    # ── inside the thread ─────────────────────────────────────────────────────────────────

    def _main(self) -> None:
        hub = gevent.get_hub()
        wake = hub.loop.async_()
        work = gevent.event.Event()
        wake.start(work.set)
        self._wake = wake.send
        client = _Client(*self._address, on_event=self._take, full=self._full)
        reason = ""
        try:
            client.connect()
            self._tell(self._resolve_open, None)
            closer = gevent.spawn(self._until_closed, client, work)
            self._serve(client, work)
            closer.kill()
            reason = client.rejected
        except (ConnectionLost, OSError) as error:
            reason = str(error)
            self._tell(
                self._resolve_open, error if isinstance(error, ConnectionLost) else ConnectionLost(reason)
            )
        finally:
            self._wake = lambda: None
            client.stop()
            while self._outgoing:
                self._outgoing.popleft()[1].fail(ConnectionLost(reason or "not connected"))
            wake.stop()
            wake.close()
            self._tell(self._resolve_closed, ConnectionLost(reason or "the event socket was closed"))
            hub.destroy(destroy_loop=True)

    def _serve(self, client: _Client, work: gevent.event.Event) -> None:
        while not self._stopping and client.connected:
            work.wait(NUDGE_S if self._eager else None)
            work.clear()
            if not self._outgoing:
                client.nudge()
            while self._outgoing:
                message, pending = self._outgoing.popleft()
                try:
                    client.send_raw(message, pending)
                except (ConnectionLost, OSError) as error:
                    pending.fail(ConnectionLost(str(error)))

    @staticmethod
    def _until_closed(client: _Client, work: gevent.event.Event) -> None:
        client.closed.wait()
        work.set()

    def _take(self, body: bytes) -> None:
        self._incoming.append(body)
        if not self._draining:
            self._draining = True
            self._tell(self._drain, None)

    def _full(self) -> bool:
        return len(self._incoming) >= MAX_HANDED_OVER and not self._stopping

    def _tell(self, callback: Callable[[Exception | None], None], error: Exception | None) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(callback, error)

    # ── on the loop ───────────────────────────────────────────────────────────────────────

    def _drain(self, _: Exception | None) -> None:
        # The flag falls before the queue is read: what comes in between calls us once more.
        self._draining = False
        burst = self._burst()
        self._on_events(burst)
        deque(burst, maxlen=0)  # what nobody took is over, too
        if self._incoming and not self._draining:
            self._draining = True
            self._loop.call_soon(self._drain, None)

    def _burst(self) -> Iterator[Event]:
        for _ in range(MAX_BURST):
            if not self._incoming:
                return
            event = decode_event(self._incoming.popleft())
            if event is not None:
                yield event

    def _resolve_open(self, error: Exception | None) -> None:
        if self._opened.done():
            return
        if error is None:
            self._opened.set_result(None)
        else:
            self._opened.set_exception(error)

    def _resolve_closed(self, why: Exception | None) -> None:
        # What was sent while the thread was on its way out; from now on `send` refuses by itself.
        while self._outgoing:
            self._outgoing.popleft()[1].fail(ConnectionLost(str(why)))
        if not self.closed.done():
            self.closed.set_result(str(why))
