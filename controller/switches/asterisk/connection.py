"""One AMI connection: panoramisk, fenced.

panoramisk 1.4 cuts UTF-8 characters in two, sends unanswered actions again after a reconnection,
retries a wrong password for ever, does not notice a frozen peer, lets CR/LF in a value add
headers, and is brought down by a header that comes twice. So each connection here is a Manager
of its own that never reconnects; what it is given to parse is whole frames; every action has a
deadline; logging in and the sign of life are ours.
"""

# mypy: allow-subclassing-any
# panoramisk has no types; its two classes below are subclassed all the same.

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from panoramisk import Manager
from panoramisk.ami_protocol import AMIProtocol

from ...config import AsteriskConfig
from ...core.errors import TapelineError
from .headers import Headers, text
from .tls import Tls, refusal_of, tls_of

#: A frame longer than this is no AMI; the connection ends rather than the memory.
MAX_FRAME = 1 << 20
#: Events not yet taken by the loop; beyond it we stop reading and TCP holds the switch back.
MAX_WAITING = 4096
CONNECT_TIMEOUT_S = 5.0
FRAME_END = b"\r\n\r\n"

#: Every action that we send. None of them may be sent again by panoramisk: a stale MixMonitor or
#: StopMixMonitor would fire on a call that has long moved on.
ACTIONS = frozenset(
    {
        "Challenge", "Login", "Logoff", "Ping", "CoreSettings", "CoreShowChannels", "Command", "Getvar",
        "Setvar", "MixMonitor", "MixMonitorMute", "StopMixMonitor", "UserEvent", "PJSIPShowEndpoints",
        "PJSIPShowEndpoint", "Originate", "MessageSend", "BridgeList", "DBPut", "DBDel", "DBDelTree",
    }
)  # fmt: skip
#: Headers of which panoramisk reads the value as one text, and fails on two.
_SINGLE = ("Event", "Response", "Message", "ActionID", "CommandID", "SubEvent", "EventList")


class ConnectionLost(TapelineError):
    """The connection is gone (or never was); the text says why and, at the start, what to do."""


class LoginRefused(ConnectionLost):
    """Wrong name or password, or this address is not permitted."""


class UnsafeValue(TapelineError, ValueError):
    """A value with CR, LF or NUL in it: it would add headers, or an action, of its own."""


class _Protocol(AMIProtocol):
    """Hands panoramisk whole frames only, and keeps what it raises from closing the link."""

    def __init__(self, on_bad_frame: Callable[[str], None], on_data: Callable[[], None]) -> None:
        self._buffer = bytearray()
        self._on_bad_frame = on_bad_frame
        self._on_data = on_data

    def data_received(self, data: bytes) -> None:
        # A frame's end is ASCII, so no character is ever split at it.
        start = max(0, len(self._buffer) - len(FRAME_END) + 1)
        self._buffer += data
        end = self._buffer.rfind(FRAME_END, start)
        if end < 0:
            if len(self._buffer) > MAX_FRAME:
                self._on_bad_frame("a frame without an end")
            return
        end += len(FRAME_END)
        whole = bytes(self._buffer[:end])
        del self._buffer[:end]
        # What is no UTF-8 is replaced, not dropped: a name stays recognisable as a strange one.
        super().data_received(whole.decode("utf-8", "replace").encode("utf-8"))
        self._on_data()

    def handle_message(self, message: Any) -> None:
        for name in _SINGLE:
            value = message.get(name)
            if isinstance(value, list):
                message[name] = value[0]
        try:
            super().handle_message(message)
        except (AttributeError, TypeError, KeyError, ValueError) as error:
            self._on_bad_frame(f"{type(error).__name__} in panoramisk")


class _Manager(Manager):
    """A Manager for one connection: it neither logs in, nor pings, nor reconnects by itself."""

    def __init__(self, on_lost: Callable[[str], None], **config: Any) -> None:
        super().__init__(**config)
        self._on_lost = on_lost

    def connection_lost(self, exc: Any) -> None:
        self._connected = False
        if isinstance(exc, OSError):
            self._on_lost(f"the connection broke: {exc.strerror or exc}")
        else:  # an orderly end, or panoramisk's Message of the Shutdown event
            self._on_lost("Asterisk closed the connection")

    def ping(self) -> None:
        """Ours has a deadline; see `AmiConnection.action`."""


