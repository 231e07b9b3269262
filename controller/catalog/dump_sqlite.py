"""The catalog on SQLite as a file of its own: SQLite's online backup, while others write."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import make_url

from .database import BUSY_TIMEOUT_MS
from .dumping import COUNTED, HEADS, Dump, DumpError, Progress
from .run_engine import runs_file

WAY = "sqlite"
_NAME = "catalog.sqlite"
_LOOK_EVERY_S = 0.2


async def dump(url: str, folder: Path, told: Progress) -> Dump:
    source, copy = _file(url), folder / _NAME
    if not source.exists():
        raise DumpError(f"database.url: there is no catalog at {source}")
    work = asyncio.ensure_future(asyncio.to_thread(_copy, source, copy))
    while not work.done():
        # What is in the log beside it comes too, and may be there twice.
        whole = sum(p.stat().st_size for p in (source, Path(f"{source}-wal")) if p.exists())
        told("catalog", min(whole, copy.stat().st_size if copy.exists() else 0), whole)
        await asyncio.wait([work], timeout=_LOOK_EVERY_S)
    try:
        return await work
    except sqlite3.Error as error:
        raise DumpError(f"{source} cannot be copied: {error}") from error


def _copy(source: Path, copy: Path) -> Dump:
    """All in one step: with several, every write in between would begin the copy anew, without an end.

    In WAL mode nobody has to wait for it.
    """
    with contextlib.closing(sqlite3.connect(source)) as live, contextlib.closing(sqlite3.connect(copy)) as to:
        live.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
        live.backup(to)
        # One file, and not another two beside it.
        to.execute("PRAGMA journal_mode=DELETE")
        return _look(to)


def _look(catalog: sqlite3.Connection) -> Dump:
    """Raises DumpError if the file is damaged."""
    (verdict,) = catalog.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict != "ok":
        raise DumpError(f"the catalog is damaged: SQLite says: {verdict}")
    (revision,) = catalog.execute("SELECT version_num FROM alembic_version").fetchone()
    counts = {t: catalog.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in COUNTED}  # noqa: S608
    heads = tuple((t, n, h) for t, n, h in catalog.execute(HEADS))
    return Dump((_NAME,), WAY, revision, heads, counts)


async def restore(url: str, folder: Path, *, replace: bool, told: Progress) -> None:
    target = _file(url)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            if not replace:
                raise DumpError(
                    f"{target} holds a catalog already: nothing was changed. Name another database.url, "
                    "or say --replace, which keeps the old one beside it"
                )
            await asyncio.to_thread(_keep_aside, target)
        told("catalog", 0, 0)
        await asyncio.to_thread(_put, folder / _NAME, target)
    except (OSError, sqlite3.Error) as error:
        raise DumpError(f"database.url: {target} cannot be written: {error}") from error


def _keep_aside(target: Path) -> None:
    """Under another name with what is in its log; refused while somebody writes."""
    with contextlib.closing(sqlite3.connect(target)) as old:
        old.execute("PRAGMA busy_timeout=2000")
        # Leaving WAL wants the file for itself alone, and so finds who has it open.
        (mode,) = old.execute("PRAGMA journal_mode=DELETE").fetchone()
    if mode != "delete":
        raise DumpError(f"{target} is in use: stop the controller and its workers first")
    stamp = datetime.fromtimestamp(time.time(), UTC).strftime("%Y%m%dT%H%M%SZ")
    target.rename(target.with_name(f"{target.name}.before-{stamp}"))
    runs = runs_file(str(target))
    for path in (runs, *(runs.with_name(runs.name + end) for end in ("-wal", "-shm"))):
        path.unlink(missing_ok=True)


def _put(source: Path, target: Path) -> None:
    """Whole or not at all."""
    fresh = target.with_name(f".{target.name}.restoring")
    fresh.unlink(missing_ok=True)
    with (
        contextlib.closing(sqlite3.connect(source)) as copy,
        contextlib.closing(sqlite3.connect(fresh)) as to,
    ):
        copy.backup(to)
        _look(to)
    fresh.chmod(0o600)
    fresh.rename(target)


def _file(url: str) -> Path:
    name = make_url(url).database
    if not name or ":memory:" in name:
        raise DumpError("database.url names no file: a catalog in memory has no backup")
    return Path(name)
