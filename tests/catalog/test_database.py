"""Opening a database: migrations up and down, two at once, and errors that one can act upon."""

from __future__ import annotations

import asyncio
import re
import socket
import sys
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import event, func, select, text

from controller.catalog import DatabaseUnavailable, SqlCatalog, open_database, schema
from controller.catalog import database as database_module
from controller.catalog.newest import is_newest, newest
from controller.catalog.policy_rows import system_row
from controller.catalog.tables import metadata
from controller.core.rules import Setting
from controller.engine.reading import Scope, SystemSettings, TenantSettings

from .cluster import PASSWORD
from .conftest import NOW


async def test_the_migrated_schema_is_the_tables(empty_url: str) -> None:
    database = await open_database(empty_url)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(schema.differences) == []
    await database.close()


async def test_a_difference_would_be_seen(empty_url: str) -> None:
    database = await open_database(empty_url)
    async with database.writing() as connection:
        await connection.execute(text("ALTER TABLE calls ADD COLUMN stray INTEGER"))
        await connection.execute(text("DROP INDEX ix_recordings_call_id"))
        found = repr(await connection.run_sync(schema.differences))
    assert "stray" in found
    assert "ix_recordings_call_id" in found
    await database.close()


async def test_down_leaves_nothing_and_up_again_works(empty_url: str) -> None:
    database = await open_database(empty_url)
    async with database.writing() as connection:
        await connection.run_sync(schema.downgrade, "base")
        names = "SELECT name FROM sqlite_master WHERE type = 'table'"
        if not database.sqlite:
            names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        left = set((await connection.execute(text(names))).scalars())
    assert left == {"alembic_version"}
    await database.close()
    database = await open_database(empty_url)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(schema.differences) == []
    await database.close()


async def test_opened_again_it_keeps_what_it_has(empty_url: str) -> None:
    for _ in range(2):
        database = await open_database(empty_url)
        catalog = SqlCatalog(database, lambda: NOW)
        before = await catalog.tenants(Scope(None))
        await catalog.set_tenant(TenantSettings("red.example", Setting.ON))
        await catalog.close()
    assert before == [TenantSettings("red.example", Setting.ON)]


async def test_two_at_once_in_one_process(empty_url: str) -> None:
    databases = await asyncio.gather(*(open_database(empty_url) for _ in range(4)))
    async with databases[0].engine.connect() as connection:
        assert await connection.run_sync(schema.differences) == []
    for database in databases:
        await database.close()


async def test_two_processes_at_once_from_any_folder(empty_url: str, tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from controller.catalog import open_database\n"
        "async def main():\n"
        "    await (await open_database(sys.argv[1])).close()\n"
        "asyncio.run(main())\n"
    )
    root = str(Path(__file__).parents[2])
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-W", "error", "-c", code, empty_url,
            cwd=tmp_path, env={"PYTHONPATH": root}, stderr=asyncio.subprocess.PIPE,
        )
        for _ in range(3)
    ]  # fmt: skip
    errors = [(await process.communicate())[1].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], errors
    database = await open_database(empty_url)
    async with database.engine.connect() as connection:
        tables = await connection.run_sync(schema.differences)
    assert tables == []
    await database.close()


