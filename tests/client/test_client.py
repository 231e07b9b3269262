"""The client of the package against a real server: both kinds, with what breaks on the way."""

from __future__ import annotations

import asyncio
import inspect
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from controller.client import (
    AsyncClient,
    BadSignature,
    Client,
    Forbidden,
    Invalid,
    NotFound,
    NotSignedIn,
    Retry,
    Unreachable,
    requests,
    verify,
)
from controller.client.calling import again
from controller.hooks.signing import HookKeys
from tests.web.world import World

from .draw_models import FOLDER, draw

FAST = Retry(tries=3, first_s=0.01)


def test_the_models_are_drawn_from_the_description_as_it_is() -> None:
    ruff = [sys.executable, "-m", "ruff"]
    for name, text in draw().items():
        named = ["-", "--stdin-filename", str(FOLDER / name)]
        formatted = subprocess.run(
            [*ruff, "format", *named],
            input=text, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        sorted_ = subprocess.run(
            [*ruff, "check", "--fix", "-q", *named],
            input=formatted, capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        assert (FOLDER / name).read_text() == sorted_, "run python -m tests.client.draw_models, then ruff"


async def test_reading_page_after_page(world: World, url: str) -> None:
    def work() -> list[str]:
        with Client(url, world.tokens["red-admin"]) as client:
            assert client.send(requests.me()).login == "red-admin"
            found = [r.recording_id for r in client.every(requests.recordings(limit=1))]
            detail = client.send(requests.recording(found[0]))
            assert detail.recording.recording_id == found[0]
            assert (
                client.send(requests.call(detail.recording.call_id)).row.call_id == detail.recording.call_id
            )
            return found

    async with AsyncClient(url, world.tokens["red-admin"]) as client:
        same = [r.recording_id async for r in client.every(requests.recordings(limit=2))]
    found = await asyncio.to_thread(work)
    assert len(found) >= 3
    assert found == same


async def test_changing_and_being_refused(world: World, url: str) -> None:
    async with AsyncClient(url, world.tokens["red-admin"], retry=FAST) as client:
        mine = world.recordings["red"]
        await client.send(requests.add_tag(mine, "two words"))
        await client.send(requests.add_note(mine, "Rings again"))
        seen = await client.send(requests.notes_and_tags(mine))
        assert (seen.tags, [n.text for n in seen.notes or []]) == (["two words"], ["Rings again"])
        until = world.story.at + timedelta(days=1)
        link = await client.send(requests.share([mine], until, label="for the lawyer"))
        assert link.about.label == "for the lawyer"
        assert [s.share_id async for s in client.every(requests.shares())] == [link.about.share_id]
        await client.send(requests.revoke_share(link.about.share_id))
        with pytest.raises(NotFound):
            await client.send(requests.recording(world.recordings["blue"]))
        with pytest.raises(Forbidden):
            await client.call("GET", "settings/system")
        with pytest.raises(Invalid, match=r"query\.limit"):
            await client.send(requests.recordings(limit=0))
        assert (await client.call("PATCH", "tenants/red.example", json={"audio": "on"}))["audio"] == "on"
        with pytest.raises(NotFound, match="link"):
            await client.send(requests.revoke_share(link.about.share_id))
    async with AsyncClient(url, "tl_wrong") as nobody:
        with pytest.raises(NotSignedIn):
            await nobody.send(requests.me())


async def test_control_and_live_events(world: World, url: str) -> None:
    call = world.calls["live-red"]
    async with AsyncClient(url, world.tokens["red-admin"]) as client:
        events = client.live()
        first = await anext(events)
        assert (first.call_id, first.call is not None) == (call, True)
        done = await client.send(requests.control(call, "pause-audio-recording"))
        assert done.confirmed
        change = await asyncio.wait_for(anext(events), 10)
        assert change.call is not None
        assert change.call.recordings[0].paused
        await events.aclose()


class Breaking(httpx2.HTTPTransport):
    """The first answers break off after some bytes."""

    def __init__(self, times: int, after: int) -> None:
        super().__init__()
        self.times, self.after, self.ranges = times, after, list[str]()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = super().handle_request(request)
        self.ranges.append(request.headers.get("range", ""))
        if self.times:
            self.times -= 1
            answer.stream = _Cut(answer.stream, self.after)
        return answer


class _Cut(httpx2.SyncByteStream):
    def __init__(self, stream: httpx2.SyncByteStream, after: int) -> None:
        self._stream, self._after = stream, after

    def __iter__(self) -> Iterator[bytes]:
        for block in self._stream:
            yield block[: self._after]
            raise httpx2.ReadError("broken off")

    def close(self) -> None:
        self._stream.close()


async def test_a_download_goes_on_where_it_broke_off(world: World, url: str, tmp_path: Path) -> None:
    recording, breaking = world.recordings["red"], Breaking(2, 5000)
    told: list[tuple[int, int | None]] = []

    def work() -> Path:
        with Client(url, world.tokens["red-admin"], retry=FAST, transport=breaking) as client:
            return client.download(recording, tmp_path, progress=lambda *at: told.append(at))

    file = await asyncio.to_thread(work)
    assert file.read_bytes() == world.sound[recording]
    assert breaking.ranges == ["", "bytes=5000-", "bytes=10000-"]
    assert told[-1] == (len(world.sound[recording]),) * 2
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".part"] == []
    async with AsyncClient(url, world.tokens["red-admin"]) as client:
        piece = await client.download(recording, tmp_path / "piece.wav", span=(100, 600))
        assert 7000 < piece.stat().st_size < 17000
        with pytest.raises(NotFound):
            await client.download(world.recordings["blue"], tmp_path)


def test_what_fails_is_tried_again_with_the_same_key() -> None:
    seen: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["idempotency-key"])
        if len(seen) == 1:
            raise httpx2.ConnectError("no route")
        if len(seen) == 2:
            return httpx2.Response(503, headers={"retry-after": "0"})
        return httpx2.Response(200, json={"ok": True})

    with Client("http://x", "t", retry=FAST, transport=httpx2.MockTransport(handler)) as client:
        assert client.call("POST", "anything", json={}) == {"ok": True}
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_who_does_not_answer_is_said_so() -> None:
    with Client("http://127.0.0.1:9", "t", retry=FAST) as client, pytest.raises(Unreachable):
        client.send(requests.me())
    assert not again(requests.me(), 409, "1")


