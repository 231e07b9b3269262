"""A collector of traces: takes OTLP over HTTP and reads it by OpenTelemetry's own messages."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span


def values(attributes: Any) -> dict[str, Any]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in attributes}


@dataclass(frozen=True)
class Seen:
    """A span, and what is said of the process that it comes from."""

    span: Span
    resource: dict[str, Any]

    @property
    def name(self) -> str:
        return str(self.span.name)

    @property
    def of(self) -> dict[str, Any]:
        return values(self.span.attributes)

    @property
    def failed(self) -> bool:
        return bool(self.span.status.code == 2)


@dataclass
class Receiver:
    """``with Receiver() as receiver``. ``status`` is what it answers; while ``held`` it does not answer."""

    status: int = 200
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0
    #: Certificate and key, for TLS.
    tls: tuple[Path, Path] | None = None

    def __enter__(self) -> Receiver:
        receiver, self.free = self, threading.Event()
        self.free.set()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.got.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                receiver.free.wait(30)
                self.send_response(receiver.status)
                self.send_header("location", "http://127.0.0.1:9/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        if self.tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.free.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def endpoint(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    @property
    def spans(self) -> list[Seen]:
        return list(self._spans())

    def _spans(self) -> Iterator[Seen]:
        for _, _, body in list(self.got):
            for part in ExportTraceServiceRequest.FromString(body).resource_spans:
                for scope in part.scope_spans:
                    for span in scope.spans:
                        yield Seen(span, values(part.resource.attributes))

    def named(self, name: str) -> list[Seen]:
        return [seen for seen in self.spans if seen.name == name]

    def texts(self) -> set[str]:
        """Every text that was received, wherever it stands."""
        found: set[str] = set()
        for _, _, body in list(self.got):
            _walk(ExportTraceServiceRequest.FromString(body), found)
        return found


def _walk(message: Any, found: set[str]) -> None:
    for descriptor, value in message.ListFields():
        for one in value if descriptor.is_repeated else [value]:
            if descriptor.message_type is not None:
                _walk(one, found)
            elif isinstance(one, str):
                found.add(one)


def until(condition: Callable[[], object], what: str, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)
