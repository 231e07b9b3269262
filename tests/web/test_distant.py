"""Files that lie in a store which is no local disk: ranges, validators, and a store that is away."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from controller.core.errors import TapelineError
from controller.engine.reading import FileRow
from controller.web.distant_files import DistantResponse, span_of
from controller.web.problems import Problem

CONTENT = bytes(range(256)) * 40
SIZE = len(CONTENT)
ROW = FileRow("rendition", 0, "t/r.wav", "wav", SIZE, "ab" * 32, 1000, 1, 8000, False, "", "cloud")
HEADERS = {"etag": f'"{"ab" * 32}"', "content-type": "audio/wav", "accept-ranges": "bytes"}


@dataclass
class Cloud:
    away: bool = False

    def path(self, key: str) -> Any:
        raise AssertionError("it is not at home")

    def read(self, file: FileRow, start: int = 0, length: int | None = None) -> Iterator[bytes]:
        if self.away:
            raise TapelineError("gone")
        assert length is not None
        for at in range(start, start + length, 1000):
            yield CONTENT[at : min(at + 1000, start + length)]


@pytest.fixture
def cloud() -> Cloud:
    return Cloud()


@pytest.fixture
async def client(cloud: Cloud) -> Any:
    app = FastAPI()

    @app.api_route("/r", methods=["GET", "HEAD"])
    async def r() -> Response:
        return DistantResponse(cloud, ROW, HEADERS)

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return Response(str(error), error.status)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t.test") as made:
        yield made


@pytest.mark.parametrize(
    ("header", "status", "start", "end"),
    [("bytes=0-0", 206, 0, 1), ("bytes=100-1999", 206, 100, 2000), ("bytes=9000-", 206, 9000, SIZE),
     ("bytes=-7", 206, SIZE - 7, SIZE), (f"bytes=5-{SIZE * 9}", 206, 5, SIZE),
     ("bytes=0-1,5-6", 200, 0, SIZE),
     ("pages=1-2", 200, 0, SIZE), ("bytes=9-3", 200, 0, SIZE), ("bytes=-", 200, 0, SIZE), ("", 200, 0, SIZE)],
)  # fmt: skip
async def test_ranges(client: httpx.AsyncClient, header: str, status: int, start: int, end: int) -> None:
    answer = await client.get("/r", headers={"range": header} if header else {})
    assert answer.status_code == status
    assert answer.content == CONTENT[start:end]
    assert answer.headers["content-length"] == str(end - start)
    wanted = f"bytes {start}-{end - 1}/{SIZE}" if status == 206 else None
    assert answer.headers.get("content-range") == wanted


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", f"bytes={SIZE + 5}-{SIZE + 9}", "bytes=-0"])
async def test_beyond_the_end(client: httpx.AsyncClient, header: str) -> None:
    answer = await client.get("/r", headers={"range": header})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


async def test_validators_and_head(client: httpx.AsyncClient) -> None:
    etag = HEADERS["etag"]
    assert (await client.get("/r", headers={"if-none-match": etag})).status_code == 304
    stale = await client.get("/r", headers={"range": "bytes=0-3", "if-range": '"other"'})
    assert (stale.status_code, len(stale.content)) == (200, SIZE)
    fresh = await client.get("/r", headers={"range": "bytes=0-3", "if-range": etag})
    assert (fresh.status_code, fresh.content) == (206, CONTENT[:4])
    head = await client.head("/r")
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(SIZE))


async def test_a_store_that_is_away_is_said_so(client: httpx.AsyncClient, cloud: Cloud) -> None:
    cloud.away = True
    answer = await client.get("/r")
    assert answer.status_code == 503
    assert "does not answer" in answer.text


def test_an_empty_file_has_no_range() -> None:
    assert span_of("bytes=0-", 0) == (0, 0)
    assert span_of("", 0) is None
