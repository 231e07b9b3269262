"""The client for code that waits: ``with Client(url, token) as client: …``."""

from __future__ import annotations

import time
from collections.abc import Iterator
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


class Client:
    """Sends `client.requests` and whatever else. ``transport`` is httpx's, for tests and proxies."""

    def __init__(
        self, url: str, token: str, *, timeout_s: float = 30, retry: Retry | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:  # fmt: skip
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx2.Client(base_url=url, headers=headers, timeout=timeout_s, transport=transport)
        self._retry = retry or Retry()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    def send(self, ask: Ask[T]) -> T:
        """Tried again where that may help. Raises Refused, Unreachable."""
        headers, attempt = ask.sent(), 1
        while True:
            try:
                got = self._http.request(
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
            time.sleep(wait)
            attempt += 1

    def call(self, method: str, path: str, *, json: Any = None, **params: Any) -> Any:
        """Any operation, by its path below /api/v1; its JSON, None without a body."""
        return self.send(Ask(method, f"/api/v1/{path}", lambda b: loads(b) if b else None, params, json))

    def every(self, ask: Ask[Page[T]]) -> Iterator[T]:
        """All items of a list, page after page."""
        before: str | None = None
        while True:
            params = {**ask.params, "before": before} if before else ask.params
            page = self.send(Ask(ask.method, ask.path, ask.read, params))
            yield from page.items
            if page.next is None:
                return
            before = page.next

    def download(
        self, recording_id: str, target: Path, *, format: str | None = None,
        span: tuple[int, int | None] | None = None, progress: Progress | None = None,
    ) -> Path:  # fmt: skip
        """The recording, or the clip from and to those milliseconds, in a file; a folder's file is named by
        the server. It goes on where it broke off. Raises Refused, Unreachable, OSError."""
        wanted = Download.recording(recording_id, target, format, span)
        for attempt in range(1, self._retry.tries + 1):
            try:
                self._fetch(wanted, progress)
            except httpx2.TransportError as error:
                if attempt == self._retry.tries:
                    raise Unreachable(f"the download broke off: {error}") from error
                time.sleep(self._retry.wait(attempt, None))
                continue
            wanted.part.replace(wanted.file)
            return wanted.file
        raise AssertionError("unreachable")

    def _fetch(self, wanted: Download, progress: Progress | None) -> None:
        params = Ask("GET", wanted.path, bytes, wanted.params).query()
        with self._http.stream("GET", wanted.path, params=params, headers=wanted.headers()) as got:
            if got.status_code >= 400:
                raise refusal(got.status_code, got.read())
            wanted.began(got.status_code, got.headers)
            with wanted.part.open("r+b" if wanted.done else "wb") as file:
                file.seek(wanted.done)
                for block in got.iter_raw():
                    file.write(block)
                    wanted.done += len(block)
                    if progress is not None:
                        progress(wanted.done, wanted.total)
        if not wanted.whole:
            raise httpx2.ReadError("the connection ended early")

    def save(self, path: str, target: Path, **params: Any) -> Path:
        """What an export answers (``audit/export``, ``reports/csv``), written as it comes."""
        wanted = Download(f"/api/v1/{path}", params, target)
        self._fetch(wanted, None)
        wanted.part.replace(wanted.file)
        return wanted.file

    def live(self) -> Iterator[LiveChange]:
        """First every call that is up, then each change; connected again when it breaks, which begins
        with every call again. Endless: leave it with ``break``."""
        failed = 0
        while True:
            try:
                with self._http.stream("GET", at("live", "events"), timeout=None) as got:
                    if got.status_code >= 400:
                        raise refusal(got.status_code, got.read())
                    failed, events = 0, Events()
                    for line in got.iter_lines():
                        if (change := events.line(line)) is not None:
                            yield change
            except httpx2.TransportError as error:
                failed += 1
                if failed >= self._retry.tries:
                    raise Unreachable(f"the live events broke off: {error}") from error
            time.sleep(self._retry.wait(failed + 1, None))
