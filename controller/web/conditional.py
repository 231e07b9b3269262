"""Conditional requests of the API (RFC 9110, 13): what has not changed is not sent, and what somebody else
has changed meanwhile is not overwritten.

Every JSON answer to a GET has an ``ETag`` of its bytes; ``If-None-Match`` with it is answered 304. A PUT,
PATCH or DELETE with ``If-Match`` is carried out only if the resource still is what the tag stands for
(412), and a PUT with ``If-None-Match: *`` only if there is none yet. What it is now is asked of the same
address with the same credentials, so that nobody learns by it what they may not read. Between the check
and the change no other change of that address comes through this process.
"""

from __future__ import annotations

import asyncio
import hashlib
import weakref

from fastapi import Request
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .distant_files import matches
from .problems import Problem, answer_of

_CHANGES = ("PUT", "PATCH", "DELETE")
_JSON = "application/json"


class Conditional:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._locks: weakref.WeakValueDictionary[str, asyncio.Lock] = weakref.WeakValueDictionary()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/api/v1/"):
            await self._app(scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD") and not _json_sent(Headers(scope=scope)):
            refused = Problem(415, f"Send the body as {_JSON}.", headers={"accept": _JSON})
            await answer_of(Request(scope), refused)(scope, receive, send)
        elif scope["method"] == "GET":
            await self._read(scope, receive, send)
        elif scope["method"] in _CHANGES:
            headers = Headers(scope=scope)
            lock = self._locks.setdefault(scope["path"], asyncio.Lock())
            if "if-match" not in headers and headers.get("if-none-match") != "*":
                # Without a condition it still must not come between another's check and change.
                async with lock:
                    await self._app(scope, receive, send)
                return
            async with lock:
                await self._change(scope, receive, send, headers)
        else:
            await self._app(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        start: Message | None = None
        parts: list[bytes] = []

        async def hold(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                if _ours(message):
                    start = message
                    return
            elif start is not None:
                parts.append(message.get("body", b""))
                if not message.get("more_body"):
                    await self._answer(request, start, b"".join(parts), send)
                return
            await send(message)

        await self._app(scope, receive, hold)

    async def _answer(self, request: Request, start: Message, body: bytes, send: Send) -> None:
        if not acceptable(request.headers.get("accept", "")):
            refused = answer_of(request, Problem(406, f"This is answered as {_JSON} only."))
            await refused(request.scope, request.receive, send)
            return
        headers = MutableHeaders(raw=list(start["headers"]))
        headers["etag"] = tag = etag(body)
        status = start["status"]
        if matches(request.headers.get("if-none-match"), tag):
            status, body = 304, b""
            del headers["content-length"]
        await send({"type": "http.response.start", "status": status, "headers": headers.raw})
        await send({"type": "http.response.body", "body": body})

    async def _change(self, scope: Scope, receive: Receive, send: Send, headers: Headers) -> None:
        status, tag = await self._now(scope)
        wanted, refused = headers.get("if-match"), ""
        if status == 403:
            refused = "What it is now cannot be read with these credentials."
        elif status != 401 and wanted is not None and (status != 200 or not _strongly(wanted, tag)):
            refused = "It is not what If-Match stands for: read it again, then change it."
        elif headers.get("if-none-match") == "*" and status == 200:
            refused = "There is one already."
        if refused:
            await answer_of(Request(scope), Problem(412, refused))(scope, receive, send)
        else:
            # Also for who is not signed in: the gate says so.
            await self._app(scope, receive, send)

    async def _now(self, scope: Scope) -> tuple[int, str]:
        """Status and tag of a GET of the same address by the same client."""
        kept = (b"authorization", b"cookie", b"host")
        headers = [(k, v) for k, v in scope["headers"] if k.lower() in kept]
        asked = {
            **scope, "method": "GET", "headers": headers, "state": dict(scope.get("state") or {}),
            "query_string": b"",
        }  # fmt: skip
        status, parts = 0, list[bytes]()

        async def nothing() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def take(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                parts.append(message.get("body", b""))

        await self._app(asked, nothing, take)
        return status, etag(b"".join(parts))


def etag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:32]}"'


def _ours(start: Message) -> bool:
    """JSON that has no tag of its own. Streams are not held back."""
    headers = Headers(raw=start["headers"])
    return (
        start["status"] == 200 and headers.get("content-type", "").startswith(_JSON) and "etag" not in headers
    )


def _json_sent(headers: Headers) -> bool:
    """Also where nothing is sent."""
    if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
        return True
    return headers.get("content-type", "").partition(";")[0].strip().lower() == _JSON


def _strongly(header: str, tag: str) -> bool:
    """RFC 9110, 13.1.1: a weak tag never matches."""
    return any(one.strip() in (tag, "*") for one in header.split(","))


def acceptable(accept: str) -> bool:
    """Whether JSON is among what the client takes; a header that says nothing takes all."""
    taken = [part.partition(";") for part in accept.split(",") if part.strip()]
    fits = ("*/*", "application/*", _JSON)
    return not taken or any(
        kind.strip().lower() in fits and more.replace(" ", "").split(";")[-1] != "q=0"
        for kind, _, more in taken
    )
