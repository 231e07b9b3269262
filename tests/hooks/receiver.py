"""An HTTP server that keeps what it is sent and answers as it is told: well, badly, elsewhere, never."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Got:
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.body)  # type: ignore[no-any-return]


@dataclass
class Receiver:
    """``answers``: status for each request in turn, the last one for all that follow; 0: never answers."""

    answers: list[int] = field(default_factory=lambda: [200])
    got: list[Got] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    delay: float = 0
    extra: str = ""
    text: bytes = b"thank you"
    port: int = 0

    async def __aenter__(self) -> Receiver:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self._open: set[asyncio.Task[Any]] = set()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in list(self._open):
            task.cancel()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {k.lower(): v for k, _, v in (h.partition(": ") for h in head[1:] if h)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            status = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            self.got.append(Got(head[0].split(" ")[1], headers, body))
            if status == 0:
                await asyncio.sleep(3600)
            await asyncio.sleep(self.delay)
            writer.write(
                f"HTTP/1.1 {status} X\r\n{self.extra}content-length: {len(self.text)}\r\n\r\n".encode()
                + self.text
            )
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self.at_once -= 1
            self._open.discard(task)
            writer.close()


async def until(condition: Callable[[], Any], seconds: float = 15) -> None:
    async with asyncio.timeout(seconds):
        while True:
            found = condition()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.02)
