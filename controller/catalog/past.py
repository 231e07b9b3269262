"""The calls of the last days as a forecast needs them (engine.forecasting.PastReader)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import select

from ..core.parties import Party, Side
from ..engine.forecasting import PastCall, PastCalls, PastLeg
from ..engine.people import Scope
from . import tables as t
from .gate import Gate
from .presenting import by_call, legs_of
from .rebuilding import routes_of
from .writing import OnDatabase, chunks


class PastRows(OnDatabase):
    """A part of engine.forecasting.PastReader."""

    async def past_calls(self, scope: Scope, since: datetime, until: datetime, most: int) -> PastCalls:
        gate = Gate(scope)
        seen = gate.calls()
        query = (
            select(seen.call_id, seen.started_at)
            .select_from(seen.source)
            .where(
                seen.condition, seen.started_at >= since, seen.started_at <= until,
                t.calls.c.answered_at.is_not(None),
            )
            .order_by(seen.started_at.desc(), seen.call_id.desc())
            .limit(most + 1)
        )  # fmt: skip
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            legs: dict[str, list[Any]] = {}
            for some in chunks([row.call_id for row in rows[:most]]):
                legs |= by_call(await legs_of(connection, some))
        calls = tuple(_call(row, legs.get(row.call_id, [])) for row in rows[:most])
        return PastCalls(calls, since, until, len(rows) <= most)


def _call(row: Any, legs: list[Any]) -> PastCall:
    talked = tuple(
        PastLeg(
            Party(Side(x.side), x.tenant, x.user, x.number, x.name, x.trunk), x.calling, routes_of(x),
            x.answered_at, x.recordable,
        )
        for x in legs
        if x.answered_at is not None
    )  # fmt: skip
    return PastCall(row.call_id, row.started_at, talked, any(x.video for x in legs))
