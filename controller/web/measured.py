"""How long each route takes to answer, and which event streams are open (engine.metrics.HttpStats); a span
for each request.

Plain ASGI, around everything else. The label is the route's template, never the address: that one a
stranger chooses.
"""

from __future__ import annotations

import time

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..engine import tracing
from ..engine.metrics import HttpStats

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE = "none"


class Measured:
    def __init__(self, app: ASGIApp, *, stats: HttpStats, of: FastAPI) -> None:
        self._app, self._stats, self._of = app, stats, of
        self._templates: dict[int, str] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, streaming, answered = time.perf_counter(), "", False
        method = scope["method"] if scope["method"] in _METHODS else "other"

        async def watch(message: Message) -> None:
            nonlocal streaming, answered
            if message["type"] == "http.response.start":
                answered, route = True, note(message["status"])
                if message["status"] >= 500:
                    span.fail(str(message["status"]))
                kind = next((v for k, v in message["headers"] if k.lower() == b"content-type"), b"")
                if kind.startswith(b"text/event-stream"):
                    streaming = route
                    self._stats.stream(route, 1)
                    span.end()  # it goes on for as long as somebody looks
            await send(message)

        def note(status: int) -> str:
            route = self._template(scope)
            self._stats.answered(method, route, status, time.perf_counter() - began)
            span.rename(f"{method} {route}")
            span.note(route=route, status=status)
            return route

        try:
            with tracing.span(method, kind="server", within=_begun_by(scope), method=method) as span:
                try:
                    await self._app(scope, receive, watch)
                except Exception:
                    if not answered:
                        note(500)  # which the server answers now
                    raise
        finally:
            if streaming:
                self._stats.stream(streaming, -1)

    def _template(self, scope: Scope) -> str:
        route = scope.get("route")
        if route is None:
            return "/static" if scope["path"].startswith("/static/") else NO_ROUTE
        if not self._templates:
            # Once: the routes are whole when the first request comes.
            contexts = iter_route_contexts(self._of.routes)
            self._templates = {id(c.original_route): c.path for c in contexts if c.path is not None}
        return self._templates.get(id(route), NO_ROUTE)


def _begun_by(scope: Scope) -> tracing.Place | None:
    """Where the trace goes on that whoever asks has begun, if he is believed."""
    found = next((value for name, value in scope["headers"] if name == b"traceparent"), b"")
    client = scope.get("client")
    return tracing.incoming(client[0], found.decode("latin-1")) if found and client else None
