"""One controller for a SQLite catalog: a lock on a file beside it, which goes with its process."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy.engine import make_url

from .database import DatabaseUnavailable


@contextlib.contextmanager
def only_controller(url: str) -> Iterator[None]:
    """Raises DatabaseUnavailable if another process has it. On PostgreSQL leases tell who does what."""
    parsed = make_url(url)
    file = parsed.database or ""
    if not parsed.drivername.startswith("sqlite") or not file or ":memory:" in file:
        yield
        return
    path = Path(file).with_name(f"{Path(file).name}.controller")
    try:
        # The first start is before anything has made the catalog's folder.
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseUnavailable(
            f"database.url: {path} cannot be written: {error.strerror}. Name a file in a folder of this user"
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            pid = os.pread(handle, 20, 0).decode(errors="replace").strip()
            raise DatabaseUnavailable(
                f"database.url: the controller with process id {pid or '?'} works with the catalog {file}; "
                "on SQLite there can be one. Stop that one, or put the catalog on PostgreSQL, where several "
                "share the switches"
            ) from error
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)