async def test_sqlite_is_set_up_for_a_service(tmp_path: Path) -> None:
    database = await open_database(f"sqlite+aiosqlite:///{tmp_path}/a/b/tapeline.db")
    async with database.reading() as connection:
        pragmas = {
            name: (await connection.execute(text(f"PRAGMA {name}"))).scalar()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    assert pragmas == {"journal_mode": "wal", "foreign_keys": 1, "synchronous": 1, "busy_timeout": 15_000}
    await database.close()


async def test_a_database_in_memory_works() -> None:
    database = await open_database("sqlite+aiosqlite:///:memory:")
    catalog = SqlCatalog(database, lambda: NOW)
    await asyncio.gather(
        *(catalog.set_tenant(TenantSettings(f"t{n}.example", Setting.ON)) for n in range(10))
    )
    await database.tend()
    assert len(await catalog.tenants(Scope(None))) == 10
    await catalog.close()


async def test_sqlite_plans_by_what_there_is(tmp_path: Path) -> None:
    """Also on a connection that was open before, and again when it has become something else."""
    database = await open_database(f"sqlite+aiosqlite:///{tmp_path}/tapeline.db")
    async with database.writing() as connection:
        await connection.execute(text("CREATE TABLE marks (x, y)"))
        await connection.execute(text("CREATE INDEX by_x ON marks (x)"))
        await connection.execute(text("CREATE INDEX by_y ON marks (y)"))
        rows = [{"x": 1, "y": n} for n in range(2000)]
        await connection.execute(text("INSERT INTO marks VALUES (:x, :y)"), rows)

    async def way() -> str:
        query = text("EXPLAIN QUERY PLAN SELECT * FROM marks WHERE x = 1 AND y = 1")
        async with database.reading() as connection:
            return str((await connection.execute(query)).one()[3])

    await database.tend()
    assert "by_y" in await way()
    async with database.writing() as connection:
        await connection.execute(text("UPDATE marks SET x = y, y = 1"))
    assert "by_y" in await way()
    await database.tend()
    assert "by_x" in await way()
    await database.close()


async def test_what_another_process_has_found_is_planned_by_once_it_is_heard_of(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path}/tapeline.db"
    database, other = await open_database(url), await open_database(url)
    async with database.writing() as connection:
        await connection.execute(text("CREATE TABLE marks (x, y)"))
        await connection.execute(text("CREATE INDEX by_x ON marks (x)"))
        await connection.execute(text("CREATE INDEX by_y ON marks (y)"))
        rows = [{"x": n, "y": 1} for n in range(2000)]
        await connection.execute(text("INSERT INTO marks VALUES (:x, :y)"), rows)
    await database.tend()

    async def way() -> str:
        query = text("EXPLAIN QUERY PLAN SELECT * FROM marks WHERE x = 1 AND y = 1")
        async with other.reading() as connection:
            return str((await connection.execute(query)).one()[3])

    assert "by_x" in await way()
    async with database.writing() as connection:
        await connection.execute(text("UPDATE marks SET y = x, x = 1"))
    await database.tend()
    assert "by_x" in await way(), "which is why it has to be told"
    await other.renew()
    assert "by_y" in await way()
    await database.close()
    await other.close()


async def test_a_writer_that_fails_leaves_nothing(database) -> None:  # type: ignore[no-untyped-def]
    async def fail() -> None:
        async with database.writing() as connection:
            row = system_row(SystemSettings(True))
            await connection.execute(metadata.tables["system_settings"].insert(), row)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    async with database.reading() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM system_settings"))).scalar() == 0


async def test_a_writer_that_is_cancelled_at_any_moment_locks_nobody_out(database) -> None:  # type: ignore[no-untyped-def]
    table = metadata.tables["call_aliases"]

    async def write(name: str) -> None:
        async with database.writing() as connection:
            for n in range(5):
                row = {"alias": f"{name}-{n}", "call_id": "x"}
                await connection.execute(table.insert().returning(table.c.alias), row)

    for n in range(30):
        task = asyncio.create_task(write(f"cancelled{n}"))
        await asyncio.sleep(n * 0.0003)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        async with asyncio.timeout(10):
            await write(f"after{n}")
    async with database.reading() as connection:
        done = (await connection.execute(select(func.count()).where(table.c.alias.like("after%")))).scalar()
    assert done == 150


# ── errors ────────────────────────────────────────────────────────────────────────────────────


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("a shopping list, and a long one at that " * 50)
    with pytest.raises(
        DatabaseUnavailable, match=r"^database\.url: cannot use .*notes\.db: .*not a database"
    ):
        await open_database(f"sqlite+aiosqlite:///{tmp_path}/notes.db")


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatabaseUnavailable, match=r"^database\.url: "):
        await open_database(f"sqlite+aiosqlite:///{tmp_path}/file/below/x.db")


