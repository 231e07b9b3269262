"""Whether a database's schema is the newest, told without Alembic: only to get there is that needed."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, String, column, inspect, select, table

from ..core.errors import TapelineError

MIGRATIONS = Path(__file__).parent / "migrations"
_TABLE = table("alembic_version", column("version_num", String()))


class UnknownSchema(TapelineError):
    """The database's revision is none of ours."""


def newest() -> str:
    """The last revision: the files' names begin with theirs, and each stands behind the one before it."""
    return max(path.stem for path in (MIGRATIONS / "versions").glob("r*.py")).partition("_")[0][1:]


def is_newest(connection: Connection) -> bool:
    if not inspect(connection).has_table(_TABLE.name):
        return False
    return list(connection.scalars(select(_TABLE.c.version_num))) == [newest()]
