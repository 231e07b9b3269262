"""A catalog with as many recordings as wanted, made by the database itself: a million takes minutes.

Written past the triggers and indexes, which are put back, and filled, at the end.
"""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from controller.catalog import Database

TENANTS, USERS = 20, 50
EPOCH = 1_735_689_600  # 2025-01-01
_AT_ONCE = 50_000


def per_day(count: int) -> int:
    """So many calls a day: a million are a year, ten millions two."""
    return 2_880 if count <= 1_000_000 else 14_400


def second_of(n: int, count: int) -> int:
    """When a call begins, in seconds since 1970: from 7:00 to 18:12 of its day."""
    return EPOCH + n // per_day(count) * 86_400 + 25_200 + n % per_day(count) * 40_320 // per_day(count)


def tenant_of(n: int) -> int:
    """The first has three tenths of the calls, the second half of that, the others the same each."""
    h = n * 2_654_435_761 % 1_000
    return 0 if h < 300 else 1 if h < 450 else 2 + h % 18


@dataclass(frozen=True, slots=True)
class _Words:
    """What the two databases call the same things differently."""

    numbers: str
    at: str
    pad: str
    terms: str


_SQLITE = _Words(
    "(WITH RECURSIVE s(n) AS (SELECT {a} UNION ALL SELECT n + 1 FROM s WHERE n < {b}) SELECT n FROM s) AS s",
    "strftime('%Y-%m-%d %H:%M:%f000', {e}, 'unixepoch')",
    "printf('%09d', n)",
    "{a} || ' ' || {b} || ' ' || {c}",
)
_POSTGRES = _Words(
    "generate_series({a}::bigint, {b}::bigint) AS s(n)",
    "to_timestamp({e})",
    "lpad(n::text, 9, '0')",
    "({a} || ':1 ' || {b} || ':2 ' || {c} || ':3')::tsvector",
)

_H = "n * 2654435761 % 1000"
_TENANT = f"'t' || (CASE WHEN {_H} < 300 THEN 0 WHEN {_H} < 450 THEN 1 ELSE 2 + {_H} % 18 END) || '.example'"
# A few users have most of the calls. Neither follows the tenant, which goes by n modulo 1000.
_U = "(n * 40503 / 64 % 1000)"
_USER = f"CAST(1000 + {_U} * {_U} / 20000 AS TEXT)"
_NUMBER = "'+4930' || (10000000 + (n * 7919) % 89999999)"
_DIGITS = "'4930' || (10000000 + (n * 7919) % 89999999)"
_MS = "1000 * (5 + (n * 31) % 900)"
_DIRECTION = "CASE n % 3 WHEN 0 THEN 'inbound' WHEN 1 THEN 'outbound' ELSE 'internal' END"
_V = "(n * 69069 / 128 % 1000)"
_STATE = f"CASE {_V} WHEN 7 THEN 'failed' WHEN 8 THEN 'empty' ELSE 'available' END"
_KIND = f"CASE WHEN {_V} < 5 THEN 'video' ELSE 'audio' END"
_FORMAT = f"CASE WHEN {_V} < 10 THEN 'mp3' ELSE 'wav' END"
_NO = "(1 = 0)"
_PAUSED, _TAGGED, _NOTED, _SAID = f"{_V} < 100", f"{_V} % 50 = 0", f"{_V} % 100 = 1", f"{_V} % 20 = 2"
_QUEUED, _GROUPED = f"{_V} % 4 = 0", f"{_V} % 10 = 1"

