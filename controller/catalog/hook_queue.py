"""Webhooks as the sender works on them (engine.hooks.HookQueue): claimed by a lease, sent, noted.

A lease that nobody ends (the process died) runs out, and somebody else sends it again: at least once, with
the same message id.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..engine.hooks import DeliveryState, DueDelivery, Hook, HookEvent, Outcome, recording_data, stamp
from ..engine.people import Scope
from . import tables as t
from .gate import Gate
from .hooks import delivery_of, hook_of
from .presenting import recording_rows
from .writing import OnDatabase

_h, _d = t.hooks.c, t.hook_deliveries.c
_WAITING = _d.state == str(DeliveryState.WAITING)


def _due(now: datetime) -> ColumnElement[bool]:
    return and_(
        _WAITING,
        or_(_d.next_at.is_(None), _d.next_at <= now),
        or_(_d.leased_until.is_(None), _d.leased_until <= now),
    )


class HookQueueRows(OnDatabase):
    async def claim_deliveries(
        self, now: datetime, lease_until: datetime, lease: str, most: int
    ) -> list[DueDelivery]:
        hooks = (
            select(t.hooks)
            .where(
                _h.enabled.is_(True),
                or_(_h.resting_until.is_(None), _h.resting_until <= now),
                select(_d.number).where(_d.hook_id == _h.hook_id, _due(now)).exists(),
            )
            .order_by(_h.hook_id)
        )
        async with self._database.reading() as connection:
            # Most of the time there is nothing: that takes no lock.
            if (await connection.execute(hooks.limit(1))).first() is None:
                return []
        found: list[DueDelivery] = []
        async with self._database.writing() as connection:
            rows = (await connection.execute(hooks.with_for_update(skip_locked=True))).all()
            for row in rows:
                found += await _claim_of(connection, hook_of(row), now, lease_until, lease, most - len(found))
        return found

    async def finish_delivery(self, due: DueDelivery, outcome: Outcome) -> bool:
        number, hook = due.delivery.number, due.hook
        values: dict[str, Any] = {
            "state": str(outcome.state), "next_at": outcome.next_at, "last_at": outcome.at,
            "leased_until": None, "lease": "", "status": outcome.status, "response": outcome.response,
            "error": outcome.error, "took_ms": outcome.took_ms,
        }  # fmt: skip
        async with self._database.writing() as connection:
            done = await connection.execute(
                update(t.hook_deliveries).where(_d.number == number, _d.lease == due.lease).values(**values)
            )
            if not done.rowcount:
                return False
            change = update(t.hooks).where(_h.hook_id == hook.hook_id)
            if outcome.state is DeliveryState.DELIVERED:
                change = change.where(_h.failures > 0).values(
                    failures=0, failing_since=None, resting_until=None
                )
            else:
                noted: dict[str, Any] = {
                    "failures": _h.failures + 1, "resting_until": outcome.resting_until,
                    "failing_since": func.coalesce(_h.failing_since, outcome.at),
                }  # fmt: skip
                if outcome.off_why:
                    noted |= {"enabled": False, "off_why": outcome.off_why}
                change = change.values(**noted)
            await connection.execute(change)
            return True

    async def forget_deliveries(self, before: datetime) -> int:
        d = t.hook_deliveries
        async with self._database.writing() as connection:
            gone = await connection.execute(
                delete(d).where(_d.state != str(DeliveryState.WAITING), _d.last_at < before)
            )
            return gone.rowcount

    async def hook_backlog(self) -> dict[str, int]:
        query = select(_d.state, func.count()).group_by(_d.state)
        async with self._database.reading() as connection:
            counted = {row[0]: int(row[1]) for row in await connection.execute(query)}
        return {state.value: counted.get(state.value, 0) for state in DeliveryState}


async def _claim_of(
    connection: AsyncConnection, hook: Hook, now: datetime, until: datetime, lease: str, most: int
) -> list[DueDelivery]:
    """As many as the endpoint may have at once; of one that fails one at a time."""
    busy = await connection.execute(
        select(func.count()).where(_d.hook_id == hook.hook_id, _WAITING, _d.leased_until > now)
    )
    room = (1 if hook.failures else hook.parallel) - int(busy.scalar_one())
    if min(room, most) <= 0:
        return []
    query = (
        select(t.hook_deliveries)
        .where(_d.hook_id == hook.hook_id, _due(now))
        .order_by(_d.number)
        .limit(min(room, most))
    )
    rows = (await connection.execute(query)).all()
    await connection.execute(
        update(t.hook_deliveries)
        .where(_d.number.in_([row.number for row in rows]))
        .values(leased_until=until, lease=lease, tries=_d.tries + 1, first_at=func.coalesce(_d.first_at, now))
    )
    found = []
    for row in rows:
        values = {**row._mapping, "tries": row.tries + 1, "first_at": row.first_at or now}
        delivery = delivery_of(_Values(values))
        found.append(DueDelivery(delivery, hook, await _data(connection, row), lease))
    return found


class _Values:
    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)


async def _data(connection: AsyncConnection, row: Any) -> dict[str, Any]:
    """The payload's ``data``: the recording as it is now, and what the event is about."""
    event = HookEvent(row.event)
    if event is HookEvent.TEST:
        return {"message": "This is a test. It is about no recording."}
    r = t.recordings
    found = (await connection.execute(select(r).where(r.c.recording_id == row.recording_id))).all()
    # What an account would see that reaches the whole tenant and nothing else.
    shown = await recording_rows(connection, Gate(Scope(row.tenant)), found) if row.tenant else []
    data: dict[str, Any] = {
        "recording": recording_data(shown[0]) if shown else {"recording_id": row.recording_id}
    }
    if event in (HookEvent.PAUSED, HookEvent.RESUMED):
        data["pause"] = await _pause(connection, row.detail)
    elif event is HookEvent.ACCESSED:
        data["access"] = await _access(connection, row.detail)
    elif event is HookEvent.DELETED:
        data["how"] = row.detail
    elif event is HookEvent.FAILED:
        data["why"] = row.detail
    return data


async def _pause(connection: AsyncConnection, pause_id: str) -> dict[str, Any] | None:
    row = (await connection.execute(select(t.pauses).where(t.pauses.c.pause_id == pause_id))).one_or_none()
    if row is None:
        return None
    times = ("asked_at", "masked_at", "ended_at", "unmasked_at")
    return {
        "pause_id": row.pause_id, "kind": row.kind, "asked_by": row.asked_by, "means": row.means,
        "ended_by": row.ended_by, "ended_means": row.ended_means,
        **{name: stamp(at) if (at := getattr(row, name)) else None for name in times},
    }  # fmt: skip


async def _access(connection: AsyncConnection, number: str) -> dict[str, Any] | None:
    row = (await connection.execute(select(t.audit).where(t.audit.c.number == int(number)))).one_or_none()
    if row is None:
        return None
    return {"action": row.action, "account": row.account, "detail": row.detail, "address": row.address}
