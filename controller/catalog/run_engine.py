"""The database of the durable runs: on PostgreSQL the catalog's own, on SQLite a file beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import StaticPool

from .database import BUSY_TIMEOUT_MS, CONNECT_TIMEOUT_S

_CONNECTIONS = 12


def run_engine(url: str) -> Engine:
    """A synchronous engine, not yet connected. ``url`` is the catalog's.

    The runs' file is the catalog's with ``.runs`` before its suffix: two writers in one SQLite file
    would keep each other waiting, and a call's save must not wait for a step's note.
    """
    parsed = make_url(url)
    if parsed.drivername.startswith("postgresql"):
        return create_engine(
            _psycopg(parsed),
            pool_size=_CONNECTIONS,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S},
        )
    if not parsed.database or ":memory:" in parsed.database:
        return create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
    engine = create_engine(
        URL.create("sqlite", database=str(runs_file(parsed.database))),
        pool_size=_CONNECTIONS,
        hide_parameters=True,
    )
    event.listen(engine, "connect", _prepare)
    return engine


def runs_file(catalog: str) -> Path:
    """The SQLite file of the runs of a catalog's file."""
    path = Path(catalog)
    return path.with_name(f"{path.stem}.runs{path.suffix}")


def _psycopg(url: URL) -> URL:
    # The two drivers name the same wish differently.
    query = dict(url.query)
    if (ssl := query.pop("ssl", None)) is not None:
        query["sslmode"] = ssl
    return url.set(drivername="postgresql+psycopg", query=query)


def _prepare(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={BUSY_TIMEOUT_MS}")
    cursor.execute("PRAGMA journal_mode=WAL")
    # A power cut may lose the last notes: those steps are done again, which changes nothing.
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()
