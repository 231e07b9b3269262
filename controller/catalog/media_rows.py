"""What the media pipeline reads and writes (engine.ports.MediaCatalog)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, case, delete, exists, literal_column, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.captures import CaptureState
from ..core.commands import Layout
from ..core.direction import Direction
from ..core.errors import TapelineError
from ..core.media_kinds import Kind
from ..core.recording import interrupted
from ..engine.media_ports import (
    OTHERWISE_DISCARDED,
    DueRecording,
    DueSegment,
    FileRole,
    HeardSound,
    MediaState,
    StoredFile,
)
from . import tables as t
from .sound_rows import heard_sounds
from .timeline import milliseconds, silenced
from .writing import OnDatabase, add_missing, chunks, insert, upsert

_M = MediaState

#: From which states each state can be reached; itself again is harmless. Forward only.
PREDECESSORS: dict[MediaState, tuple[MediaState, ...]] = {
    _M.SPOOLED: (_M.SPOOLED,),
    _M.STORED: (_M.SPOOLED, _M.FAILED, _M.STORED),
    _M.AVAILABLE: (_M.SPOOLED, _M.STORED, _M.FAILED, _M.AVAILABLE),
    _M.WITHHELD: (_M.SPOOLED, _M.STORED, _M.FAILED, _M.WITHHELD),
    _M.EMPTY: (_M.SPOOLED, _M.FAILED, _M.EMPTY),
    _M.DISCARDED: (_M.SPOOLED, _M.STORED, _M.FAILED, _M.DISCARDED),
    _M.FAILED: (_M.SPOOLED, _M.STORED, _M.FAILED),
    _M.ERASED: tuple(_M),  # from whatever it was, and never back
}

_FINAL_CAPTURES = [str(s) for s in CaptureState if s.final]
#: What the chain tells of a file (proof/facts.py).
_TOLD = ("sha256", "size", "format", "duration_ms", "channels", "sample_rate", "repaired", "note")
_FILES = select(*(t.files.c[f.name] for f in fields(StoredFile)))


def is_due() -> tuple[ColumnElement[bool], ...]:
    """Of a recording joined to its call: it and its captures have ended, and its media is not final."""
    r, s, c = t.recordings.c, t.segments.c, t.calls.c
    running = exists().where(s.recording_id == r.recording_id, s.state.not_in(_FINAL_CAPTURES))
    return (
        # Written out, so that PostgreSQL knows it for the condition of the partial index.
        literal_column("recordings.ended_at IS NOT NULL"),
        literal_column("recordings.media_state IN ('spooled', 'stored', 'failed')"),
        or_(c.ended_at.is_not(None), ~running),
    )


class UnknownRecording(TapelineError):
    """A file was to be added to a recording that the catalog does not have, or does not have any more."""


def stored_file(row: Any) -> StoredFile:
    """From a row of `files`."""
    values = {f.name: getattr(row, f.name) for f in fields(StoredFile)}
    return StoredFile(**{**values, "role": FileRole(row.role)})


class MediaRows(OnDatabase):
    """engine.ports.MediaCatalog."""

    async def due(self, limit: int = 100) -> list[DueRecording]:
        """Ended recordings whose media is not final yet, oldest first.

        Those that have failed come after, the longest untried first, so that many that always
        fail never keep the others waiting. A capture that is still being closed is waited for,
        unless its call is over.
        """
        r = t.recordings
        failed = r.c.media_state == str(_M.FAILED)
        query = (
            select(r)
            .join(t.calls, t.calls.c.call_id == r.c.call_id)
            .where(*is_due())
            .order_by(failed, case((failed, r.c.media_at), else_=r.c.ended_at), r.c.recording_id)
            .limit(limit)
        )
        return await self._due(query)

    async def due_of(self, recording_ids: Collection[str]) -> list[DueRecording]:
        """Those of these recordings that are due."""
        r = t.recordings
        query = select(r).join(t.calls, t.calls.c.call_id == r.c.call_id).where(*is_due())
        found: list[DueRecording] = []
        for ids in chunks(list(recording_ids)):
            found += await self._due(query.where(r.c.recording_id.in_(ids)))
        return found

    async def _due(self, query: Select[Any]) -> list[DueRecording]:
        async with self._database.reading() as connection:
            rows = (await connection.execute(query)).all()
            ids = [row.recording_id for row in rows]
            segments = await _grouped(connection, t.segments, ids, t.segments.c.number)
            p = t.pauses
            pauses = await _grouped(connection, p, ids, p.c.position)
            sounds = await heard_sounds(connection, rows)
        return [
            _due(row, segments[i], pauses[i], sounds.get(i, ())) for i, row in zip(ids, rows, strict=True)
        ]

    async def add_file(self, file: StoredFile) -> None:
        """Note a file in the store. Raises UnknownRecording."""
        row = asdict(file) | {"role": str(file.role), "added_at": self._now(), "old_store": ""}
        f = t.files.c
        there = select(f.store, f.sealing, *(f[name] for name in _TOLD)).where(
            f.recording_id == file.recording_id, f.role == row["role"], f.number == file.number
        )
        try:
            async with self._database.writing() as connection:
                await _not_erased(connection, file.recording_id)
                before = (await connection.execute(there.with_for_update())).one_or_none()
                elsewhere = before is not None and (before.store != file.store or before.sealing)
                if before and elsewhere and before.sha256 == file.sha256:
                    # Done again after it was moved or sealed: it stays as it is, and this one may go.
                    row |= {"store": before.store, "sealing": before.sealing, "old_store": file.store}
                same = before is not None and all(getattr(before, name) == row[name] for name in _TOLD)
                # Another one in its place (another span taken out, say) is sealed anew (catalog/chain.py).
                await upsert(connection, t.files, [row], keep={"added_at"} if same else ())
        except IntegrityError as error:
            raise UnknownRecording(f"there is no recording {file.recording_id!r}") from error

    async def files(self, recording_id: str) -> list[StoredFile]:
        f = t.files.c
        return await self._files(_FILES.where(f.recording_id == recording_id).order_by(f.role, f.number))

    async def files_after(self, key: str, limit: int = 500) -> list[StoredFile]:
        """Every recording's files in order of ``key``, those behind this one ("": from the start)."""
        f = t.files.c
        return await self._files(_FILES.where(f.key > key).order_by(f.key).limit(limit))

    async def _files(self, query: Select[Any]) -> list[StoredFile]:
        async with self._database.reading() as connection:
            return [stored_file(row) for row in await connection.execute(query)]

    async def forget_files(self, recording_id: str) -> None:
        """Remove every row of this recording's files; the files themselves are gone already."""
        async with self._database.writing() as connection:
            await connection.execute(delete(t.files).where(t.files.c.recording_id == recording_id))

    async def set_media_state(
        self, recording_id: str, state: MediaState, *, duration_ms: int = 0, error: str = ""
    ) -> MediaState:
        """Move forward; a step back changes nothing. ``duration_ms`` 0 leaves what was known. Answers the
        state that was meant: what is provisional is withheld instead of available."""
        r = t.recordings
        provisional = select(r.c.provisional).where(r.c.recording_id == recording_id).with_for_update()
        async with self._database.writing() as connection:
            if state is _M.AVAILABLE and (await connection.execute(provisional)).scalar():
                # Only a legal hold brings it so far: may_discard has said so.
                state, error = _M.WITHHELD, "; ".join(filter(None, (OTHERWISE_DISCARDED, error)))
            await self._move(connection, recording_id, state, duration_ms, error)
        return state

    async def _move(
        self, connection: AsyncConnection, recording_id: str, state: MediaState, duration_ms: int, error: str
    ) -> None:
        r = t.recordings
        values: dict[str, Any] = {"media_state": str(state), "media_error": error, "media_at": self._now()}
        if duration_ms > 0:
            values["media_ms"] = duration_ms
        before = [str(s) for s in PREDECESSORS[state]]
        await connection.execute(
            update(r).where(r.c.recording_id == recording_id, r.c.media_state.in_(before)).values(values)
        )

    async def reopen(self, recording_id: str, error: str) -> bool:
        """Make an ended recording due again, whatever its media's state (a file came late).

        False if there is no such recording, if it has not ended, or if it was deleted.
        """
        r = t.recordings
        async with self._database.writing() as connection:
            changed = await connection.execute(
                update(r)
                .where(r.c.recording_id == recording_id, r.c.ended_at.is_not(None))
                .where(r.c.media_state != str(_M.ERASED))
                .values(media_state=str(_M.SPOOLED), media_error=error, media_at=self._now())
            )
            return changed.rowcount > 0

    async def known_paths(self, switch: str) -> set[str]:
        s, r = t.segments, t.recordings
        query = select(s.c.path).join(r, r.c.recording_id == s.c.recording_id).where(r.c.switch == switch)
        async with self._database.reading() as connection:
            return set((await connection.execute(query)).scalars())

    async def adopt(
        self,
        switch: str,
        tenant_folder: str,
        recording_id: str,
        kind: Kind,
        segments: Sequence[tuple[int, str, datetime, datetime]],
    ) -> bool:
        """Make rows for spool files without any: (number, path, began, ended) each.

        A recording that is not known gets a call of its own, with the recording's id and no legs:
        only the tenant's administrators see it. False if no tenant belongs to the folder, or the
        recording is another tenant's.
        """
        if not segments:
            return False
        segments = sorted(segments)
        began = min(s[2] for s in segments)
        ended = max(s[3] for s in segments)
        async with self._database.writing() as connection:
            tenant = (
                await connection.execute(
                    select(t.tenants.c.tenant).where(t.tenants.c.folder == tenant_folder)
                )
            ).scalar()
            if tenant is None:
                return False
            await self._stand_in(connection, switch, tenant, recording_id, kind, began, ended)
            r = t.recordings
            found = (await connection.execute(select(r).where(r.c.recording_id == recording_id))).one()
            if (found.tenant, found.kind) != (tenant, str(kind)) or found.media_state == str(_M.ERASED):
                return False
            new = await self._add_segments(connection, recording_id, kind, segments)
            if new and found.media_state != str(_M.SPOOLED):
                # The one way back: there is more of it in the spool than was known.
                await connection.execute(
                    update(r).where(r.c.recording_id == recording_id).values(media_state=str(_M.SPOOLED))
                )
            return True

    async def _stand_in(
        self,
        connection: AsyncConnection,
        switch: str,
        tenant: str,
        recording_id: str,
        kind: Kind,
        began: datetime,
        ended: datetime,
    ) -> None:
        r = t.recordings
        there = await connection.execute(select(r.c.recording_id).where(r.c.recording_id == recording_id))
        if there.first() is not None:
            return
        span, direction = milliseconds(began, ended), str(Direction.EXTERNAL)
        call: dict[str, Any] = {"call_id": recording_id, "started_at": began}
        await add_missing(
            connection, t.calls,
            [call | {"switch": switch, "answered_at": None, "ended_at": ended, "talk_ms": span,
                     "direction": direction, "requested": [], "stopped": [], "aliases": []}],
        )  # fmt: skip
        await add_missing(
            connection, t.call_views, [call | {"tenant": tenant, "user": "", "direction": direction}]
        )
        await add_missing(
            connection, t.events,
            [{"call_id": recording_id, "position": 0, "at": self._now(), "what": "adopted",
              "leg_id": None, "detail": "found in the spool; nothing else is known of the call"}],
        )  # fmt: skip
        await add_missing(
            connection, r,
            [call | {"recording_id": recording_id, "position": 0, "switch": switch, "tenant": tenant,
                     "kind": str(kind), "rule": "adopted", "reason": "found in the spool",
                     "ended_at": ended, "provisional": False, "cut_pauses": False, "cut_gaps": False,
                     "beeped_at": None,
                     "span_ms": span,
                     "direction": direction, "media_state": str(_M.SPOOLED), "media_ms": 0, "media_error": "",
                     "media_at": self._now(), "deleted_at": None}],
        )  # fmt: skip

    @staticmethod
    async def _add_segments(
        connection: AsyncConnection,
        recording_id: str,
        kind: Kind,
        segments: Sequence[tuple[int, str, datetime, datetime]],
    ) -> bool:
        """True if one of them was not known."""
        statement = insert(connection, t.segments).on_conflict_do_nothing()
        new = False
        for number, path, began, ended in segments:
            row = {
                "capture_id": f"{recording_id}.{number}", "recording_id": recording_id, "number": number,
                "leg_id": "", "bridge_id": "", "path": path, "kind": str(kind), "requested_at": began,
                "state": str(CaptureState.ENDED), "opened_at": began, "closed_at": ended,
                "cause": "adopted", "blind": "", "close_attempts": 0, "own_voice_only": False,
                "layout": str(Layout.MONO), "far": [],
            }  # fmt: skip
            added = await connection.execute(statement.values(row).returning(t.segments.c.capture_id))
            new = added.first() is not None or new
        return new


