"""The audit as CSV or as JSON lines, streamed in pages, so that no length is too much."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import asdict
from enum import StrEnum

from ..engine.reading import AuditEntry, AuditFilter, Scope
from .services import Services

PAGE = 1000
COLUMNS = ("at", "account", "tenant", "action", "subject", "detail", "address")


class Format(StrEnum):
    CSV = "csv"
    JSON_LINES = "jsonl"


MEDIA_TYPES = {Format.CSV: "text/csv; charset=utf-8", Format.JSON_LINES: "application/x-ndjson"}


async def lines(parts: Services, scope: Scope, where: AuditFilter, format: Format) -> AsyncIterator[str]:
    """The newest first; the whole of it, as it was when it began."""
    if format is Format.CSV:
        yield _row(("number", *COLUMNS))
    before: int | None = None
    while found := await parts.accounts.audit_page(scope, where, limit=PAGE, before=before):
        for number, entry in found:
            yield _json(number, entry) if format is Format.JSON_LINES else _csv(number, entry)
        before = found[-1][0]


def _json(number: int, entry: AuditEntry) -> str:
    body = {"number": number, **asdict(entry), "at": entry.at.isoformat()}
    return json.dumps(body, ensure_ascii=False) + "\n"


def _csv(number: int, entry: AuditEntry) -> str:
    values = (number, entry.at.isoformat(), *(getattr(entry, name) or "" for name in COLUMNS[1:]))
    return _row([str(value) for value in values])


def _row(values: tuple[str, ...] | list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([harmless(value) for value in values])
    return out.getvalue()


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection): what begins with one of
    = + - @, a tab or a line end gets an apostrophe in front."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r", "\n") else text