class AmiConnection:
    """Open it once, use it until ``closed`` is done, close it.

    ``on_events`` gets the events in the switch's order, in bursts, on the event loop.
    """

    def __init__(
        self,
        host: str,
        port: int,
        username: str,
        secret: str,
        on_events: Callable[[list[Headers]], None],
        tls: Tls | None = None,
    ) -> None:
        self._host, self._port = host, port
        self._tls = tls
        self._username, self._secret = username, secret
        self._on_events = on_events
        self._loop = asyncio.get_running_loop()
        self._manager: Any = None
        self._transport: asyncio.Transport | None = None
        self._waiting: deque[Headers] = deque()
        self._draining = False
        self._held_back = False
        self._pending: set[asyncio.Future[Any]] = set()
        self._closing = False
        #: Done, with the reason in people's words, when the connection has ended.
        self.closed: asyncio.Future[str] = self._loop.create_future()

    @classmethod
    def of(cls, config: AsteriskConfig, on_events: Callable[[list[Headers]], None]) -> AmiConnection:
        """Not yet open. Raises ConfigError for a password or a list of authorities that cannot be read."""
        secret, tls = config.secret(), tls_of(config)
        return cls(config.host, config.port, config.username, secret, on_events, tls)

    async def open(self, timeout_s: float = CONNECT_TIMEOUT_S) -> None:
        """Connect and log in. Raises ConnectionLost, LoginRefused, TimeoutError."""
        self._manager = _Manager(
            self._lost,
            loop=self._loop,
            host=self._host,
            port=self._port,
            encoding="utf8",
            ping_delay=1_000_000,
            forgetable_actions=tuple(name.lower() for name in ACTIONS),
        )
        self._manager.register_event("*", self._event)
        try:
            async with asyncio.timeout(timeout_s):
                # Connected here and not by Manager.connect(), which would retry on its own.
                transport, protocol = await self._loop.create_connection(
                    lambda: _Protocol(self._bad_frame, self._schedule), self._host, self._port,
                    ssl=self._tls.context if self._tls else None,
                    server_hostname=self._tls.name if self._tls else None,
                )  # fmt: skip
        except ssl.SSLError as error:
            raise ConnectionLost(refusal_of(error, self._host, self._port)) from error
        except TimeoutError:
            raise ConnectionLost(
                f"no answer from {self._host}:{self._port}; is AMI listening there?"
            ) from None
        except OSError as error:
            raise ConnectionLost(
                f"cannot connect to {self._host}:{self._port}: {error.strerror or error}; is Asterisk "
                "running, and does manager.conf have enabled=yes and this bindaddr and port?"
            ) from error
        self._transport = transport
        opened: asyncio.Future[Any] = self._loop.create_future()
        opened.set_result((transport, protocol))
        self._manager.connection_made(opened)
        await self._log_in(timeout_s)

    async def close(self) -> None:
        self._closing = True
        if self._manager is not None:
            self._manager.close()
        if self._transport is not None:
            self._transport.abort()
        self._lost("closed by us")

    async def action(self, name: str, timeout_s: float, **headers: str) -> Headers:
        """One action and its response. Raises ConnectionLost, TimeoutError, UnsafeValue."""
        answer = await self._send(name, headers, timeout_s)
        return _plain(answer[0] if isinstance(answer, list) else answer)

    async def listing(self, name: str, timeout_s: float, **headers: str) -> list[Headers]:
        """An action answered by a list of events; without its first and last message."""
        answer = await self._send(name, headers, timeout_s)
        if not isinstance(answer, list):
            raise ConnectionLost(f"{name} was refused: {text(_plain(answer), 'Message')[:200]}")
        return [_plain(message) for message in answer[1:-1]]

    async def command(self, line: str, timeout_s: float) -> list[str]:
        """One console command; the lines of its output."""
        answer = await self.action("Command", timeout_s, Command=line)
        output = answer.get("Output", [])
        return [output] if isinstance(output, str) else list(output)

    # ── inside ────────────────────────────────────────────────────────────────────────────

    async def _log_in(self, timeout_s: float) -> None:
        try:
            # By challenge: the password itself does not cross the wire.
            challenge = await self.action("Challenge", timeout_s, AuthType="MD5")
            key = hashlib.md5(  # the only digest that AMI knows
                (text(challenge, "Challenge") + self._secret).encode(), usedforsecurity=False
            ).hexdigest()
            answer = await self.action(
                "Login", timeout_s, AuthType="MD5", Username=self._username, Key=key, Events="on"
            )
        except TimeoutError:
            raise ConnectionLost(
                f"{self._host}:{self._port} does not answer the login; is it AMI, and is Asterisk alive?"
            ) from None
        if text(answer, "Response") != "Success":
            raise LoginRefused(
                f"Asterisk refuses the login of {self._username!r} ({text(answer, 'Message')[:80]}): hold "
                f"both against [{self._username}] in manager.conf, its permit and deny lines too, and "
                "reload it with: asterisk -rx 'manager reload'"
            )

    async def _send(self, name: str, headers: Mapping[str, str], timeout_s: float) -> Any:
        if name not in ACTIONS:
            raise ValueError(f"{name} is not among the actions that may be sent")
        for key, value in headers.items():
            if key.lower() in ("action", "actionid", "commandid"):
                raise UnsafeValue(f"{name}: {key} would make another action of it")
            if any(c in key + value for c in "\r\n\0"):
                raise UnsafeValue(f"{name}: {key} holds a line end")
        if self.closed.done() or self._manager is None or self._manager.protocol is None:
            raise ConnectionLost(self.closed.result() if self.closed.done() else "not connected")
        fields = {key.replace("_", "-"): value for key, value in headers.items()}
        # An Originate is answered twice, and panoramisk waits for the second time, when the call is up.
        once = False if name == "Originate" else None
        future: asyncio.Future[Any] = self._manager.send_action({"Action": name, **fields}, as_list=once)
        self._pending.add(future)
        responses = self._manager.protocol.responses
        try:
            # Not wait_for(): on Python 3.11 it swallows a cancellation that meets the answer.
            async with asyncio.timeout(timeout_s):
                return await future
        finally:
            self._pending.discard(future)
            # panoramisk keeps an action until it is answered: one whose waiter is gone stays for ever.
            for action_id in [k for k, action in responses.items() if action.future is future]:
                del responses[action_id]

    def _event(self, _manager: Any, message: Any) -> None:
        # Runs inside the parser: an exception here would close the link. Only take note.
        self._waiting.append(_plain(message))

    def _schedule(self) -> None:
        if self._waiting and not self._draining:
            self._draining = True
            self._loop.call_soon(self._drain)
        if len(self._waiting) > MAX_WAITING and self._transport is not None and not self._held_back:
            self._held_back = True
            self._transport.pause_reading()

    def _drain(self) -> None:
        self._draining = False
        burst = list(self._waiting)
        self._waiting.clear()
        if self._held_back and self._transport is not None:
            self._held_back = False
            with contextlib.suppress(RuntimeError):  # closed meanwhile
                self._transport.resume_reading()
        self._on_events(burst)

    def _bad_frame(self, what: str) -> None:
        self._lost(f"what came from {self._host}:{self._port} is not AMI ({what})")
        if self._transport is not None:
            self._transport.abort()

    def _lost(self, reason: str) -> None:
        if not self.closed.done():
            self.closed.set_result(reason)
        for future in list(self._pending):
            if not future.done():
                future.set_exception(ConnectionLost(reason))


def _plain(message: Any) -> Headers:
    """A Message as a plain dict: panoramisk's own cannot be copied and holds its manager."""
    return {str(key): value for key, value in message.items() if isinstance(value, str | list)}