async def _not_erased(connection: AsyncConnection, recording_id: str) -> None:
    """Nothing may be made anew of what was deleted. The row is locked: a purge begins before or after."""
    r = t.recordings.c
    state = select(r.media_state).where(r.recording_id == recording_id).with_for_update(read=True)
    if (await connection.execute(state)).scalar() == str(_M.ERASED):
        raise UnknownRecording(f"the recording {recording_id!r} was deleted")


async def _grouped(
    connection: AsyncConnection, table: Table, recording_ids: Sequence[str], order: ColumnElement[Any]
) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for ids in chunks(recording_ids):
        query = select(table).where(table.c.recording_id.in_(ids)).order_by(order)
        for row in await connection.execute(query):
            found[row.recording_id].append(row)
    return found


def _due_segment(s: Any) -> DueSegment:
    return DueSegment(
        s.capture_id, s.number, s.path, s.opened_at, s.closed_at, Layout(s.layout), interrupted(s.cause)
    )


def _due(
    row: Any, segments: Sequence[Any], pauses: Sequence[Any], sounds: Sequence[HeardSound]
) -> DueRecording:
    return DueRecording(
        recording_id=row.recording_id,
        call_id=row.call_id,
        switch=row.switch,
        tenant=row.tenant,
        kind=Kind(row.kind),
        started_at=row.started_at,
        ended_at=row.ended_at,
        segments=tuple(map(_due_segment, segments)),
        pauses=tuple(silenced(p) for p in pauses),
        discard=row.provisional,
        cut_pauses=row.cut_pauses,
        cut_gaps=row.cut_gaps,
        sounds=tuple(sounds),
    )
