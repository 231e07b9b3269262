"""The client for asyncio: ``async with AsyncClient(url, token) as client: …``. As `client.blocking`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from json import loads
from pathlib import Path
from typing import Any, TypeVar

import httpx2

from .calling import Ask, Retry, again, answer, at
from .downloads import Download, Progress
from .errors import Unreachable, refusal
from .events import Events
from .models import LiveChange
from .requests import Page

T = TypeVar("T")


class AsyncClient:
    def __init__(
        self, url: str, token: str, *, timeout_s: float = 30, retry: Retry | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:  # fmt: skip
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx2.AsyncClient(base_url=url, headers=headers, timeout=timeout_s, transport=transport)
        self._retry = retry or Retry()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def send(self, ask: Ask[T]) -> T:
        headers, attempt = ask.sent(), 1
        while True:
            try:
                got = await self._http.request(
                    ask.method, ask.path, params=ask.query(), json=ask.json, headers=headers
                )
            except httpx2.TransportError as error:
                if attempt >= self._retry.tries:
                    raise Unreachable(f"{self._http.base_url} does not answer: {error}") from error
                wait = self._retry.wait(attempt, None)
            else:
                after = got.headers.get("retry-after")
                if attempt >= self._retry.tries or not again(ask, got.status_code, after):
                    return answer(ask, got.status_code, got.content)
                wait = self._retry.wait(attempt, after)
            await asyncio.sleep(wait)
            attempt += 1

    async def call(self, method: str, path: str, *, json: Any = None, **params: Any) -> Any:
        ask = Ask(method, f"/api/v1/{path}", lambda b: loads(b) if b else None, params, json)
        return await self.send(ask)

    async def every(self, ask: Ask[Page[T]]) -> AsyncIterator[T]:
        before: str | None = None
        while True:
            params = {**ask.params, "before": before} if before else ask.params
            page = await self.send(Ask(ask.method, ask.path, ask.read, params))
            for item in page.items:
                yield item
            if page.next is None:
                return
            before = page.next

    async def download(
        self, recording_id: str, target: Path, *, format: str | None = None,
        span: tuple[int, int | None] | None = None, progress: Progress | None = None,
    ) -> Path:  # fmt: skip
        wanted = Download.recording(recording_id, target, format, span)
        for attempt in range(1, self._retry.tries + 1):
            try:
                await self._fetch(wanted, progress)
            except httpx2.TransportError as error:
                if attempt == self._retry.tries:
                    raise Unreachable(f"the download broke off: {error}") from error
                await asyncio.sleep(self._retry.wait(attempt, None))
                continue
            wanted.part.replace(wanted.file)
            return wanted.file
        raise AssertionError("unreachable")

    async def _fetch(self, wanted: Download, progress: Progress | None) -> None:
        params = Ask("GET", wanted.path, bytes, wanted.params).query()
        async with self._http.stream("GET", wanted.path, params=params, headers=wanted.headers()) as got:
            if got.status_code >= 400:
                raise refusal(got.status_code, await got.aread())
            wanted.began(got.status_code, got.headers)
            with wanted.part.open("r+b" if wanted.done else "wb") as file:
                file.seek(wanted.done)
                async for block in got.aiter_raw():
                    file.write(block)
                    wanted.done += len(block)
                    if progress is not None:
                        progress(wanted.done, wanted.total)
        if not wanted.whole:
            raise httpx2.ReadError("the connection ended early")

    async def live(self) -> AsyncIterator[LiveChange]:
        failed = 0
        while True:
            try:
                async with self._http.stream("GET", at("live", "events"), timeout=None) as got:
                    if got.status_code >= 400:
                        raise refusal(got.status_code, await got.aread())
                    failed, events = 0, Events()
                    async for line in got.aiter_lines():
                        if (change := events.line(line)) is not None:
                            yield change
            except httpx2.TransportError as error:
                failed += 1
                if failed >= self._retry.tries:
                    raise Unreachable(f"the live events broke off: {error}") from error
            await asyncio.sleep(self._retry.wait(failed + 1, None))
