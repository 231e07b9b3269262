"""Legal holds: put, extended, lifted, each change in the audit and by it in the chain (engine.retention)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.errors import InvalidPolicy, TapelineError
from ..engine.erasing import DeletionState
from ..engine.media_ports import DESTROYING, MediaState
from ..engine.people import Scope
from ..engine.retention import HoldRow
from . import tables as t
from .erasing import note_line
from .gate import Gate
from .kept_rows import lock_tenant
from .writing import OnDatabase, add_missing, insert

_h, _n, _r, _d = t.legal_holds.c, t.held_recordings.c, t.recordings.c, t.deletions.c
_LONGEST = 200


class UnknownHold(TapelineError):
    """There is no such legal hold, or it was lifted."""


class Holding(OnDatabase):
    """A part of engine.retention.RetentionStore."""

    async def holds(self, scope: Scope, *, lifted: bool = False) -> list[HoldRow]:
        counted = (
            select(func.count()).where(_n.hold_id == _h.hold_id).correlate(t.legal_holds).scalar_subquery()
        )
        query = select(t.legal_holds, counted).where(Gate(scope).administered(_h.tenant))
        if not lifted:
            query = query.where(_h.lifted_at.is_(None))
        async with self._database.reading() as connection:
            rows = await connection.execute(query.order_by(_h.created_at.desc(), _h.hold_id))
            return [HoldRow(*row) for row in rows]

    async def put_hold(self, hold: HoldRow, address: str = "") -> None:
        """Raises InvalidPolicy."""
        _checked(hold)
        row = {k: v for k, v in asdict(hold).items() if k != "recordings"}
        async with self._database.writing() as connection:
            # Behind this lock no purge begins that does not see the hold.
            await lock_tenant(connection, hold.tenant)
            await connection.execute(insert(connection, t.legal_holds).values(row))
            await self._hold_line(connection, hold, hold.created_by, f"put: {hold.reason}", address)

    async def lift_hold(self, scope: Scope, hold_id: str, by: str, why: str, address: str = "") -> bool:
        """Raises InvalidPolicy without a reason."""
        if not why.strip():
            raise InvalidPolicy("why: say why the legal hold is lifted")
        async with self._database.writing() as connection:
            hold = await self._hold(connection, scope, hold_id)
            if hold is None:
                return False
            values = {"lifted_at": self._now(), "lifted_by": by, "lifted_why": why[:1000]}
            await connection.execute(update(t.legal_holds).where(_h.hold_id == hold_id).values(values))
            await self._hold_line(connection, hold, by, f"lifted: {why}", address)
            return True

    async def hold_recordings(
        self, scope: Scope, hold_id: str, ids: Sequence[str], by: str, address: str = ""
    ) -> dict[str, str]:
        refused: dict[str, str] = {}
        async with self._database.writing() as connection:
            hold = await self._hold(connection, scope, hold_id)
            if hold is None:
                raise UnknownHold("there is no such legal hold in force")
            await lock_tenant(connection, hold.tenant)
            query = (
                select(_r.recording_id, _d.state, _r.media_state, _r.media_error)
                .join(t.deletions, _d.recording_id == _r.recording_id, isouter=True)
                .where(_r.recording_id.in_(ids), _r.tenant == hold.tenant, Gate(scope).recordings())
            )
            there = {row.recording_id: row for row in await connection.execute(query)}
            for recording_id in dict.fromkeys(ids):
                if recording_id not in there:
                    refused[recording_id] = "there is no such recording"
                elif _gone(there[recording_id]):
                    refused[recording_id] = "its files are gone, or going"
                else:
                    row = {
                        "hold_id": hold_id, "recording_id": recording_id, "added_at": self._now(),
                        "added_by": by,
                    }  # fmt: skip
                    await add_missing(connection, t.held_recordings, [row])
                    detail = f"under the legal hold “{hold.name}”: {hold.reason}"
                    await note_line(
                        connection, self._now(), by, hold.tenant, "legal hold", recording_id, detail, address
                    )
        return refused

    async def unhold_recording(
        self, scope: Scope, hold_id: str, recording_id: str, by: str, address: str = ""
    ) -> bool:
        async with self._database.writing() as connection:
            hold = await self._hold(connection, scope, hold_id)
            if hold is None:
                return False
            gone = await connection.execute(
                delete(t.held_recordings).where(_n.hold_id == hold_id, _n.recording_id == recording_id)
            )
            if gone.rowcount == 0:
                return False
            detail = f"no longer under the legal hold “{hold.name}”"
            await note_line(
                connection, self._now(), by, hold.tenant, "legal hold", recording_id, detail, address
            )
            return True

    async def _hold(self, connection: AsyncConnection, scope: Scope, hold_id: str) -> Any:
        query = select(t.legal_holds).where(
            _h.hold_id == hold_id, _h.lifted_at.is_(None), Gate(scope).administered(_h.tenant)
        )
        return (await connection.execute(query.with_for_update())).first()

    async def _hold_line(
        self, connection: AsyncConnection, hold: Any, by: str, detail: str, address: str
    ) -> None:  # fmt: skip
        row = {
            "at": self._now(), "account": by, "tenant": hold.tenant, "action": "legal hold",
            "subject": f"legal hold {hold.name}"[:300], "detail": detail[:1000], "address": address,
        }  # fmt: skip
        await connection.execute(t.audit.insert().values(row))


def _gone(row: Any) -> bool:
    """Whether there is nothing, or soon nothing, that a hold could keep."""
    destroyed = row.media_state == MediaState.DISCARDED or row.media_error == DESTROYING
    return destroyed or row.state not in (None, DeletionState.TRASH)


def _checked(hold: HoldRow) -> None:
    for key, text, least in (("name", hold.name, 1), ("reason", hold.reason, 1), ("person", hold.person, 0)):
        most = _LONGEST if key != "reason" else 1000
        if not least <= len(text.strip()) <= most or any(not c.isprintable() for c in text):
            raise InvalidPolicy(f"{key}: {least} to {most} characters without line ends")
    if hold.since and hold.until and hold.since >= hold.until:
        raise InvalidPolicy("until: it ends before it begins")
