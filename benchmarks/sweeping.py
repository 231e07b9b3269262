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
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import text

from controller.catalog import SqlCatalog, open_database
from controller.media.integrity import digest
from controller.media.shelves import home_only
from controller.media.store import LocalStore
from controller.media.sweep import Wish, sweep

from .result import Aim, Result

FILES = int(os.environ.get("SWEEP_FILES", "1000000"))
STRAYS, MISSING = 7, 5
_LINKS = 30_000  # a file system allows so many names of one file at least
_SAMPLE = 0.001
AT = "2026-11-22 12:00:00.000000"


def run() -> Result:
    result = Result("sweep", f"Sweep of {FILES:,} files and rows (SQLite, a folder)")
    with tempfile.TemporaryDirectory(prefix="tapeline-sweep-") as folder:
        root, began = Path(folder), time.monotonic()
        for share in (0.1, 1.0):
            part = root / f"{share}"
            asyncio.run(_prepare(part, int(FILES * share)))
            command = [sys.executable, "-m", "benchmarks.sweeping", str(part)]
            found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
            assert (found["rows"], found["missing"], found["unrecorded"]) == (
                int(FILES * share), MISSING, STRAYS,
            )  # fmt: skip
            result.rows.append(
                {
                    "files and rows": f"{found['rows']:,}", "seconds": round(found["seconds"], 1),
                    "rows a second": round(found["rows"] / found["seconds"]),
                    "hashed": found["hashed"], "memory before, MB": found["before_mb"],
                    "memory at most, MB": found["peak_mb"],
                }
            )  # fmt: skip
        small, large = result.rows
        growth = large["memory at most, MB"] - small["memory at most, MB"]
        result.aims.append(
            Aim("memory more for ten times the rows", "< 30 MB", f"{growth} MB", growth < 30)
        )  # fmt: skip
        result.notes.append(f"with the making of the files it took {time.monotonic() - began:.0f} s")
    return result


async def _prepare(root: Path, count: int) -> None:
    """Names of some files only: what lies in them is read for a sample."""
    store = LocalStore(root / "store")
    database = await open_database(f"sqlite+aiosqlite:///{root}/tapeline.db")
    sizes: list[tuple[str, int]] = []
    originals: list[Path] = []
    made: set[Path] = set()
    for n in range(count // _LINKS + 1):
        path = root / f"original{n}"
        path.write_bytes(os.urandom(1000))
        originals.append(path)
        sizes.append((digest(path).sha256, 1000))
    async with database.writing() as connection:
        await connection.execute(
            text(
                "INSERT INTO calls (call_id, switch, started_at, talk_ms, direction, requested, stopped,"
                " aliases) VALUES ('c', 'fs', :at, 0, 'internal', '[]', '[]', '[]')"
            ),
            {"at": AT},
        )
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
        rows: list[dict[str, Any]] = [
            {"id": f"r{n}", "key": keys[n], "sha": sizes[n // _LINKS][0], "at": AT} for n in numbers
        ]
        async with database.writing() as connection:
            await connection.execute(
                text(
                    "INSERT INTO recordings (recording_id, call_id, position, switch, tenant, kind, rule,"
                    " reason, started_at, ended_at, provisional, cut_pauses, span_ms, direction,"
                    " media_state, media_ms, media_error, media_at) VALUES (:id, 'c', 0, 'fs', 't',"
                    " 'audio', '', '', :at, :at, 0, 0, 0, 'internal', 'available', 1, '', :at)"
                ),
                rows,
            )
            await connection.execute(
                text(
                    "INSERT INTO files (recording_id, role, number, key, format, size, sha256, duration_ms,"
                    " channels, sample_rate, repaired, note, store, old_store, sealing, added_at) VALUES"
                    " (:id, 'rendition', 0, :key, 'wav', 1000, :sha, 1, 1, 8000, 0, '', 'home', '', '', :at)"
                ),
                rows,
            )
    for n in range(STRAYS):
        os.link(originals[0], store.path(f"t0/2026/01/01/stray{n}.wav"))
    await database.close()


async def _sweep(root: Path) -> dict[str, Any]:
    database = await open_database(f"sqlite+aiosqlite:///{root}/tapeline.db")
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
    print(json.dumps(asyncio.run(_sweep(Path(sys.argv[1])))))