async def test_webhooks_are_verified_as_they_are_sent() -> None:
    keys = HookKeys(b"k" * 32)
    secret, sealed = keys.new_secret("hook")
    body, at = b'{"type":"recording.available"}', int(time.time())
    headers = keys.headers("msg_1", at, body, [keys.open("hook", sealed)])
    assert verify(headers, body, secret=secret) == "msg_1"
    assert verify({k.title(): v for k, v in headers.items()}, body, public_key=keys.public_key) == "msg_1"
    other, _ = keys.new_secret("hook")
    for given, said in (
        ({"secret": other}, "no v1"), ({"public_key": HookKeys(b"x" * 32).public_key}, "no v1a"),
        ({"secret": "whsec_!"}, "no v1"),
    ):  # fmt: skip
        with pytest.raises(BadSignature, match=said):
            verify(headers, body, **given)
    with pytest.raises(BadSignature):
        verify(headers, body + b" ", secret=secret)
    with pytest.raises(BadSignature, match="too long ago"):
        verify(headers, body, secret=secret, now=at + 301)
    with pytest.raises(BadSignature, match="missing"):
        verify({}, body, secret=secret)


def test_the_reference_names_every_operation() -> None:
    text = (FOLDER.parents[2] / "docs/reference/client.md").read_text()
    named = set(re.findall(r"`(\w+)`", text[text.index("`requests`:") : text.index("What fails")]))
    own = {n for n, f in vars(requests).items() if inspect.isfunction(f)}
    assert named - {"requests"} == own - {"at", "model", "nothing", "plain"}
