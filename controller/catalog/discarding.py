"""Whether a recording that nobody started, or that was forbidden, may be destroyed (docs/decisions/0022)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import select, update

from ..core.policy import is_forbidden
from ..core.retention import Hold, covering
from ..engine.media_ports import DESTROYING, MayDiscard, MediaState
from . import tables as t
from .erasing import note_line
from .kept_rows import holds_of, kept_of, lock_tenant
from .writing import OnDatabase

_r = t.recordings.c
#: Who did it, in the audit.
_ACCOUNT = "tapeline"


class Discarding(OnDatabase):
    """A part of engine.media_ports.MediaCatalog."""

    async def may_discard(self, recording_id: str) -> MayDiscard:
        async with self._database.writing() as connection:
            tenant = (
                await connection.execute(select(_r.tenant).where(_r.recording_id == recording_id))
            ).scalar()
            # Behind this lock nothing is destroyed that a hold put before covers.
            await lock_tenant(connection, tenant or "")
            query = select(t.recordings).where(
                _r.recording_id == recording_id, _r.ended_at.is_not(None), _r.provisional.is_(True),
                _r.media_state.not_in([str(MediaState.AVAILABLE), str(MediaState.WITHHELD)]),
            )  # fmt: skip
            row = (await connection.execute(query.with_for_update())).first()
            if row is None:
                return MayDiscard.KEPT
            if row.media_error == DESTROYING:
                return MayDiscard.YES  # it was begun; what is half gone is no evidence of anything
            (kept,) = await kept_of(connection, [row], self._now())
            over = covering(kept, await holds_of(connection, [row.tenant]))
            if over and not is_forbidden(row.rule):
                return MayDiscard.HELD
            if over:
                await self._overruled(connection, row, over)
            begun = update(t.recordings).where(_r.recording_id == recording_id)
            await connection.execute(begun.values(media_error=DESTROYING))
            return MayDiscard.YES

    async def _overruled(self, connection: Any, row: Any, over: Sequence[Hold]) -> None:
        names = ", ".join(f"“{hold.name}”" for hold in over)
        why = f"{row.reason} ({row.rule}); the legal hold {names} keeps nothing that was forbidden"
        await note_line(
            connection, self._now(), _ACCOUNT, row.tenant, "discard forbidden", row.recording_id, why
        )  # fmt: skip

    async def release_withheld(self) -> list[str]:
        """Make due again what nothing but a legal hold kept and none covers any more; their ids."""
        query = select(_r.tenant).where(_r.media_state == str(MediaState.WITHHELD)).distinct()
        async with self._database.reading() as connection:
            tenants = list((await connection.execute(query)).scalars())
        released: list[str] = []
        for tenant in sorted(tenants):
            async with self._database.writing() as connection:
                await lock_tenant(connection, tenant)
                withheld = select(t.recordings).where(
                    _r.tenant == tenant, _r.media_state == str(MediaState.WITHHELD)
                )
                rows = (await connection.execute(withheld)).all()
                holds = await holds_of(connection, [tenant])
                kept = await kept_of(connection, rows, self._now())
                going = [k.recording_id for k in kept if not covering(k, holds)]
                for recording_id in going:
                    change = update(t.recordings).where(_r.recording_id == recording_id)
                    state, why = str(MediaState.SPOOLED), "no legal hold keeps it any more"
                    await connection.execute(
                        change.values(media_state=state, media_at=self._now(), media_error=why)
                    )
                released += going
        return released
