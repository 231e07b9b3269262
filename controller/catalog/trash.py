"""The trash: recordings that are hidden, whole, and can be restored until their time is over."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.retention import Hold, covering, minimum_of
from ..engine.erasing import DeletionState, Trashed
from ..engine.media_ports import MediaState
from ..engine.people import Scope
from ..engine.reading import Page, RecordingRow
from . import paging
from . import tables as t
from .erasing import note_line
from .gate import Gate
from .kept_rows import holds_of, kept_of, lock_tenant, rules_of
from .policy_rows import options_of
from .presenting import recording_rows
from .writing import OnDatabase, insert

_S = DeletionState
_d, _r = t.deletions.c, t.recordings.c

#: At rest: nothing works on it.
_SETTLED = [str(s) for s in (MediaState.AVAILABLE, MediaState.EMPTY, MediaState.FAILED, MediaState.DISCARDED)]
_AT_ONCE = 200
#: The engine may write a call again so long after its end.
_SAVED = timedelta(seconds=30)
#: How a refusal because of a legal hold begins.
HELD = "kept by the legal hold "


class TrashRows(OnDatabase):
    """engine.erasing.TrashStore."""

    async def trash(
        self, scope: Scope, ids: Sequence[str], by: str, why: str, address: str = "", *, keep: bool = True
    ) -> Trashed:
        """Put these into the trash of their tenants. ``keep``: what a rule's minimum keeps is refused."""
        return await self._delete(scope, ids, by, why, address, keep=keep)

    async def erase_soon(
        self, scope: Scope, ids: Sequence[str], by: str, why: str, person: str, address: str = "",
        *, keep: bool = True,
    ) -> Trashed:  # fmt: skip
        """The same without a time in the trash, and names and numbers go with it. Also of what lies in
        the trash already."""
        return await self._delete(scope, ids, by, why, address, keep=keep, person=person, erasure=True)

    async def _delete(
        self, scope: Scope, ids: Sequence[str], by: str, why: str, address: str,
        *, keep: bool, person: str = "", erasure: bool = False,
    ) -> Trashed:  # fmt: skip
        result = Trashed()
        for start in range(0, len(ids), _AT_ONCE):
            some = list(dict.fromkeys(ids[start : start + _AT_ONCE]))
            async with self._database.writing() as connection:
                query = select(t.recordings, t.calls.c.ended_at.label("call_ended_at")).join(
                    t.calls, t.calls.c.call_id == _r.call_id
                )
                query = query.where(_r.recording_id.in_(some), Gate(scope).recordings())
                rows = {row.recording_id: row for row in await connection.execute(query)}
                for tenant in sorted({row.tenant for row in rows.values()}):
                    await lock_tenant(connection, tenant)
                refused = await refusals(connection, list(rows.values()), self._now(), keep, erasure)
                result.refused |= {i: "there is no such recording" for i in some if i not in rows} | refused
                mine = [row for i, row in rows.items() if i not in refused]
                await self._put(connection, mine, by, why[:1000], address, person, erasure)
                result.done += [row.recording_id for row in mine]
        return result

    async def _put(
        self, connection: AsyncConnection, rows: Sequence[Any], by: str, why: str, address: str,
        person: str, erasure: bool,
    ) -> None:  # fmt: skip
        now = self._now()
        spans = {
            tenant: timedelta(0 if erasure else options_of(tenant, options).trash_days)
            for tenant, options in await connection.execute(
                select(t.tenants.c.tenant, t.tenants.c.options).where(
                    t.tenants.c.tenant.in_({row.tenant for row in rows})
                )
            )
        }
        for row in rows:
            purge_at = now + spans.get(row.tenant, timedelta(0 if erasure else 30))
            await connection.execute(
                update(t.recordings).where(_r.recording_id == row.recording_id).values(deleted_at=now)
            )
            # An erasure takes over what lies in the trash.
            await connection.execute(delete(t.deletions).where(_d.recording_id == row.recording_id))
            values = {
                "recording_id": row.recording_id, "tenant": row.tenant, "deleted_at": now, "deleted_by": by,
                "why": why, "purge_at": purge_at, "state": str(_S.TRASH), "error": "", "tried_at": None,
                "erasure": erasure, "person": person,
            }  # fmt: skip
            await connection.execute(insert(connection, t.deletions).values(values))
            await note_line(
                connection, now, by, row.tenant, "trash recording", row.recording_id, why, address
            )

    async def restore(self, scope: Scope, recording_id: str, by: str, address: str = "") -> bool:
        """False if it is not in the trash of this scope, or its time is over."""
        now = self._now()
        async with self._database.writing() as connection:
            row = await self._in_trash(connection, scope, recording_id)
            if row is None or row.purge_at <= now or row.erasure:
                return False
            await connection.execute(delete(t.deletions).where(_d.recording_id == recording_id))
            # By its time it is sealed anew, after the entry that told of its deletion.
            values = {"deleted_at": None, "media_at": now}
            await connection.execute(
                update(t.recordings).where(_r.recording_id == recording_id).values(values)
            )
            await note_line(
                connection, now, by, row.tenant, "restore recording", recording_id, "from the trash", address
            )
            return True

    async def purge_now(self, scope: Scope, recording_id: str, by: str, address: str = "") -> str:
        """End its time in the trash; "" or why not."""
        now = self._now()
        async with self._database.writing() as connection:
            row = await self._in_trash(connection, scope, recording_id)
            if row is None:
                return "it is not in the trash"
            await lock_tenant(connection, row.tenant)
            query = select(t.recordings).where(_r.recording_id == recording_id)
            (kept,) = await kept_of(connection, (await connection.execute(query)).all(), now)
            if over := covering(kept, await holds_of(connection, [row.tenant])):
                return held_words(over)
            change = update(t.deletions).where(_d.recording_id == recording_id)
            await connection.execute(change.values(purge_at=min(row.purge_at, row.deleted_at, now)))
            await note_line(
                connection, now, by, row.tenant, "trash recording", recording_id, "emptied by hand", address
            )
            return ""

    async def _in_trash(self, connection: AsyncConnection, scope: Scope, recording_id: str) -> Any:
        query = (
            select(t.deletions)
            .join(t.recordings, _r.recording_id == _d.recording_id)
            .where(
                _d.recording_id == recording_id, _d.state == str(_S.TRASH), Gate(scope).recordings(),
                Gate(scope).administered(_d.tenant),
            )
            .with_for_update(of=t.deletions)
        )  # fmt: skip
        return (await connection.execute(query)).first()

    async def trash_page(
        self, scope: Scope, *, limit: int = 50, before: str | None = None
    ) -> Page[RecordingRow]:
        """What is deleted and not purged yet, the latest first. Administrators only."""
        gate, limit = Gate(scope), paging.clamped(limit)
        query = (
            select(t.recordings)
            .join(t.deletions, _d.recording_id == _r.recording_id)
            .where(gate.administered(_d.tenant), _d.state.in_([str(_S.TRASH), str(_S.PURGING)]))
        )
        if before is not None:
            query = query.where(paging.after(_d.deleted_at, _d.recording_id, before))
        query = query.order_by(_d.deleted_at.desc(), _d.recording_id.desc()).limit(limit + 1)
        async with self._database.reading() as connection:
            rows, more = paging.cut((await connection.execute(query)).all(), limit)
            items = await recording_rows(connection, gate, rows)
        last = rows[-1] if more else None
        return Page(tuple(items), last and paging.encode(last.deleted_at, last.recording_id))


