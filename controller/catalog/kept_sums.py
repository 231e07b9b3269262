"""Which of the kept sums answer a report."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Select, select, true, union_all

from ..engine.reading import Scope
from ..engine.reports import Grouping
from . import tables as t
from .columns import name_key
from .counting import ALL, FILES, QUEUES, SUMS, TENANT, USER, together
from .kept_spans import Plan

_s = t.report_sums.c
_Key = Callable[[ColumnElement[int]], ColumnElement[Any]]


@dataclass(frozen=True, slots=True)
class Which:
    """``parts`` of `report_sums`, whose, and by which of its columns (``slot_key``: by the time)."""

    parts: tuple[str, ...]
    tenant: str | None
    name: str | None = None
    keys: tuple[ColumnElement[Any], ...] = ()
    slot_key: _Key | None = None

    @property
    def days(self) -> bool:
        """Whether a whole UTC day's sums will do."""
        return self.slot_key is None

    def by(self, key: _Key) -> Which:
        return replace(self, slot_key=key)


def totals(scope: Scope) -> Which | None:
    """None: nothing is kept for such a scope."""
    if scope == Scope(None):
        return Which((ALL,), "")
    # A team's report counts a call once, though it is several users'; who makes no sense sees nothing.
    if scope.team is not None or not scope.tenant or scope.user == "":
        return None
    if scope.user is not None:
        return Which((USER,), name_key(scope.tenant), name_key(scope.user))
    return Which((TENANT,), name_key(scope.tenant))


def grouped(scope: Scope, by: Grouping) -> Which | None:
    which = totals(scope)
    if which is None:
        return None
    tenant = None if scope.tenant is None else which.tenant
    if by is Grouping.TENANT:
        part = which.parts if scope.tenant is not None else (TENANT,)
        return Which(part, tenant, which.name, (_s.tenant,))
    if by is Grouping.USER:
        return Which((USER,), tenant, which.name, (_s.tenant, _s.name))
    # A user's own calls through a queue are not kept apart from the others'.
    return None if scope.user is not None else Which(QUEUES, tenant, None, (_s.tenant, _s.part, _s.name))


def files(scope: Scope) -> Which | None:
    which = totals(scope)
    if which is None or scope.user is not None:
        return None
    return Which((FILES,), None if scope.tenant is None else which.tenant)


def kept_query(plan: Plan, which: Which) -> Select[Any]:
    """As `counting.counted` answers, out of the kept sums."""
    every = union_all(*(_span(which, *span) for span in plan.kept)).subquery("every")
    return together(every, len(which.keys) + (which.slot_key is not None))


def _part(which: Which) -> ColumnElement[bool]:
    """As an equation where it can be one: SQLite then goes by the table's key."""
    return _s.part == which.parts[0] if len(which.parts) == 1 else _s.part.in_(which.parts)


def _span(which: Which, span_s: int, first: int, end: int) -> Select[Any]:
    keys = which.keys if which.slot_key is None else (which.slot_key(_s.slot), *which.keys)
    # Named one by one, so that the table's key leads to each tenant's period.
    whose = _s.tenant.in_(select(t.tenants.c.tenant)) if which.tenant is None else _s.tenant == which.tenant
    return select(
        *(key.label(f"k{n}") for n, key in enumerate(keys)), *(_s[name] for name in SUMS)
    ).where(
        _s.span_s == span_s, _part(which), whose, _s.slot >= first, _s.slot < end,
        true() if which.name is None else _s.name == which.name,
    )  # fmt: skip
