"""A sealed recording is played and downloaded like any other: ranges, validators, whole."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request, Response

from controller.engine.media_ports import FileRole, StoredFile
from controller.engine.reading import FileRow
from controller.media.sealing import CHUNK
from controller.media.shelves import Stores, place_of
from controller.media.store import LocalStore
from controller.web import media_files
from controller.web.media_files import serve
from controller.web.problems import Problem
from tests.media.sealed import sealing_stores

SIZE = 5 * CHUNK + 4321
CONTENT = os.urandom(SIZE)
SHA256 = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return sealing_stores(LocalStore(tmp_path / "store"), tmp_path)


@pytest.fixture
def row(stores: Stores) -> FileRow:
    """Sealed at home; nothing plain is left."""
    file = StoredFile("r1", FileRole.RENDITION, 0, "acme/r1.wav", "wav", SIZE, SHA256, 1000, 1, 8000)
    stores.home.put_blocks(iter([CONTENT]), file.key)
    sealing = stores.keys.newest("acme").wrap(os.urandom(32), os.urandom(16))
    stores.put_sealed(file, sealing)
    stores.home.delete(file.key)
    values = {k: v for k, v in asdict(file).items() if k != "recording_id"}
    return FileRow(**values | {"role": "rendition", "sealing": sealing})


@pytest.fixture
async def client(stores: Stores, row: FileRow, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(media_files, "file_name", lambda sound, file: "r1.wav")
    app = FastAPI()
    detail: Any = None

    @app.api_route("/r", methods=["GET", "HEAD"])
    async def r() -> Response:
        return await serve(stores, detail, row, attachment=False)

    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return Response(str(error), error.status)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t.test") as made:
        yield made


@pytest.mark.parametrize(
    ("header", "status", "start", "end"),
    [("", 200, 0, SIZE), ("bytes=0-", 206, 0, SIZE), ("bytes=0-0", 206, 0, 1),
     (f"bytes={CHUNK - 1}-{CHUNK}", 206, CHUNK - 1, CHUNK + 1), (f"bytes={3 * CHUNK}-", 206, 3 * CHUNK, SIZE),
     ("bytes=-7", 206, SIZE - 7, SIZE), (f"bytes=70000-{SIZE * 9}", 206, 70_000, SIZE)],
)  # fmt: skip
async def test_ranges(client: httpx.AsyncClient, header: str, status: int, start: int, end: int) -> None:
    answer = await client.get("/r", headers={"range": header} if header else {})
    assert answer.status_code == status
    assert answer.content == CONTENT[start:end]
    assert answer.headers["content-length"] == str(end - start)
    assert answer.headers["etag"] == f'"{SHA256}"'


async def test_head_and_beyond_the_end(client: httpx.AsyncClient) -> None:
    head = await client.head("/r")
    assert (head.status_code, head.headers["content-length"]) == (200, str(SIZE))
    assert (await client.get("/r", headers={"range": f"bytes={SIZE}-"})).status_code == 416


async def test_without_its_key_or_damaged_it_is_503(
    client: httpx.AsyncClient, stores: Stores, row: FileRow, tmp_path: Path
) -> None:
    path = stores.path(place_of(row))
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes([whole[100] ^ 1]) + whole[101:])
    assert (await client.get("/r")).status_code == 503
    path.write_bytes(whole)
    (tmp_path / "sealing.keys").write_text("")
    stores.keys.__init__([])  # type: ignore[misc]
    answer = await client.get("/r", headers={"range": "bytes=5-9"})
    assert answer.status_code == 503
    assert "key" not in answer.text