async def test_a_newer_schema_is_named_as_such(empty_url: str) -> None:
    database = await open_database(empty_url)
    async with database.writing() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await database.close()
    with pytest.raises(DatabaseUnavailable, match="used by a newer one"):
        await open_database(empty_url)


def test_the_newest_revision_is_the_one_that_alembic_goes_to() -> None:
    assert newest() == ScriptDirectory.from_config(schema.alembic_config()).get_current_head()


async def test_a_schema_that_is_not_the_newest_is_told(empty_url: str) -> None:
    database = await open_database(empty_url)
    async with database.writing() as connection:
        assert await connection.run_sync(is_newest)
        await connection.run_sync(schema.downgrade, "-1")
        assert not await connection.run_sync(is_newest)
        await connection.run_sync(schema.downgrade, "base")
        assert not await connection.run_sync(is_newest)
        await connection.execute(text("DROP TABLE alembic_version"))
        assert not await connection.run_sync(is_newest)
    await database.close()


@pytest.mark.parametrize("url", ["", "nonsense", "mysql+aiomysql://ann:secret@host/name", "sqlite:///x.db"])
async def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=r"^database\.url"):
        await open_database(url)


@pytest.mark.postgres
async def test_a_postgresql_whose_machine_has_gone_is_noticed(postgres: str) -> None:
    """Nobody says goodbye then: TCP has to ask, and to be done with it within 20 s."""
    database = await open_database(f"{postgres}/postgres")
    try:
        async with database.reading() as connection:
            raw = (await connection.get_raw_connection()).driver_connection
            assert raw is not None
            peer = raw._transport.get_extra_info("socket")
            assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            idle, every, times = (
                peer.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            )
            assert idle + every * times <= 20
            assert 0 < peer.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) <= 20_000
    finally:
        await database.close()


@pytest.mark.postgres
@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (lambda base: f"{base}/nothing_here", "does not exist"),
        (lambda base: base.replace(PASSWORD, "guessed-wrongly") + "/postgres", "password"),
        (lambda base: re.sub(r":\d+$", ":1", base) + "/postgres", "refused|Connect call failed|111"),
    ],
)
async def test_postgresql_that_refuses(postgres: str, wrong, expected: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DatabaseUnavailable, match=expected) as caught:
        await open_database(wrong(postgres))
    assert str(caught.value).startswith("database.url: cannot use postgresql+asyncpg://tester:***@127.0.0.1")
    assert PASSWORD not in str(caught.value)
    assert "guessed" not in str(caught.value)


async def test_a_write_that_is_cancelled_keeps_nobody_else_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite: in the middle of a statement, whose cursor somebody still holds by the traceback."""
    monkeypatch.setattr(database_module, "BUSY_TIMEOUT_MS", 300)
    database = await open_database(f"sqlite+aiosqlite:///{tmp_path}/tapeline.db")
    under_way = asyncio.Event()
    alias = metadata.tables["call_aliases"]
    many = [{"alias": f"a{n}", "call_id": "c"} for n in range(50_000)]

    async def write() -> None:
        async with database.writing() as connection:
            event.listen(
                connection.sync_connection, "before_cursor_execute", lambda *_: under_way.set(), once=True
            )
            await connection.execute(alias.insert(), many)

    writing = asyncio.create_task(write())
    await under_way.wait()
    writing.cancel()
    held: list[BaseException] = []
    try:
        await writing
    except asyncio.CancelledError as error:
        held.append(error)
    async with database.writing() as connection:
        await connection.execute(alias.insert(), many[:1])
    assert held, "it was done before it could be cancelled"
    await database.close()
