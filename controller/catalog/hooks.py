"""Webhooks as the pages and the API read and change them (engine.hooks.HookStore)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import ColumnElement, delete, exists, select, update

from ..engine.hooks import Delivery, DeliveryState, Hook, HookEvent
from ..engine.people import Scope
from . import tables as t
from .gate import Gate
from .writing import OnDatabase, insert, upsert

_h, _d = t.hooks.c, t.hook_deliveries.c
#: What the sender notes; a change of the endpoint leaves it.
_NOTED = {"failures", "failing_since", "resting_until"}
_DELIVERY = [f.name for f in fields(Delivery)]


def hook_of(row: Any) -> Hook:
    values = {f.name: getattr(row, f.name) for f in fields(Hook)}
    return Hook(**{**values, "events": tuple(HookEvent(e) for e in row.events)})


def delivery_of(row: Any) -> Delivery:
    values = {name: getattr(row, name) for name in _DELIVERY}
    return Delivery(**{**values, "event": HookEvent(row.event), "state": DeliveryState(row.state)})


def _managed(scope: Scope) -> ColumnElement[bool]:
    """A tenant's administrators see the tenant's own, the system's see all."""
    return Gate(scope).administered(_h.tenant)


class Hooks(OnDatabase):
    async def hooks(self, scope: Scope) -> list[Hook]:
        query = select(t.hooks).where(_managed(scope)).order_by(_h.tenant, _h.created_at, _h.hook_id)
        async with self._database.reading() as connection:
            return [hook_of(row) for row in await connection.execute(query)]

    async def hook(self, scope: Scope, hook_id: str) -> Hook | None:
        query = select(t.hooks).where(_managed(scope), _h.hook_id == hook_id)
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
        return None if row is None else hook_of(row)

    async def set_hook(self, hook: Hook) -> None:
        row = {f.name: getattr(hook, f.name) for f in fields(Hook)}
        row["events"] = [str(e) for e in HookEvent if e in hook.events]
        async with self._database.writing() as connection:
            await upsert(connection, t.hooks, [row], keep=_NOTED)
            # Changed by hand: whatever it was resting for may be over.
            await connection.execute(
                update(t.hooks).where(_h.hook_id == hook.hook_id).values(resting_until=None)
            )

    async def remove_hook(self, scope: Scope, hook_id: str) -> bool:
        async with self._database.writing() as connection:
            gone = await connection.execute(delete(t.hooks).where(_managed(scope), _h.hook_id == hook_id))
            return gone.rowcount > 0

    async def hook_test(self, hook: Hook, message_id: str) -> int:
        row = {
            "message_id": message_id, "hook_id": hook.hook_id, "event": str(HookEvent.TEST),
            "recording_id": "", "tenant": hook.tenant, "at": self._now(), "detail": "",
            "state": str(DeliveryState.WAITING), "tries": 0, "lease": "", "status": 0, "response": "",
            "error": "", "took_ms": 0,
        }  # fmt: skip
        async with self._database.writing() as connection:
            await connection.execute(
                update(t.hooks).where(_h.hook_id == hook.hook_id).values(resting_until=None)
            )
            made = await connection.execute(
                insert(connection, t.hook_deliveries).values(row).returning(_d.number)
            )
            return int(made.scalar_one())

    async def deliveries(
        self, scope: Scope, hook_id: str, *, state: DeliveryState | None = None, limit: int = 50,
        before: int | None = None,
    ) -> list[Delivery]:  # fmt: skip
        query = (
            select(*(_d[name] for name in _DELIVERY))
            .where(_d.hook_id == hook_id, _seen(scope, hook_id))
            .order_by(_d.number.desc())
            .limit(max(0, limit))
        )
        if state is not None:
            query = query.where(_d.state == str(state))
        if before is not None:
            query = query.where(_d.number < before)
        async with self._database.reading() as connection:
            return [delivery_of(row) for row in await connection.execute(query)]

    async def replay(self, scope: Scope, hook_id: str, numbers: Sequence[int] | None) -> int:
        settled = [str(DeliveryState.DEAD)] if numbers is None else [s.value for s in DeliveryState]
        change = update(t.hook_deliveries).where(
            _d.hook_id == hook_id, _seen(scope, hook_id), _d.state.in_(settled)
        )
        if numbers is not None:
            change = change.where(_d.number.in_(numbers))
        async with self._database.writing() as connection:
            # One that is being sent keeps its lease: it ends, and then goes again.
            done = await connection.execute(
                change.values(state=str(DeliveryState.WAITING), tries=0, next_at=None, first_at=None)
            )
            await connection.execute(
                update(t.hooks).where(_h.hook_id == hook_id, _managed(scope)).values(resting_until=None)
            )
            return done.rowcount


def _seen(scope: Scope, hook_id: str) -> ColumnElement[bool]:
    return exists().where(_h.hook_id == hook_id, _managed(scope))