async def refusals(
    connection: AsyncConnection, rows: Sequence[Any], now: datetime, keep: bool, erasure: bool
) -> dict[str, str]:
    """Why these may not be deleted: by id, those that may are not in it. Rows of `recordings`, each with
    its call's end as ``call_ended_at``."""
    tenants = {row.tenant for row in rows}
    holds, rules = await holds_of(connection, tenants), await rules_of(connection, tenants)
    refused: dict[str, str] = {}
    for row, kept in zip(rows, await kept_of(connection, rows, now), strict=True):
        if row.media_state == MediaState.ERASED:
            refused[row.recording_id] = "it is deleted already"
        elif row.deleted_at is not None and not erasure:
            refused[row.recording_id] = "it is in the trash already"
        elif row.ended_at is None or row.call_ended_at is None or now - row.call_ended_at < _SAVED:
            refused[row.recording_id] = "its call goes on, or was over just now"
        elif row.media_state == MediaState.WITHHELD:
            refused[row.recording_id] = "nothing but a legal hold keeps it; it is destroyed when that ends"
        elif row.media_state not in _SETTLED:
            refused[row.recording_id] = "its files are being worked on; try again in a minute"
        elif over := covering(kept, holds):
            refused[row.recording_id] = held_words(over)
        elif keep and (least := minimum_of(kept, rules)):
            until = kept.ended_at + timedelta(days=least.keep_days)
            if least.keep_forever:
                refused[row.recording_id] = f"{least.subject} keeps it for ever"
            elif now < until:
                refused[row.recording_id] = f"{least.subject} keeps it until {until:%Y-%m-%d %H:%M} UTC"
    return refused


def held_words(holds: Sequence[Hold]) -> str:
    return HELD + ", ".join(f"“{hold.name}”" for hold in holds)
