"""Serving a recording's files: ranges, validators, safe names. Authorised before, on every request."""

from __future__ import annotations

import os
import re
import stat
from asyncio import to_thread
from collections.abc import Iterator
from pathlib import Path

from fastapi import Response
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import FileResponse
from starlette.types import Receive, Scope, Send

from ..core.errors import TapelineError
from ..engine.media_ports import HOME
from ..engine.reading import FileRow, Sound
from .distant_files import DistantResponse, matches
from .ports import FileStore
from .problems import Problem

MEDIA_TYPES = {
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "amr": "audio/amr",
    "opus": "audio/ogg",
    "ogg": "audio/ogg",
    "flac": "audio/flac",
    "mp4": "video/mp4",
    "json": "application/json",
}


GONE = "The recording's file is missing from the store."


class MediaResponse(FileResponse):
    """Starlette's, with what RFC 9110 asks besides: an unknown range unit is ignored (14.2), and
    a matching If-None-Match is answered 304 (13.1.2).

    And a piece costs one errand of a thread for each block: Starlette's own sends one for the opening, the
    seeking and the closing as well, which takes longer than to read what a player asks for."""

    chunk_size = 1 << 18

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope)
        if matches(headers.get("if-none-match"), self.headers["etag"]):
            kept = {k: v for k, v in self.headers.items() if k in ("etag", "cache-control", "last-modified")}
            await Response(status_code=304, headers=kept)(scope, receive, send)
            return
        wanted = headers.get("range")
        if wanted is not None and not wanted.strip().lower().startswith("bytes="):
            without = [(k, v) for k, v in scope["headers"] if k.lower() != b"range"]
            scope = {**scope, "headers": without}
        await super().__call__(scope, receive, send)

    async def _handle_single_range(
        self, send: Send, start: int, end: int, file_size: int, send_header_only: bool
    ) -> None:
        if send_header_only:
            await super()._handle_single_range(send, start, end, file_size, send_header_only)
            return
        headers = MutableHeaders(raw=list(self.raw_headers))
        headers["content-range"] = f"bytes {start}-{end - 1}/{file_size}"
        headers["content-length"] = str(end - start)
        blocks = self._blocks(start, end)
        try:
            # Before the first byte is sent it can still be said that there is none.
            block = await to_thread(next, blocks, b"")
        except OSError as error:
            raise Problem(404, GONE) from error
        await send({"type": "http.response.start", "status": 206, "headers": headers.raw})
        left = end - start - len(block)
        while block and left:
            await send({"type": "http.response.body", "body": block, "more_body": True})
            block = await to_thread(next, blocks, b"")
            left -= len(block)
        await send({"type": "http.response.body", "body": block, "more_body": False})

    def _blocks(self, start: int, end: int) -> Iterator[bytes]:
        """Until the end, or that of the file, if somebody has cut it off meanwhile."""
        with open(self.path, "rb", buffering=0) as file:
            file.seek(start)
            while start < end and (block := file.read(min(self.chunk_size, end - start))):
                start += len(block)
                yield block


async def serve(store: FileStore, sound: Sound, file: FileRow, *, attachment: bool) -> Response:
    """The file's bytes. Raises Problem 404 if the store does not have it, 503 if the store is away."""
    if file.store != HOME or file.sealing:
        return DistantResponse(store, file, _headers(sound, file, attachment=attachment))
    try:
        path = store.path(file.key)
        found = await to_thread(path.stat)
    except (OSError, ValueError, TapelineError) as error:
        raise Problem(404, GONE) from error
    if not stat.S_ISREG(found.st_mode):
        raise Problem(404, GONE)
    return MediaResponse(
        path,
        stat_result=found,
        media_type=MEDIA_TYPES.get(file.format, "application/octet-stream"),
        filename=file_name(sound, file),
        content_disposition_type="attachment" if attachment else "inline",
        headers={
            "etag": f'"{file.sha256 or f"{found.st_mtime_ns:x}-{found.st_size:x}"}"',
            # Kept by the browser, but asked for again, so that a right taken away counts at once.
            "cache-control": "private, no-cache",
        },
    )


def serve_made(
    path: Path, found: os.stat_result, sound: Sound, file: FileRow, format: str,
    span: tuple[int, int] | None, *, attachment: bool,
) -> Response:  # fmt: skip
    """What was made of this file. The same request makes the same bytes, so its name in them is the etag."""
    piece = f"_{span[0]}-{span[1]}ms" if span else ""
    stem, _, _ = file_name(sound, file).rpartition(".")
    return MediaResponse(
        path,
        stat_result=found,
        media_type=MEDIA_TYPES[format],
        filename=f"{stem}{piece}.{format}",
        content_disposition_type="attachment" if attachment else "inline",
        headers={
            "etag": f'"{file.sha256}{piece}.{format}.{found.st_size:x}"',
            "cache-control": "private, no-cache",
        },
    )


def _headers(sound: Sound, file: FileRow, *, attachment: bool) -> dict[str, str]:
    name = file_name(sound, file)
    return {
        "content-type": MEDIA_TYPES.get(file.format, "application/octet-stream"),
        "content-disposition": f'{"attachment" if attachment else "inline"}; filename="{name}"',
        "etag": f'"{file.sha256}"',
        "cache-control": "private, no-cache",
        "accept-ranges": "bytes",
    }


def file_name(sound: Sound, file: FileRow) -> str:
    """The name a download gets: time and ids only, never a caller's text."""
    at = f"{sound.started_at:%Y%m%d-%H%M%S}"
    beside = f".{file.number}.{_plain(file.role)}"
    part = {"rendition": "", "encoded": "", "segment": f".{file.number}"}.get(file.role, beside)
    return f"{at}_{_plain(sound.recording_id)}{part}.{_plain(file.format)}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9-]", "", text)[:64] or "x"