#: Table → (columns → what, which of the numbers).
_ROWS: list[tuple[str, dict[str, str], str]] = [
    ("calls", {
        "call_id": "'c' || {pad}", "switch": "'fs'", "started_at": "{began}", "answered_at": "{began}",
        "ended_at": "{ended}", "talk_ms": _MS, "direction": _DIRECTION, "requested": "'[]'",
        "stopped": "'[]'", "aliases": "'[]'",
    }, ""),
    *(("call_views", {
        "call_id": "'c' || {pad}", "tenant": _TENANT, "\"user\"": user, "started_at": "{began}",
        "direction": _DIRECTION,
    }, "") for user in ("''", _USER)),
    *(("call_routes", {
        "call_id": "'c' || {pad}", "tenant": _TENANT, "scope": f"'{scope}'", "name": f"'{name}'",
    }, which) for scope, name, which in (("queue", "sales", _QUEUED), ("ring_group", "night", _GROUPED))),
    *(("legs", {
        "call_id": "'c' || {pad}", "position": str(position), "leg_id": "'l' || {pad}", "side": side,
        "tenant": _TENANT if position == 0 else "NULL", "\"user\"": _USER if position == 0 else "NULL",
        "number": number, "name": name, "trunk": "NULL", "calling": "(1 = 1)", "dialled": "''",
        "address": "NULL", "video": _NO, "recordable": "(1 = 1)", "started_at": "{began}",
        "answered_at": "{began}", "ended_at": "{ended}", "cause": "''", "held": _NO, "bridge_id": "NULL",
        "aliases": "'[]'", "routes": "'[]'", "seat": "''", "announced": "'[]'", "search": search,
        "search_number": searched,
    }, "") for position, side, number, name, search, searched in (
        (0, "'internal'", _USER, "'Anna ' || (n % 997)", _USER + " || '\nanna ' || (n % 997)", _USER),
        (1, "'external'", _NUMBER, "'Customer ' || (n % 49999)",
         _NUMBER + " || '\n' || " + _DIGITS + " || '\ncustomer ' || (n % 49999)", _DIGITS),
    )),
    ("decisions", {
        "call_id": "'c' || {pad}", "position": "0", "at": "{began}", "bridge_id": "'b'", "legs": "'[]'",
        "tenant": _TENANT, "kind": _KIND, "verdict": "'record'", "rule": "'tenant'", "reason": "''",
    }, ""),
    ("recordings", {
        "recording_id": "'r' || {pad}", "call_id": "'c' || {pad}", "position": "0", "switch": "'fs'",
        "tenant": _TENANT, "kind": _KIND, "rule": "'tenant'", "reason": "''",
        "started_at": "{began}", "ended_at": "{ended}", "beeped_at": "NULL",
        "provisional": _NO, "cut_pauses": _NO, "cut_gaps": _NO, "span_ms": _MS, "direction": _DIRECTION,
        "media_state": _STATE, "media_ms": _MS, "media_error": "''", "media_at": "{ended}",
        "size": "44 + 16 * " + _MS,
    }, ""),
    ("files", {
        "recording_id": "'r' || {pad}", "role": "'rendition'", "number": "0",
        "key": "'k/' || {pad} || '.wav'", "format": _FORMAT, "size": "44 + 16 * " + _MS,
        "sha256": "'ab'", "duration_ms": _MS, "channels": "1", "sample_rate": "8000", "repaired": _NO,
        "note": "''", "store": "'home'", "old_store": "''", "sealing": "''", "added_at": "{ended}",
    }, ""),
    ("pauses", {
        "pause_id": "'p' || {pad}", "recording_id": "'r' || {pad}", "position": "0", "kind": "'audio'",
        "asked_at": "{began}", "asked_by": "'x'", "means": "'code'", "masked_at": "{began}",
        "ended_at": "{ended}", "ended_by": "'x'", "ended_means": "'code'", "unmasked_at": "{ended}",
    }, _PAUSED),
    ("recording_tags", {
        "recording_id": "'r' || {pad}", "tag": "'complaint'", "tenant": _TENANT,
        "added_at": "{ended}", "added_by": "'x'",
    }, _TAGGED),
    ("recording_notes", {
        "note_id": "'n' || {pad}", "recording_id": "'r' || {pad}", "tenant": _TENANT, "at": "{ended}",
        "\"by\"": "'x'", "text": "'Refund ' || (n % 9973)", "search": "'refund ' || (n % 9973)",
    }, _NOTED),
    ("transcripts", {
        "recording_id": "'r' || {pad}", "language": "'en'", "engine": "'x'", "source": "'ab'",
        "redaction": "'off'", "spans": "'[]'", "made_at": "{ended}",
    }, _SAID),
    *(("utterances", {
        "recording_id": "'r' || {pad}", "position": str(position), "channel": "0", "speaker": "''",
        "from_ms": "0", "to_ms": "4000",
        "words": "'[[\"word\",0,900,0.9,false],[\"w' || (n % 3001) || '\",900,2000,0.9,false]]'",
        "terms": "{terms}",
    }, _SAID) for position in (0, 1)),
]  # fmt: skip
_TERMS = {"a": "'word'", "b": "'w' || (n % 3001)", "c": "'v' || (n * 7 % 20011)"}


