"""The end of a recording's content in the catalog: the one place that knows every table that has some.

Whoever keeps something of what was said or done in a recording in a table of its own adds it to `CONTENT`;
whoever keeps it in files adds it to media/erasing.py.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Table, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.retention import covering
from ..engine.chain import audit_source
from ..engine.erasing import DeletionState, Doomed
from ..engine.media_ports import MediaState
from . import tables as t
from .kept_rows import holds_of, kept_of, lock_tenant
from .media_rows import stored_file
from .sealed_rows import shred
from .stripping import strip_names
from .writing import OnDatabase, chunks

#: Every table with rows of a recording's content, by its column ``recording_id``: removed by a purge.
#: The wrapped keys of encrypted files are in `files`.
CONTENT: tuple[Table, ...] = (t.files, t.tags, t.notes, t.utterances, t.transcripts, t.chosen_spans)

#: What the audit, and by it the chain, says of the end. Both words are a deletion's (proof/facts.py).
PURGED, ERASED = "purge recording", "erase recording"
#: How the trace names the chain's entries whose content an erasure takes out; proof/running.py reads it.
TAKEN_OUT = "taken out of the chain: "

_S = DeletionState
_d, _r, _chain, _audit = t.deletions.c, t.recordings.c, t.chain.c, t.audit.c


class Erasing(OnDatabase):
    """engine.erasing.ErasingCatalog."""

    async def doomed(self, now: datetime, limit: int, tenants: Collection[str] | None = None) -> list[str]:
        # An erasure waits for no time, whatever the clock said when it was asked for.
        over = (_d.state == str(_S.TRASH)) & or_(_d.purge_at <= now, _d.erasure)
        query = (
            select(_d.recording_id)
            .where(or_(_d.state == str(_S.PURGING), over))
            .order_by(func.coalesce(_d.tried_at, _d.deleted_at), _d.recording_id)
            .limit(limit)
        )
        if tenants is not None:
            query = query.where(_d.tenant.in_(tenants))
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def begin_purge(self, recording_id: str, now: datetime) -> Doomed | None:
        """Out of reach for good from here on, unless a hold covers it or it was restored: None."""
        async with self._database.writing() as connection:
            tenant = await self._tenant(connection, recording_id)
            if tenant is None:
                return None
            await lock_tenant(connection, tenant)
            this = select(t.deletions).where(_d.recording_id == recording_id).with_for_update()
            deletion = (await connection.execute(this)).first()
            if deletion is None or deletion.state not in (_S.TRASH, _S.PURGING):
                return None
            row = (
                await connection.execute(select(t.recordings).where(_r.recording_id == recording_id))
            ).one()
            if deletion.state == _S.TRASH:
                if deletion.purge_at > now and not deletion.erasure:
                    return None
                (kept,) = await kept_of(connection, [row], now)
                if over := covering(kept, await holds_of(connection, [tenant])):
                    why = "under the legal hold " + ", ".join(f"“{hold.name}”" for hold in over)
                    await self._set(connection, recording_id, error=why, tried_at=now)
                    return None
                await self._set(connection, recording_id, state=str(_S.PURGING), error="", tried_at=now)
                gone = {"media_state": str(MediaState.ERASED), "media_at": self._now(), "media_error": ""}
                await connection.execute(
                    update(t.recordings).where(_r.recording_id == recording_id).values(gone)
                )
                # From here on no sealed copy of it can be opened, wherever it is and however long it stays.
                await shred(connection, recording_id)
            return await _doomed(connection, row, deletion.erasure)

    async def purge_failed(self, recording_id: str, error: str) -> None:
        async with self._database.writing() as connection:
            await self._set(connection, recording_id, error=error[:2000], tried_at=self._now())

    async def end_purge(self, recording_id: str) -> None:
        """All of it in one transaction: no content is left, and the audit says so once."""
        async with self._database.writing() as connection:
            deletion = await _deletion(connection, recording_id, _S.PURGING)
            if deletion is None:
                return
            f = t.files.c
            amount = select(func.count(), func.coalesce(func.sum(f.size), 0))
            count, size = (await connection.execute(amount.where(f.recording_id == recording_id))).one()
            for table in CONTENT:
                await connection.execute(delete(table).where(table.c.recording_id == recording_id))
            detail = f"{deletion.why[:600]}; {count} files of {size} bytes"
            if deletion.erasure:
                await strip_names(connection, recording_id, deletion.tenant, deletion.person)
                told = await _facts_told(connection, deletion)
                detail += f"; {TAKEN_OUT}{', '.join(map(str, told)) or '-'}"
            await _note(connection, self._now(), deletion, ERASED if deletion.erasure else PURGED, detail)
            await self._set(connection, recording_id, state=str(_S.TRACED), error="")

    async def untraced(self, limit: int) -> list[str]:
        query = select(_d.recording_id).where(_d.state == str(_S.TRACED)).order_by(_d.tried_at).limit(limit)
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def end_trace(self, recording_id: str) -> bool:
        """Take the facts out of the chain that a signed entry says are taken out; the header keeps their
        hash, so the chain is as whole as before."""
        async with self._database.writing() as connection:
            deletion = await _deletion(connection, recording_id, _S.TRACED)
            if deletion is None:
                return True
            trace = await _trace(connection, deletion)
            if not trace:
                return False
            if deletion.erasure:
                numbers = {n for _, detail in trace for n in _numbers(detail)}
                late = [n for n in await _facts_told(connection, deletion) if n not in numbers]
                if late:  # sealed while the purge was under way
                    detail = f"sealed meanwhile; {TAKEN_OUT}{', '.join(map(str, late))}"
                    await _note(connection, self._now(), deletion, ERASED, detail)
                    return False
                last = max(number for number, _ in trace)
                where = (_chain.tenant == deletion.tenant, _chain.number.in_(numbers), _chain.number < last)
                about = _chain.subject == recording_id
                await connection.execute(update(t.chain).where(*where, about).values(content=""))
            await self._set(connection, recording_id, state=str(_S.PURGED), person="")
            return True

    async def erased_among(self, ids: Sequence[str]) -> set[str]:
        """Which of these have nothing but their trace, or will have soon: whatever turns up of them goes."""
        found = set[str]()
        async with self._database.reading() as connection:
            for some in chunks(ids):
                query = select(_r.recording_id).where(
                    _r.recording_id.in_(some), _r.media_state == str(MediaState.ERASED)
                )
                found |= set((await connection.execute(query)).scalars())
        return found

    @staticmethod
    async def _tenant(connection: AsyncConnection, recording_id: str) -> str | None:
        query = select(_d.tenant).where(_d.recording_id == recording_id)
        return (await connection.execute(query)).scalar()

    @staticmethod
    async def _set(connection: AsyncConnection, recording_id: str, **values: Any) -> None:
        await connection.execute(
            update(t.deletions).where(_d.recording_id == recording_id).values(**values)
        )  # fmt: skip


async def _deletion(connection: AsyncConnection, recording_id: str, state: DeletionState) -> Any:
    query = select(t.deletions).where(_d.recording_id == recording_id, _d.state == str(state))
    return (await connection.execute(query.with_for_update())).first()


async def _doomed(connection: AsyncConnection, row: Any, erasure: bool) -> Doomed:
    s, f = t.segments.c, t.files
    paths = select(s.path).where(s.recording_id == row.recording_id).order_by(s.number)
    files = select(f).where(f.c.recording_id == row.recording_id).order_by(f.c.role, f.c.number)
    return Doomed(
        row.recording_id,
        row.tenant,
        row.switch,
        tuple((await connection.execute(paths)).scalars()),
        tuple(stored_file(x) for x in await connection.execute(files)),
        erasure,
    )


async def _facts_told(connection: AsyncConnection, deletion: Any) -> list[int]:
    """Numbers of the chain's entries that hold the recording's facts, names and numbers among them."""
    query = select(_chain.number).where(
        _chain.tenant == deletion.tenant, _chain.subject == deletion.recording_id,
        _chain.marked_at.is_not(None), _chain.content != "",
    )  # fmt: skip
    return sorted((await connection.execute(query)).scalars())


async def _trace(connection: AsyncConnection, deletion: Any) -> list[tuple[int, str]]:
    """The sealed lines of the audit about the end of it: (entry's number, detail)."""
    about = select(_chain.number, _chain.source).where(
        _chain.tenant == deletion.tenant, _chain.subject == deletion.recording_id
    )
    sealed = {source: number for number, source in await connection.execute(about)}
    numbers = [int(s.partition(":")[2]) for s in sealed if s.startswith("audit:")]
    lines = select(_audit.number, _audit.detail).where(
        _audit.number.in_(numbers), _audit.action.in_((PURGED, ERASED))
    )
    return [(sealed[audit_source(n)], detail) for n, detail in await connection.execute(lines)]


def _numbers(detail: str) -> list[int]:
    listed = detail.rpartition(TAKEN_OUT)[2] if TAKEN_OUT in detail else ""
    return [int(n) for n in listed.split(", ") if n.isdecimal()]


async def _note(
    connection: AsyncConnection, at: datetime, deletion: Any, action: str, detail: str
) -> None:  # fmt: skip
    await note_line(
        connection, at, deletion.deleted_by, deletion.tenant, action, deletion.recording_id, detail
    )


async def note_line(
    connection: AsyncConnection, at: datetime, by: str, tenant: str, action: str, recording_id: str,
    detail: str, address: str = "",
) -> None:  # fmt: skip
    """A line of the audit about a recording, in the transaction that does what it says."""
    row = {
        "at": at, "account": by, "tenant": tenant, "action": action,
        "subject": f"recording {recording_id}", "detail": detail[:1000], "address": address,
    }  # fmt: skip
    await connection.execute(t.audit.insert().values(row))
