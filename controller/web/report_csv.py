"""A report as CSV, line by line; no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import fields

from ..engine.reports import Grouping, ReportRow, Sums
from .audit_export import harmless

MEDIA_TYPE = "text/csv; charset=utf-8"
_SUMS = [f.name for f in fields(Sums)]


def lines(by: Grouping, rows: Iterable[ReportRow]) -> Iterator[str]:
    yield _line(["tenant", "scope", str(by), *_SUMS])
    for row in rows:
        yield _line([row.tenant, row.scope, row.key, *(str(getattr(row.sums, name)) for name in _SUMS)])


def _line(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([harmless(cell) for cell in cells])
    return out.getvalue()