async def fill(database: Database, count: int) -> None:
    """Recordings 1 to ``count``. A bar on the terminal says how far it is."""
    if database.sqlite:
        _fill_sqlite(str(database.engine.url.database), count)
    else:
        await _fill_postgres(database, count)


def _fill_sqlite(file: str, count: int) -> None:
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA cache_size=-400000")
    aside = connection.execute(
        "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
    ).fetchall()
    for kind, name, _ in aside:
        connection.execute(f"DROP {kind} {name}")
    for statements in _statements(_SQLITE, count):
        connection.execute("BEGIN")
        for statement in statements:
            connection.execute(statement)
        connection.execute("COMMIT")
    connection.execute("INSERT INTO party_places (call_id, position) SELECT call_id, position FROM legs")
    connection.execute(
        "INSERT INTO party_terms (rowid, search) SELECT p.number, l.search FROM party_places p "
        "JOIN legs l ON l.call_id = p.call_id AND l.position = p.position"
    )
    connection.execute("INSERT INTO utterance_terms(utterance_terms) VALUES ('rebuild')")
    for kind, _, sql in sorted(aside):
        assert kind in ("index", "trigger")
        connection.execute(sql)
    connection.execute("ANALYZE")
    connection.close()


async def _fill_postgres(database: Database, count: int) -> None:
    async with database.engine.connect() as made:
        connection = await made.execution_options(isolation_level="AUTOCOMMIT")
        # No trigger, and no look whether what is referred to is there.
        await connection.exec_driver_sql("SET session_replication_role = replica")
        await connection.exec_driver_sql("SET synchronous_commit = off")
        await connection.exec_driver_sql("SET maintenance_work_mem = '512MB'")
        found = await connection.exec_driver_sql(
            "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND NOT EXISTS "
            "(SELECT 1 FROM pg_constraint WHERE conname = indexname)"
        )
        aside = [(str(name), str(definition)) for name, definition in map(tuple, found)]
        for name, _ in aside:
            await connection.exec_driver_sql(f"DROP INDEX {name}")
        for statements in _statements(_POSTGRES, count):
            for statement in statements:
                await connection.exec_driver_sql(statement)
        for _, definition in aside:
            await connection.exec_driver_sql(definition)
        await connection.exec_driver_sql("VACUUM ANALYZE")


def _statements(words: _Words, count: int) -> Iterator[list[str]]:
    for start in range(1, count + 1, _AT_ONCE):
        end = min(count, start + _AT_ONCE - 1)
        yield [_insert(words, table, columns, which, start, end, count) for table, columns, which in _ROWS]
        _bar(end / count)


def _insert(
    words: _Words, table: str, columns: dict[str, str], which: str, start: int, end: int, count: int
) -> str:  # fmt: skip
    day = per_day(count)
    second = f"{EPOCH} + n / {day} * 86400 + 25200 + n % {day} * 40320 / {day}"
    began, ended = words.at.format(e=second), words.at.format(e=f"{second} + 600")
    terms = words.terms.format(**_TERMS)
    values = ", ".join(
        v.replace("{pad}", words.pad).replace("{began}", began).replace("{ended}", ended)
        .replace("{terms}", terms) for v in columns.values()
    )  # fmt: skip
    source = words.numbers.format(a=start, b=end)
    where = f" WHERE {which}" if which else ""
    return f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {source}{where}"


def _bar(share: float) -> None:
    if not os.isatty(2):
        return
    done = round(share * 40)
    sys.stderr.write(f"\r[{'#' * done}{'.' * (40 - done)}] {share:4.0%}{'' if share < 1 else chr(10)}")
    sys.stderr.flush()
