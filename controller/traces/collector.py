"""The collector of traces: one POST, with limits on time and size."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping
from typing import cast
from urllib.parse import urlsplit

#: All of it (connecting, sending, the answer) may take so long, however lively the other side is.
POST_S = 5.0
_MOST_READ = 65_536
_PIECE = 16_384
#: To be sent again later (OTLP 1.9, "Retryable Response Codes").
_LATER = frozenset({429, 502, 503, 504})


class NotTaken(Exception):
    """It does not want this, and will not want it later."""


class Away(Exception):
    """It cannot be reached, or says to come again later."""


class Collector:
    """``endpoint``: as the configuration has it, with or without the path ``/v1/traces``."""

    def __init__(self, endpoint: str, headers: Mapping[str, str]) -> None:
        parts = urlsplit(endpoint)
        secure = parts.scheme == "https"
        # Once: reading the machine's certificates takes longer than all the rest.
        self._tls = ssl.create_default_context() if secure else None
        self._host, self._port = parts.hostname or "", parts.port or (443 if secure else 80)
        path = parts.path.rstrip("/")
        self._path = path if path.endswith("/v1/traces") else f"{path}/v1/traces"
        self._headers = {**headers, "content-type": "application/x-protobuf"}

    def post(self, body: bytes) -> None:
        """Blocking, for ``POST_S`` at most once the name has an address. No proxy of the environment and no
        redirect is followed: the headers hold a secret. Raises NotTaken, Away."""
        try:
            status = self._answer(body, time.monotonic() + POST_S)
        except (OSError, http.client.HTTPException) as error:
            # Their names say what their texts leave out ("timed out": TimeoutError).
            name = type(error).__name__
            said = str(error)[:200]
            raise Away(f"it cannot be reached: {name}: {said}") from error
        except ValueError as error:  # a host's name that cannot be one, say
            raise NotTaken(f"it cannot be asked: {error}") from error
        if status in _LATER:
            raise Away(f"it answered {status}")
        if not 200 <= status < 300:
            raise NotTaken(f"it answered {status}")

    def _answer(self, body: bytes, until: float) -> int:
        if self._tls is None:
            connection = http.client.HTTPConnection(self._host, self._port, timeout=POST_S)
        else:
            connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=POST_S, context=self._tls
            )
        try:
            connection.connect()
            line = _Line(connection.sock, until)
            connection.putrequest("POST", self._path, skip_accept_encoding=True)
            for name, value in self._headers.items():
                connection.putheader(name, value)
            connection.putheader("content-length", str(len(body)))
            connection.endheaders()
            for start in range(0, len(body), _PIECE):
                line.hurry()
                connection.send(body[start : start + _PIECE])
            # All that it wants of a socket is the file.
            answer = http.client.HTTPResponse(cast(socket.socket, line), method="POST")
            answer.begin()
            answer.read(_MOST_READ)
            return answer.status
        finally:
            connection.close()


class _Line(io.RawIOBase):
    """What a socket gives, until a moment: its own timeout begins anew with every byte."""

    def __init__(self, sock: socket.socket, until: float) -> None:
        self._sock, self._until = sock, until

    def hurry(self) -> None:
        """Raises TimeoutError."""
        left = self._until - time.monotonic()
        if left <= 0:
            raise TimeoutError(f"not done within {POST_S:.0f} s")
        self._sock.settimeout(left)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, into: object) -> int:
        self.hurry()
        return self._sock.recv_into(cast(bytearray, into))
