"""Listening and downloading: the very bytes, any range of them, and a line in the audit."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import anyio
import pytest
from starlette.types import Message

from controller.engine.reading import Scope
from controller.web import media_files
from controller.web.media_files import MediaResponse
from controller.web.problems import Problem

from .world import World, later


def audio(world: World, name: str = "red") -> tuple[str, bytes]:
    recording = world.recordings[name]
    return f"/api/v1/recordings/{recording}/audio", world.sound[recording]


async def test_whole(world: World) -> None:
    path, sound = audio(world)
    async with world.client("red-admin") as client:
        answer = await client.get(path)
        assert answer.content == sound
        assert answer.headers["content-type"] == "audio/wav"
        assert answer.headers["accept-ranges"] == "bytes"
        assert answer.headers["content-disposition"].startswith("inline")
        assert answer.headers["cache-control"] == "private, no-cache"
        head = await client.head(path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(sound))


@pytest.mark.parametrize(
    ("asked", "begin", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-", 0, None),
        ("bytes=100-299", 100, 300),
        ("bytes=1000-", 1000, None),
        ("bytes=-1", -1, None),
        ("bytes=-500", -500, None),
        ("bytes=31000-99999999", 31000, None),
        ("Bytes = 5-9".replace(" ", ""), 5, 10),
    ],
)
async def test_a_range_is_byte_exact(world: World, asked: str, begin: int, end: int | None) -> None:
    path, sound = audio(world)
    async with world.client("red-101") as client:
        answer = await client.get(path, headers={"range": asked})
        assert answer.status_code == 206
        assert answer.content == sound[begin:end]
        first = begin if begin >= 0 else len(sound) + begin
        last = first + len(answer.content) - 1
        assert answer.headers["content-range"] == f"bytes {first}-{last}/{len(sound)}"
        assert answer.headers["content-length"] == str(len(answer.content))


@pytest.mark.parametrize("asked", ["bytes=0-99", "bytes=50-149", "bytes=7-", "bytes=-1001", "bytes=5-5"])
async def test_a_range_of_many_blocks_is_byte_exact(
    world: World, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(MediaResponse, "chunk_size", 50)
    path, sound = audio(world)
    first, last = asked.removeprefix("bytes=").split("-")
    begin = int(first) if first else len(sound) - int(last)
    end = int(last) + 1 if first and last else len(sound)
    async with world.client("red-101") as client:
        answer = await client.get(path, headers={"range": asked})
        assert (answer.status_code, answer.content) == (206, sound[begin:end])


async def test_a_piece_is_one_errand_for_a_thread(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent = []

    async def noted(work: Any, *more: Any) -> Any:
        sent.append(work)
        return await asyncio.to_thread(work, *more)

    monkeypatch.setattr(media_files, "to_thread", noted)
    # Starlette's own way with files would go by this.
    monkeypatch.setattr(anyio, "open_file", None)
    path, sound = audio(world)
    async with world.client("red-101") as client:
        answer = await client.get(path, headers={"range": "bytes=100-9999"})
        assert answer.content == sound[100:10_000]
    assert len(sent) == 2, "whether it is there, and the piece"


async def test_who_hangs_up_is_read_nothing_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MediaResponse, "chunk_size", 10)
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(1000))
    gone, blocks = asyncio.Event(), []

    async def receive() -> Message:
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        blocks.append(message.get("body"))
        if len(blocks) == 4:
            gone.set()

    headers = [(b"range", b"bytes=0-899")]
    scope = {"type": "http", "method": "GET", "headers": headers, "asgi": {"spec_version": "2.3"}}
    await MediaResponse(path, stat_result=path.stat())(scope, receive, send)
    assert 4 <= len(blocks) < 10


async def test_a_file_that_goes_at_the_last_moment_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(1000))
    there = path.stat()
    path.unlink()
    scope = {"type": "http", "method": "GET", "headers": [(b"range", b"bytes=0-9")], "asgi": {}}
    with pytest.raises(Problem, match="missing from the store"):
        await MediaResponse(path, stat_result=there)(scope, _nothing_comes, _nothing_goes)


async def _nothing_comes() -> Message:
    return await asyncio.Future()


async def _nothing_goes(message: Message) -> None:
    raise AssertionError(message)


async def test_ranges_that_cannot_be_served(world: World) -> None:
    path, sound = audio(world)
    async with world.client("red-admin") as client:
        beyond = await client.get(path, headers={"range": f"bytes={len(sound)}-"})
        assert beyond.status_code == 416
        assert beyond.headers["content-range"] == f"bytes */{len(sound)}"
        # RFC 9110 14.2: a unit that is not understood is as if no range had been asked for.
        other = await client.get(path, headers={"range": "lines=1-2"})
        assert (other.status_code, other.content) == (200, sound)
        several = await client.get(path, headers={"range": "bytes=0-9,100-109"})
        assert several.status_code == 206
        assert several.headers["content-type"].startswith("multipart/byteranges")
        assert sound[0:10] in several.content
        assert sound[100:110] in several.content


async def test_validators(world: World) -> None:
    path, sound = audio(world)
    async with world.client("red-admin") as client:
        tag = (await client.get(path)).headers["etag"]
        again = await client.get(path, headers={"if-none-match": f'"other", {tag}'})
        assert (again.status_code, again.content) == (304, b"")
        assert (await client.get(path, headers={"if-none-match": '"other"'})).content == sound
        part = {"range": "bytes=0-9", "if-range": tag}
        assert (await client.get(path, headers=part)).status_code == 206
        assert (await client.get(path, headers={**part, "if-range": '"other"'})).status_code == 200


async def test_a_download_is_named_by_time_and_id_only(world: World) -> None:
    recording = world.recordings["red"]
    async with world.client("red-admin") as client:
        for path, part in (("download", ""), ("files/segment/1", r"\.1"), ("files/rendition/0", "")):
            answer = await client.get(f"/api/v1/recordings/{recording}/{path}")
            assert answer.content == world.sound[recording]
            disposition = answer.headers["content-disposition"]
            assert re.fullmatch(
                rf'attachment; filename="\d{{8}}-\d{{6}}_{recording}{part}\.wav"', disposition
            )
        for path in ("files/segment/9", "files/rendition/1"):
            assert (await client.get(f"/api/v1/recordings/{recording}/{path}")).status_code == 404
        for path in ("files/other/1", "files/segment/x", "files/segment/-1"):
            assert (await client.get(f"/api/v1/recordings/{recording}/{path}")).status_code == 422


async def test_what_the_store_has_lost_is_said(world: World) -> None:
    path, _ = audio(world)
    for file in Path(world.store.root).rglob("*.rendition.wav"):
        file.unlink()
    async with world.client("red-admin") as client:
        answer = await client.get(path)
        assert (answer.status_code, answer.json()["detail"]) == (
            404,
            "The recording's file is missing from the store.",
        )
    entries = await world.catalog.audit_entries(Scope(None))
    assert [e for e in entries if e.action == "listen"] == [], "nobody has heard anything"


async def test_a_running_calls_recording_has_nothing_to_play_yet(world: World) -> None:
    async with world.client("red-admin") as client:
        page = await client.get("/api/v1/recordings", params={"call_id": world.calls["live-red"]})
        recording = page.json()["items"][0]["recording_id"]
        answer = await client.get(f"/api/v1/recordings/{recording}/audio")
        assert answer.status_code == 404
        shown = await client.get(f"/recordings/{recording}")
        assert shown.status_code == 200
        assert "the call is still being recorded" in shown.text


async def test_one_listening_is_one_line_whatever_the_range_is(world: World) -> None:
    path, _ = audio(world)

    async def lines(action: str) -> list[str]:
        return [e.account for e in await world.catalog.audit_entries(Scope(None)) if e.action == action]

    async with world.client("red-admin") as client:
        await client.head(path)
        assert await lines("listen") == []
        await client.get(path, headers={"range": "bytes=1-"})
        for begin in range(0, 5000, 1000):
            await client.get(path, headers={"range": f"bytes={begin}-"})
        assert await lines("listen") == ["red-admin"]
        later(world, minutes=11)
        await client.get(path)
        assert await lines("listen") == ["red-admin"] * 2
        for _ in range(2):
            await client.get(path.replace("audio", "download"))
        assert await lines("download") == ["red-admin"] * 2
    async with world.client("red-101") as other:
        await other.get(path)
    assert await lines("listen") == ["red-101", "red-admin", "red-admin"]


async def test_nothing_is_served_that_the_audit_does_not_know(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(entry: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(world.catalog, "audit", broken)
    path, _ = audio(world)
    async with world.client("red-admin") as client:
        with pytest.raises(OSError, match="disk is full"):
            await client.get(path)
