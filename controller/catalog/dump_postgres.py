"""The catalog on PostgreSQL as files: pg_dump's, or tables by COPY where pg_dump is missing or too old.

Everything comes out of one snapshot, also what is counted and the chains' heads.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from . import schema
from .database import CONNECT_TIMEOUT_S
from .dumping import COUNTED, HEADS, Dump, DumpError, Progress
from .tables import every_table

BY_PG_DUMP, BY_COPY = "pg_dump", "copy"
_NAME = "catalog.pgdump"
_RUNS = "tapeline_runs"
_COLUMNS = text(
    "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema() "
    "AND is_generated = 'NEVER' ORDER BY table_name, ordinal_position"
)
#: Functions that nothing uses any more once our tables are gone: of triggers, and what those call.
_FUNCTIONS = text(
    "SELECT p.oid::regprocedure::text FROM pg_proc AS p "
    "WHERE p.pronamespace = current_schema()::regnamespace "
    "AND (p.prorettype = 'trigger'::regtype OR p.proname = 'report_mark') "
    "AND NOT EXISTS (SELECT 1 FROM pg_trigger AS t WHERE t.tgfoid = p.oid) "
    "AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = p.oid AND d.deptype = 'e')"
)
#: Written by triggers while the other tables are filled: filled last, with what it was.
_BY_TRIGGERS = ("report_stale",)
_SERIAL = text(
    "SELECT setval(pg_get_serial_sequence(:table, :column), greatest(1, (SELECT max({column}) FROM {table})))"
)


@asynccontextmanager
async def _engine(url: str) -> Any:
    engine = create_async_engine(
        url, hide_parameters=True, pool_size=2, connect_args={"timeout": CONNECT_TIMEOUT_S}
    )
    try:
        yield engine
    except (OSError, SQLAlchemyError) as error:
        reason = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise DumpError(f"database.url: {reason}") from error
    finally:
        await engine.dispose()


async def dump(url: str, folder: Path, told: Progress) -> Dump:
    async with _engine(url) as engine, engine.connect() as connection:
        await connection.execution_options(isolation_level="REPEATABLE READ")
        snapshot = (await connection.execute(text("SELECT pg_export_snapshot()"))).scalar_one()
        if not (await connection.execute(text("SELECT to_regclass('alembic_version')"))).scalar():
            raise DumpError("database.url: there is no catalog in this database")
        revision = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar_one()
        heads = tuple(tuple(row) for row in await connection.execute(text(HEADS)))
        counts = {
            t: (await connection.execute(text(f"SELECT count(*) FROM {t}"))).scalar_one()  # noqa: S608
            for t in COUNTED
        }
        why = await _by_pg_dump(url, folder / _NAME, str(snapshot), told)
        if why is None:
            return Dump((_NAME,), BY_PG_DUMP, str(revision), heads, counts)
        told(f"catalog, table by table ({why})", 0, 0)
        files = await _by_copy(connection, folder, told)
        return Dump(tuple(files), BY_COPY, str(revision), heads, counts)


async def _by_pg_dump(url: str, target: Path, snapshot: str, told: Progress) -> str | None:
    """Why it could not be done by pg_dump; None if it is done. Raises DumpError for any other trouble."""
    program = shutil.which("pg_dump")
    if program is None:
        return "there is no pg_dump"
    told("catalog", 0, 0)
    status, said = await _run(
        [program, "--format=custom", "--no-owner", "--no-privileges", f"--exclude-schema={_RUNS}",
         f"--snapshot={snapshot}", f"--file={target}"],
        url,
    )  # fmt: skip
    if status == 0:
        return None
    target.unlink(missing_ok=True)
    if "server version mismatch" in said:
        return "pg_dump is older than the server"
    raise DumpError(f"pg_dump failed: {said}")


async def _run(command: Sequence[str], url: str) -> tuple[int, str]:
    """The password is in the environment, which only this user can read, and never in the arguments."""
    parsed = make_url(url)
    given = {
        "PGHOST": parsed.host, "PGPORT": parsed.port, "PGUSER": parsed.username,
        "PGPASSWORD": parsed.password, "PGDATABASE": parsed.database, "PGSSLMODE": parsed.query.get("ssl"),
    }  # fmt: skip
    environ = os.environ | {key: str(value) for key, value in given.items() if value}
    process = await asyncio.create_subprocess_exec(
        *command, env=environ, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    _, said = await process.communicate()
    words = " ".join(said.decode(errors="replace").split())
    return process.returncode or 0, words.replace(str(parsed.password), "***")[:500]


async def _by_copy(connection: AsyncConnection, folder: Path, told: Progress) -> list[str]:
    raw = await _raw(connection)
    columns = await _columns(connection)
    tables = [t.name for t in every_table().sorted_tables if t.name in columns]
    files = []
    for number, table in enumerate(tables):
        told(f"table {table}", number, len(tables))
        head = ",".join(columns[table])
        path = folder / f"{table}.copy"
        with path.open("wb") as out:
            out.write(head.encode() + b"\n")
            await raw.copy_from_table(table, columns=columns[table], output=out, format="text")
        files.append(path.name)
    return files


async def restore(url: str, folder: Path, way: str, revision: str, *, replace: bool, told: Progress) -> None:
    async with _engine(url) as engine:
        await _make_empty(engine, replace)
        if way == BY_PG_DUMP:
            await _by_pg_restore(url, folder / _NAME, told)
        elif way == BY_COPY:
            await _copy_back(engine, folder, revision, told)
        else:
            raise DumpError(f"the catalog was written in a way ({way}) that this version does not know")


async def _make_empty(engine: AsyncEngine, replace: bool) -> None:
    async with engine.begin() as connection:
        there = (await connection.execute(text("SELECT to_regclass('alembic_version')"))).scalar()
        if there and not replace:
            raise DumpError(
                "database.url names a database that holds a catalog already: nothing was changed. Name an "
                "empty one, or say --replace, which removes what is there for good"
            )
        if not there:
            return
        # Not for long: a controller that is at work holds locks, and is not to be pulled the rug from under.
        await connection.execute(text("SET LOCAL lock_timeout = '5s'"))
        names = [t.name for t in every_table().sorted_tables] + ["alembic_version"]
        quoted = ", ".join(f'"{name}"' for name in names)
        await connection.execute(text(f"DROP TABLE IF EXISTS {quoted} CASCADE"))
        await connection.execute(text(f"DROP SCHEMA IF EXISTS {_RUNS} CASCADE"))
        for (function,) in (await connection.execute(_FUNCTIONS)).all():
            await connection.execute(text(f"DROP FUNCTION {function}"))


async def _by_pg_restore(url: str, source: Path, told: Progress) -> None:
    program = shutil.which("pg_restore")
    if program is None:
        raise DumpError(
            "this backup was made by pg_dump, and there is no pg_restore: install postgresql-client"
        )
    told("catalog", 0, 0)
    database = make_url(url).database
    status, said = await _run(
        [program, "--no-owner", "--no-privileges", "--single-transaction", "--exit-on-error",
         f"--dbname={database}", str(source)],
        url,
    )  # fmt: skip
    if status != 0:
        raise DumpError(f"pg_restore failed, nothing was put in: {said}")


async def _copy_back(engine: AsyncEngine, folder: Path, revision: str, told: Progress) -> None:
    async with engine.begin() as connection:
        await connection.run_sync(schema.upgrade, revision)
        columns = await _columns(connection)
        tables = [t.name for t in every_table().sorted_tables if (folder / f"{t.name}.copy").exists()]
        tables.sort(key=lambda name: name in _BY_TRIGGERS)
        for table in reversed(tables):
            if not (await connection.execute(text(f'SELECT 1 FROM "{table}" LIMIT 1'))).first():  # noqa: S608
                continue  # some tables let nobody delete, not even nothing
            # What revisions put in by themselves.
            await connection.execute(text(f'DELETE FROM "{table}"'))  # noqa: S608
        raw = await _raw(connection)
        for number, table in enumerate(tables):
            told(f"table {table}", number, len(tables))
            with (folder / f"{table}.copy").open("rb") as source:
                head = source.readline().decode().strip().split(",")
                if not set(head) <= set(columns.get(table, ())):
                    raise DumpError(f"{table}.copy has other columns than revision {revision}")
                if table in _BY_TRIGGERS:
                    await connection.execute(text(f'DELETE FROM "{table}"'))  # noqa: S608
                await raw.copy_to_table(table, columns=head, source=source, format="text")
        for table, column in await _serials(connection):
            if re.fullmatch(r"[a-z_]+", table + column):
                await connection.execute(
                    text(str(_SERIAL).format(table=f'"{table}"', column=f'"{column}"')),
                    {"table": table, "column": column},
                )


async def _columns(connection: AsyncConnection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table, column in await connection.execute(_COLUMNS):
        found.setdefault(table, []).append(column)
    return found


async def _serials(connection: AsyncConnection) -> list[tuple[str, str]]:
    query = text(
        "SELECT table_name, column_name FROM information_schema.columns "
        "WHERE table_schema = current_schema() AND (column_default LIKE 'nextval(%' OR is_identity = 'YES')"
    )
    return [(table, column) for table, column in await connection.execute(query)]


async def _raw(connection: AsyncConnection) -> Any:
    """asyncpg's own connection, which can COPY, within the same transaction."""
    return (await connection.get_raw_connection()).driver_connection
