"""Revisions with data in the tables: what there was before is there after, in the new form and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from alembic.util.exc import CommandError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.catalog import Database, SqlCatalog, open_database, schema
from controller.core.options import Channels, Hears, TenantOptions
from controller.core.policy import Policy
from controller.core.rules import EVERY_DIRECTION, Mode, PolicyRule, PolicyScope, Setting
from controller.engine.media_ports import MediaState
from controller.engine.reading import RecordingFilter, Scope, SystemSettings, TenantSettings, UserSettings

from .conftest import NOW

ALL = Scope(None)
AT = "'2026-11-22 09:00:00+00:00'"

#: Rows as revision 0001 wrote them.
BEFORE = [
    "INSERT INTO system_settings (number, record_external) VALUES (1, {true})",
    "INSERT INTO tenants (tenant, folder, record_audio, record_video, created_at) VALUES "
    "('red', 'red', {true}, {false}, {at}), ('blue', 'blue', {false}, {true}, {at})",
    'INSERT INTO users (tenant, "user", name, record_audio, record_video, created_at) VALUES '
    "('red', '101', 'Ann', {false}, {true}, {at}), ('red', '102', '', {true}, {false}, {at})",
    "INSERT INTO calls (call_id, switch, started_at, ended_at, talk_ms, direction, requested, stopped, "
    "aliases) VALUES ('c1', 'sw', {at}, NULL, 0, 'inbound', '[]', '[]', '[]')",
    'INSERT INTO legs (call_id, position, leg_id, side, tenant, "user", number, name, calling, dialled, '
    "video, recordable, started_at, cause, held, aliases, search, search_number) VALUES "
    "('c1', 0, 'leg1', 'internal', 'red', '101', '101', 'Ann', {true}, '', {false}, {true}, {at}, '', "
    "{false}, '[]', 'ann', '101')",
    "INSERT INTO decisions (call_id, tenant, kind, verdict, rule, reason) VALUES "
    "('c1', 'red', 'audio', 'record', 'tenant_forces', 'x'), "
    "('c1', 'red', 'video', 'record', 'user_wants', 'x'), "
    "('c1', 'blue', 'audio', 'leave', 'nobody_wants', 'x')",
    "INSERT INTO recordings (recording_id, call_id, position, switch, tenant, kind, rule, reason, "
    "started_at, span_ms, direction, media_state, media_ms, media_error, media_at) VALUES "
    "('r1', 'c1', 0, 'sw', 'red', 'audio', 'tenant_forces', 'x', {at}, 0, 'inbound', 'spooled', 0, '', {at})",
    "INSERT INTO segments (capture_id, recording_id, number, leg_id, bridge_id, path, kind, requested_at, "
    "state, cause, blind, close_attempts, own_voice_only) VALUES "
    "('r1.1', 'r1', 1, 'leg1', 'b1', 'p', 'audio', {at}, 'recording', '', '', 0, {false})",
]


@pytest.fixture
async def old(empty_url: str) -> AsyncIterator[tuple[str, Database]]:
    """A database of revision 0001 with rows."""
    database = await open_database(empty_url)
    async with database.writing() as connection:
        await connection.run_sync(schema.downgrade, "0001")
        true, false = ("1", "0") if database.sqlite else ("true", "false")
        for statement in BEFORE:
            await connection.execute(text(statement.format(true=true, false=false, at=AT)))
    yield empty_url, database
    await database.close()


async def rows(connection: AsyncConnection, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in await connection.execute(text(query))]


async def test_settings_become_rules_and_nothing_is_lost(old: tuple[str, Database]) -> None:
    url, _ = old
    database = await open_database(url)
    catalog = SqlCatalog(database, lambda: NOW)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(schema.differences) == []
    assert await catalog.system() == SystemSettings(True)
    # Who had no box ticked: a tenant left it to its users, a user had it off.
    assert await catalog.tenants(ALL) == [
        TenantSettings("blue", Setting.INHERIT, Setting.ON),
        TenantSettings("red", Setting.ON, Setting.INHERIT),
    ]
    assert await catalog.users(ALL) == [
        UserSettings("red", "101", "Ann", Setting.OFF, Setting.ON),
        UserSettings("red", "102", "", Setting.ON, Setting.OFF),
    ]
    assert {u.directions for u in await catalog.users(ALL)} == {EVERY_DIRECTION}
    policy = await catalog.policy()
    assert policy.record_external
    assert {(r.scope, r.tenant, r.name, r.audio, r.video) for r in policy.rules} == {
        (PolicyScope.TENANT, "blue", "", Setting.INHERIT, Setting.ON),
        (PolicyScope.TENANT, "red", "", Setting.ON, Setting.INHERIT),
        (PolicyScope.USER, "red", "101", Setting.OFF, Setting.ON),
        (PolicyScope.USER, "red", "102", Setting.ON, Setting.OFF),
    }
    # The running call is taken over with what it did not know then.
    (call,) = await catalog.open_calls("sw")
    assert {k: d.rule for k, d in call.decisions.items()} == {
        ("red", "audio"): "tenant.on",
        ("red", "video"): "user.on",
        ("blue", "audio"): "nobody_wants",
    }
    (recording,) = call.recordings
    assert (recording.rule, recording.provisional, recording.cut_pauses) == ("tenant.on", False, False)
    assert (recording.segments[0].layout, recording.segments[0].far) == ("mono", ())
    leg = call.legs["leg1"]
    assert (leg.routes, leg.seat, leg.announced) == ((), "", {})
    await catalog.save("sw", [call], {})
    assert await catalog.open_calls("sw") == [call]
    await database.close()


async def down(database: Database) -> None:
    async with database.writing() as connection:
        await connection.run_sync(schema.downgrade, "0001")


async def test_down_again_keeps_what_the_older_version_can_say(old: tuple[str, Database]) -> None:
    url, first = old
    before = {}
    tables = ("system_settings", "tenants", "users", "decisions", "recordings", "legs", "segments")
    async with first.reading() as connection:
        for table in tables:
            before[table] = [
                dict(r._mapping) for r in await connection.execute(text(f"SELECT * FROM {table}"))
            ]
    database = await open_database(url)
    await down(database)
    async with database.reading() as connection:
        for table in tables:
            found = [dict(r._mapping) for r in await connection.execute(text(f"SELECT * FROM {table}"))]
            assert sorted(map(str, map(sorted_items, found))) == sorted(
                map(str, map(sorted_items, before[table]))
            ), table
    await database.close()
    again = await open_database(url)
    assert len(await SqlCatalog(again, lambda: NOW).users(ALL)) == 2
    await again.close()


async def test_an_option_that_is_gone_is_taken_out_and_the_others_stay(old: tuple[str, Database]) -> None:
    url, _ = old
    database = await open_database(url)
    said = '{"announcement":"rec","announce_to":"external","announcement_in_file":true}'
    async with database.writing() as connection:
        await connection.run_sync(schema.downgrade, "0014")
        await connection.execute(text("UPDATE tenants SET options = :o WHERE tenant = 'red'"), {"o": said})
        await connection.run_sync(schema.upgrade)
    found = {t.tenant: t.options for t in await SqlCatalog(database, lambda: NOW).tenants(ALL)}
    assert found["red"] == TenantOptions(announcement="rec", announce_to=Hears.EXTERNAL)
    assert found["blue"] == TenantOptions()
    await database.close()


async def test_down_again_the_last_decision_is_left(old: tuple[str, Database]) -> None:
    url, _ = old
    database = await open_database(url)
    async with database.writing() as connection:
        await connection.execute(
            text(
                "INSERT INTO decisions (call_id, position, at, bridge_id, tenant, kind, legs, verdict, rule, "
                f"reason) VALUES ('c1', 3, {AT}, 'b1', 'red', 'audio', '[]', 'leave', 'user.off', 'later')"
            )
        )
        await connection.run_sync(schema.downgrade, "0014")
        found = await rows(connection, "SELECT rule FROM decisions WHERE tenant = 'red' ORDER BY kind")
        assert found == [("user.off",), ("user.on",)]
        await connection.run_sync(schema.upgrade)
        query = "SELECT position, bridge_id, tenant, kind, rule FROM decisions ORDER BY position"
        assert await rows(connection, query) == [
            (0, "", "blue", "audio", "nobody_wants"),
            (1, "", "red", "audio", "user.off"),
            (2, "", "red", "video", "user.on"),
        ]
    await database.close()


def sorted_items(row: dict[str, Any]) -> list[tuple[str, Any]]:
    return sorted(row.items())


async def test_down_from_what_only_the_newer_version_knows(old: tuple[str, Database]) -> None:
    url, _ = old
    database = await open_database(url)
    catalog = SqlCatalog(database, lambda: NOW)
    await catalog.set_tenant(
        TenantSettings("red", Setting.REQUIRE, options=TenantOptions(channels=Channels.STEREO))
    )
    for user, mode in (("101", Mode.ON_DEMAND), ("102", Mode.NEVER), ("103", Mode.ALWAYS)):
        await catalog.set_user(UserSettings("red", user, "", Setting.ON, mode=mode))
    await catalog.set_rule(PolicyRule(PolicyScope.QUEUE, "red", "sales", Setting.ON))
    async with database.writing() as connection:
        await connection.execute(text("UPDATE recordings SET provisional = TRUE, media_state = 'discarded'"))
        await connection.execute(text("UPDATE decisions SET rule = 'tenant.require' WHERE kind = 'video'"))
    await down(database)
    async with database.reading() as connection:
        assert await rows(connection, "SELECT record_audio, record_video FROM tenants ORDER BY tenant") == [
            (False, True),
            (True, False),
        ]
        # Who is not recorded without asking is not recorded by a version that cannot be asked.
        assert await rows(connection, 'SELECT "user", record_audio FROM users ORDER BY "user"') == [
            ("101", False),
            ("102", False),
            ("103", True),
        ]
        assert await rows(connection, "SELECT media_state, media_error FROM recordings") == [
            ("empty", "not kept: nobody started it before the end")
        ]
        assert await rows(connection, "SELECT rule FROM decisions WHERE kind = 'video'") == [
            ("tenant_forces",)
        ]
    await database.close()


async def test_what_the_system_wants_each_tenant_wants_there(old: tuple[str, Database]) -> None:
    url, _ = old
    database = await open_database(url)
    catalog = SqlCatalog(database, lambda: NOW)
    await catalog.set_system(SystemSettings(False, Setting.REQUIRE))
    await down(database)
    async with database.reading() as connection:
        found = await rows(connection, "SELECT record_audio, record_video FROM tenants ORDER BY tenant")
        assert found == [(True, True), (True, False)]
    await database.close()


async def test_down_is_refused_where_the_older_version_would_record_what_is_forbidden(
    old: tuple[str, Database],
) -> None:
    url, _ = old
    database = await open_database(url)
    catalog = SqlCatalog(database, lambda: NOW)
    forbid = Setting.FORBID
    for setting, taking_back in (
        (catalog.set_system(SystemSettings(video=forbid)), catalog.set_system(SystemSettings())),
        (catalog.set_tenant(TenantSettings("red", forbid)), catalog.set_tenant(TenantSettings("red"))),
        (
            catalog.set_user(UserSettings("red", "101", video=forbid)),
            catalog.set_user(UserSettings("red", "101")),
        ),
        (
            catalog.set_rule(PolicyRule(PolicyScope.TRUNK, None, "line", forbid)),
            catalog.remove_rule(ALL, PolicyScope.TRUNK, None, "line"),
        ),
    ):
        await setting
        with pytest.raises(CommandError, match="forbid"):
            await down(database)
        await taking_back
    async with database.writing() as connection:
        await connection.execute(text("UPDATE recordings SET provisional = TRUE"))
    with pytest.raises(CommandError, match=r"1 recording.* on demand are still to be destroyed"):
        await down(database)
    # Refused means untouched.
    assert isinstance(await catalog.policy(), Policy)
    (row,) = (await catalog.recordings(ALL, RecordingFilter())).items
    assert row.provisional
    async with database.writing() as connection:
        await connection.execute(
            text("UPDATE recordings SET media_state = :s"), {"s": str(MediaState.DISCARDED)}
        )
    await down(database)
    await database.close()


async def test_spans_taken_back_are_history_that_an_older_version_does_not_have(
    old: tuple[str, Database],
) -> None:
    url, _ = old
    database = await open_database(url)
    span = (
        "INSERT INTO chosen_spans (recording_id, from_ms, to_ms, asked_by, asked_at, why, source) VALUES "
        f"('r1', {{n}}, 9, 'ann', {AT}, 'x', 'ab')"
    )
    async with database.writing() as connection:
        await connection.run_sync(schema.downgrade, "0025")
        for n in (1, 2):
            await connection.execute(text(span.format(n=n)))
        await connection.run_sync(schema.upgrade)
        query = "SELECT from_ms, taken_back_by, taken_back_at FROM chosen_spans ORDER BY from_ms"
        assert await rows(connection, query) == [(1, "", None), (2, "", None)]
        assert await connection.run_sync(schema.differences) == []
        back = f"UPDATE chosen_spans SET taken_back_by = 'bob', taken_back_at = {AT} WHERE from_ms = 2"
        await connection.execute(text(back))
        await connection.run_sync(schema.downgrade, "0025")
        assert await rows(connection, "SELECT from_ms, source FROM chosen_spans") == [(1, "ab")]
    await database.close()


async def test_the_triggers_of_webhooks_are_still_there(database: Database) -> None:
    """A later revision that makes one of these tables anew (SQLite's batch mode) drops its triggers."""
    query = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if database.sqlite
        else "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    )
    async with database.reading() as connection:
        found = {row[0] for row in await connection.execute(text(query))}
    assert {
        "hooks_of_recordings_insert", "hooks_of_recordings_update", "hooks_of_pauses_insert",
        "hooks_of_pauses_update", "hooks_of_audit_insert",
    } <= found  # fmt: skip


MANY = 20_000


async def test_many_rows_go_up_and_down_again(empty_url: str) -> None:
    """As many as a small office has after some years, within the time that a service manager waits."""
    database = await open_database(empty_url)
    async with database.writing() as connection:
        await connection.run_sync(schema.downgrade, "0001")
        true, false = ("1", "0") if database.sqlite else ("true", "false")
        numbers = (
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) "
            if database.sqlite
            else f"WITH n(i) AS (SELECT generate_series(1, {MANY})) "
        )
        for statement in BEFORE:
            filled = statement.format(true=true, false=false, at=AT)
            table = filled.split()[2]
            if table not in ("calls", "legs", "recordings", "segments"):
                # The first of the many calls.
                await connection.execute(text(filled.replace("'c1'", "'c11'")))
                continue
            head, _, values = filled.partition(" VALUES ")
            values = values.strip().removeprefix("(").removesuffix(")")
            for name in ("c1", "leg1", "r1.1", "r1"):
                number = "CAST(i AS TEXT)"
                values = values.replace(f"'{name}'", f"'{name[0]}' || {number} || '{name[1:]}'")
            into, _, columns = head.partition("(")
            whole = f"{into}({columns} {numbers}SELECT {values} FROM n"
            await connection.execute(text(whole))
    await database.close()
    up = await open_database(empty_url)  # which takes it up
    async with up.reading() as connection:
        assert await rows(connection, "SELECT count(*) FROM recordings") == [(MANY,)]
        assert await connection.run_sync(schema.differences) == []
    found = await SqlCatalog(up, lambda: NOW).recordings(ALL, RecordingFilter(), limit=50)
    assert len(found.items) == 50
    await down(up)
    async with up.reading() as connection:
        for table in ("calls", "legs", "recordings", "segments"):
            assert await rows(connection, f"SELECT count(*) FROM {table}") == [(MANY,)], table
    await up.close()
