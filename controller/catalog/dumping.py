"""The catalog as files, and back: one moment of it, taken while others write; see dump_sqlite, dump_postgres.

The durable runs (run_engine.py) are left out: what was open in them is open in the catalog too, and is begun
anew; a run of a name that is taken is replaced (jobs/durable.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import make_url

from ..core.errors import TapelineError

#: Told what is being done, how much of it, and of how much (0: nobody knows).
Progress = Callable[[str, int, int], None]
#: One row a chain: its last entry. The newest of each tenant.
HEADS = (
    "SELECT tenant, number, hash FROM chain AS c "
    "WHERE number = (SELECT max(number) FROM chain WHERE tenant = c.tenant)"
)
COUNTED = ("calls", "recordings", "files", "accounts", "chain", "audit")


class DumpError(TapelineError):
    """The catalog cannot be written out or read in; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Dump:
    """What was written. ``heads``: each chain's tenant, last number and hash, of that very moment."""

    files: tuple[str, ...]
    way: str
    revision: str
    heads: tuple[tuple[str, int, str], ...]
    counts: Mapping[str, int]


def kind_of(url: str) -> str:
    return "sqlite" if make_url(url).drivername.startswith("sqlite") else "postgresql"


async def dump(url: str, folder: Path, told: Progress) -> Dump:
    """Write the catalog into an empty folder. Raises DumpError."""
    from . import dump_postgres, dump_sqlite

    if kind_of(url) == "sqlite":
        return await dump_sqlite.dump(url, folder, told)
    return await dump_postgres.dump(url, folder, told)


async def restore(url: str, folder: Path, way: str, revision: str, *, replace: bool, told: Progress) -> None:
    """Read a dump into a database that holds no catalog; its schema stays the dump's. Raises DumpError."""
    from . import dump_postgres, dump_sqlite

    kind = kind_of(url)
    if (way == dump_sqlite.WAY) != (kind == "sqlite"):
        raise DumpError(
            f"this backup is of {_name(way == dump_sqlite.WAY)}, and database.url names "
            f"{_name(kind == 'sqlite')}: restore it into one of its own kind"
        )
    if kind == "sqlite":
        await dump_sqlite.restore(url, folder, replace=replace, told=told)
    else:
        await dump_postgres.restore(url, folder, way, revision, replace=replace, told=told)


def _name(sqlite: bool) -> str:
    return "SQLite" if sqlite else "PostgreSQL"
