"""A catalog with as many recordings as wanted, made by the database itself: a million takes minutes."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from sqlalchemy import text

from controller.catalog import Database

TENANTS, USERS = 20, 50
#: A call every so many seconds, so that a million are a year.
STEP_S = 30
EPOCH = 1_767_225_600  # 2026-01-01
_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class _Words:
    """What the two databases call the same things differently."""

    numbers: str
    at: str
    pad: str


_SQLITE = _Words(
    "(WITH RECURSIVE s(n) AS (SELECT {a} UNION ALL SELECT n + 1 FROM s WHERE n < {b}) SELECT n FROM s) AS s",
    "strftime('%Y-%m-%d %H:%M:%f000', {e}, 'unixepoch')",
    "printf('%09d', n)",
)
_POSTGRES = _Words("generate_series({a}, {b}) AS s(n)", "to_timestamp({e})", "lpad(n::text, 9, '0')")

_TENANT = f"'t' || (n % {TENANTS}) || '.example'"
_USER = f"CAST(1000 + (n / {TENANTS}) % {USERS} AS TEXT)"
_NUMBER = "'+4930' || (10000000 + (n * 7919) % 89999999)"
_DIGITS = "'4930' || (10000000 + (n * 7919) % 89999999)"
_MS = "1000 * (5 + (n * 31) % 900)"
_DIRECTION = "CASE n % 3 WHEN 0 THEN 'inbound' WHEN 1 THEN 'outbound' ELSE 'internal' END"
_STATE = f"CASE (n / {TENANTS}) % 1000 WHEN 7 THEN 'failed' WHEN 8 THEN 'empty' ELSE 'available' END"
_KIND = f"CASE WHEN (n / {TENANTS}) % 200 = 0 THEN 'video' ELSE 'audio' END"
_FORMAT = f"CASE WHEN (n / {TENANTS}) % 100 = 0 THEN 'mp3' ELSE 'wav' END"
_NO, _PAUSED, _TAGGED = "(1 = 0)", f"(n / {TENANTS}) % 10 = 0", f"(n / {TENANTS}) % 50 = 0"

#: Table → (columns → what, which of the numbers).
_ROWS: list[tuple[str, dict[str, str], str]] = [
    ("calls", {
        "call_id": "'c' || {pad}", "switch": "'fs'", "started_at": "{began}", "answered_at": "{began}",
        "ended_at": "{ended}", "talk_ms": _MS, "direction": _DIRECTION, "requested": "'[]'",
        "stopped": "'[]'", "aliases": "'[]'",
    }, ""),
    ("call_views", {
        "call_id": "'c' || {pad}", "tenant": _TENANT, "\"user\"": "''", "started_at": "{began}",
        "direction": _DIRECTION,
    }, ""),
    ("call_views", {
        "call_id": "'c' || {pad}", "tenant": _TENANT, "\"user\"": _USER, "started_at": "{began}",
        "direction": _DIRECTION,
    }, ""),
    ("call_routes", {
        "call_id": "'c' || {pad}", "tenant": _TENANT, "scope": "'queue'", "name": "'sales'",
    }, f"(n / {TENANTS}) % 4 = 0"),
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
        "call_id": "'c' || {pad}", "tenant": _TENANT, "kind": "'audio'", "verdict": "'record'",
        "rule": "'tenant'", "reason": "''",
    }, ""),
    ("recordings", {
        "recording_id": "'r' || {pad}", "call_id": "'c' || {pad}", "position": "0", "switch": "'fs'",
        "tenant": _TENANT, "kind": _KIND, "rule": "'tenant'", "reason": "''",
        "started_at": "{began}", "ended_at": "{ended}", "beeped_at": "NULL",
        "provisional": _NO, "cut_pauses": _NO, "span_ms": _MS, "direction": _DIRECTION,
        "media_state": _STATE,
        "media_ms": _MS, "media_error": "''", "media_at": "{ended}",
    }, ""),
    ("files", {
        "recording_id": "'r' || {pad}", "role": "'rendition'", "number": "0",
        "key": "'k/' || {pad} || '.wav'",
        "format": _FORMAT, "size": "44 + 16 * " + _MS,
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
]  # fmt: skip


async def fill(database: Database, count: int) -> None:
    """Recordings 1 to ``count``. A bar on the terminal says how far it is."""
    words = _SQLITE if database.sqlite else _POSTGRES
    for start in range(1, count + 1, _AT_ONCE):
        end = min(count, start + _AT_ONCE - 1)
        async with database.writing() as connection:
            for table, columns, which in _ROWS:
                await connection.execute(text(_insert(words, table, columns, which, start, end)))
        _bar(end / count)
    async with database.writing() as connection:
        await connection.execute(text("ANALYZE"))


def _insert(words: _Words, table: str, columns: dict[str, str], which: str, start: int, end: int) -> str:
    began = words.at.format(e=f"{EPOCH} + n * {STEP_S}")
    ended = words.at.format(e=f"{EPOCH} + n * {STEP_S} + 600")
    values = ", ".join(v.format(pad=words.pad, began=began, ended=ended) for v in columns.values())
    source = words.numbers.format(a=start, b=end)
    where = f" WHERE {which}" if which else ""
    statement = f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {source}{where}"
    return statement.replace(":", r"\:").replace(r"\:\:", r"\:\:")


def _bar(share: float) -> None:
    if not os.isatty(2):
        return
    done = round(share * 40)
    sys.stderr.write(f"\r[{'#' * done}{'.' * (40 - done)}] {share:4.0%}{'' if share < 1 else chr(10)}")
    sys.stderr.flush()
