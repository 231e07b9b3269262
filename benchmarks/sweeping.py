"""The sweep of a store with 1,000,000 files and rows: how long, and how much memory, in its own process."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from controller.catalog import SqlCatalog, open_database
from controller.catalog import tables as t
from controller.media.integrity import digest
from controller.media.shelves import home_only
from controller.media.store import LocalStore
from controller.media.sweep import Wish, sweep
from tests.catalog import cluster
from tests.catalog.conftest import _make

from .result import Aim, Result

FILES = int(os.environ.get("SWEEP_FILES", "1000000"))
STRAYS, MISSING = 7, 5
_LINKS = 30_000  # a file system allows so many names of one file at least
_SAMPLE = 0.001
AT = datetime(2026, 11, 22, 12, tzinfo=UTC)


def run() -> Result:
    result = Result("sweep", f"Sweep of {FILES:,} files and rows in a folder")
    with ExitStack() as stack:
        _measure(result, "SQLite", "sqlite+aiosqlite:///{root}/tapeline.db")
        programs = cluster.programs()
        if programs is None:
            result.notes.append("no PostgreSQL here")
        else:
            server = stack.enter_context(cluster.running(programs))
            _measure(result, "PostgreSQL", server + "/{name}")
    return result


def _measure(result: Result, database: str, url: str) -> None:
    with tempfile.TemporaryDirectory(prefix="tapeline-sweep-") as folder:
        root, began = Path(folder), time.monotonic()
        for share in (0.1, 1.0):
            part = root / f"{share}"
            part.mkdir()
            name = f"sweep_{round(share * 10)}"
            if database == "PostgreSQL":
                asyncio.run(_make(url.partition("/{name}")[0], name))
            made = url.format(root=part, name=name)
            asyncio.run(_prepare(part, made, int(FILES * share)))
            command = [sys.executable, "-m", "benchmarks.sweeping", str(part), made]
            found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            assert (found["rows"], found["missing"], found["unrecorded"]) == (
                int(FILES * share), MISSING, STRAYS,
            )  # fmt: skip
            result.rows.append(
                {
                    "database": database,
                    "files and rows": f"{found['rows']:,}", "seconds": round(found["seconds"], 1),
                    "rows a second": round(found["rows"] / found["seconds"]),
                    "hashed": found["hashed"], "memory before, MB": found["before_mb"],
                    "memory at most, MB": found["peak_mb"],
                }
            )  # fmt: skip
        small, large = result.rows[-2:]
        growth = large["memory at most, MB"] - small["memory at most, MB"]
        result.aims.append(
            Aim(f"{database}: memory more for ten times the rows", "< 30 MB", f"{growth} MB", growth < 30)
        )  # fmt: skip
        made_too = time.monotonic() - began
        result.notes.append(f"{database}: with the making of the files it took {made_too:.0f} s")


async def _prepare(root: Path, url: str, count: int) -> None:
    """Names of some files only: what lies in them is read for a sample."""
    store = LocalStore(root / "store")
    database = await open_database(url)
    sizes: list[tuple[str, int]] = []
    originals: list[Path] = []
    made: set[Path] = set()
    for n in range(count // _LINKS + 1):
        path = root / f"original{n}"
        path.write_bytes(os.urandom(1000))
        originals.append(path)
        sizes.append((digest(path).sha256, 1000))
    call = {
        "call_id": "c", "switch": "fs", "started_at": AT, "talk_ms": 0, "direction": "internal",
        "requested": [], "stopped": [], "aliases": [],
    }  # fmt: skip
    recording = {
        "call_id": "c", "position": 0, "switch": "fs", "tenant": "t", "kind": "audio", "rule": "",
        "reason": "", "started_at": AT, "ended_at": AT, "provisional": False, "cut_pauses": False,
        "span_ms": 0, "direction": "internal", "media_state": "available", "media_ms": 1,
        "media_error": "", "media_at": AT,
    }  # fmt: skip
    file = {
        "role": "rendition", "number": 0, "format": "wav", "size": 1000, "duration_ms": 1, "channels": 1,
        "sample_rate": 8000, "repaired": False, "note": "", "store": "home", "old_store": "", "sealing": "",
        "added_at": AT,
    }  # fmt: skip
    async with database.writing() as connection:
        await connection.execute(t.calls.insert(), [call])
    for start in range(0, count, 5000):
        numbers = range(start, min(start + 5000, count))
        keys = {n: f"t{n % 20}/2026/{n % 12 + 1:02}/{n % 28 + 1:02}/r{n}.wav" for n in numbers}
        for n in numbers:
            path = store.path(keys[n])
            if path.parent not in made:
                path.parent.mkdir(parents=True, exist_ok=True)
                made.add(path.parent)
            if n >= MISSING:
                os.link(originals[n // _LINKS], path)
        recordings = [recording | {"recording_id": f"r{n}"} for n in numbers]
        files = [
            file | {"recording_id": f"r{n}", "key": keys[n], "sha256": sizes[n // _LINKS][0]} for n in numbers
        ]
        async with database.writing() as connection:
            await connection.execute(t.recordings.insert(), recordings)
            await connection.execute(t.files.insert(), files)
    for n in range(STRAYS):
        os.link(originals[0], store.path(f"t0/2026/01/01/stray{n}.wav"))
    await database.close()


async def _sweep(root: Path, url: str) -> dict[str, Any]:
    database = await open_database(url)
    catalog = SqlCatalog(database, lambda: datetime.now(UTC))
    before, began = _peak_mb(), time.monotonic()
    report = await sweep(
        catalog, {}, home_only(LocalStore(root / "store")), True, min_age_s=0, wish=Wish(_SAMPLE)
    )
    seconds = time.monotonic() - began
    await database.close()
    return {
        "rows": report.rows, "missing": len(report.missing), "unrecorded": len(report.unrecorded),
        "damaged": len(report.damaged), "hashed": report.hashed, "seconds": seconds, "before_mb": before,
        "peak_mb": _peak_mb(),
    }  # fmt: skip


def _peak_mb() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_sweep(Path(sys.argv[1]), sys.argv[2]))))
