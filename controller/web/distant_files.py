"""Serving a file that is sealed, or in a store that is no local disk: whole or in one range, by blocks."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping

from fastapi import Response
from starlette.datastructures import Headers
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from ..core.errors import TapelineError
from ..engine.reading import FileRow
from .ports import FileStore
from .problems import Problem

_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*", re.IGNORECASE)


class DistantResponse(Response):
    """RFC 9110: one range is answered 206, one beyond the end 416; several ranges, an unknown unit and
    an If-Range that does not match get the whole file (14.2, 13.1.5). ``headers`` holds the etag."""

    def __init__(self, store: FileStore, file: FileRow, headers: Mapping[str, str]) -> None:
        super().__init__(status_code=200, headers=dict(headers))
        self._store = store
        self._file = file
        self._kept = dict(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked, etag, size = Headers(scope=scope), self._kept["etag"], self._file.size
        if matches(asked.get("if-none-match"), etag):
            kept = {k: v for k, v in self._kept.items() if k in ("etag", "cache-control")}
            await Response(status_code=304, headers=kept)(scope, receive, send)
            return
        fresh = asked.get("if-range") in (None, etag)
        span = span_of(asked.get("range", ""), size) if fresh else None
        if span == (0, 0) and size:
            beyond = self._kept | {"content-range": f"bytes */{size}"}
            await Response(status_code=416, headers=beyond)(scope, receive, send)
            return
        start, length = span or (0, size)
        headers = self._kept | {"content-length": str(length)}
        if span is not None:
            headers["content-range"] = f"bytes {start}-{start + length - 1}/{size}"
        if scope["method"] == "HEAD":
            answer: Response = Response(status_code=206 if span else 200, headers=headers)
        else:
            blocks = self._store.read(self._file, start, length)
            try:
                # Before the first byte is sent it can still be said that there is none.
                first = await asyncio.to_thread(next, blocks, b"")
            except TapelineError as error:
                raise Problem(503, "The store of this recording does not answer; try again later.") from error
            answer = StreamingResponse(_after(first, blocks), 206 if span else 200, headers)
        await answer(scope, receive, send)


def span_of(header: str, size: int) -> tuple[int, int] | None:
    """(start, length) of the one range asked for; None: the whole file; (0, 0): beyond its end."""
    found = _RANGE.fullmatch(header[:100])
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        length = min(int(last), size)
        return (size - length, length) if length else (0, 0)
    start = int(first)
    end = min(int(last), size - 1) if last else size - 1
    if last and int(last) < start:
        return None
    return (start, end - start + 1) if start < size else (0, 0)


def matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    return any(tag.strip().removeprefix("W/") in (etag, "*") for tag in header.split(","))


def _after(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest
