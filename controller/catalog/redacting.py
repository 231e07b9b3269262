"""Chosen spans as rows: noted, hidden from the text at once, done in the sound (engine.redacting)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.errors import InvalidPolicy
from ..core.redacting import without_spans
from ..engine.media_ports import GIVEN_UP, FileRole, MediaState, StoredFile
from ..engine.people import Scope
from ..engine.redacting import LONGEST_WHY, MOST_SPANS, ChosenSpan
from . import tables as t
from .erasing import note_line
from .gate import Gate
from .sounds import not_taken_out
from .transcripts import said_of, write_utterances
from .writing import OnDatabase, upsert

_c, _r, _f = t.chosen_spans.c, t.recordings.c, t.files.c

#: Who removes the redacted rendition, in the audit, and what the audit calls that (proof/facts.py).
_ACCOUNT, UNREDACTED = "tapeline", "delete redacted"
_IN_FORCE = _c.taken_back_at.is_(None)
#: What others hear is to change: more is taken out, or less.
_DUE = or_(and_(_IN_FORCE, not_taken_out()), and_(~_IN_FORCE, _c.source == ""))


class RedactingRows(OnDatabase):
    """engine.redacting.RedactingStore, and a part of RedactingCatalog."""

    async def chosen_spans(self, scope: Scope, recording_id: str) -> list[ChosenSpan] | None:
        due = _DUE.label("due")
        query = select(t.chosen_spans, due).where(_c.recording_id == recording_id)
        async with self._database.reading() as connection:
            if await _reached(connection, scope, recording_id) is None:
                return None
            rows = (await connection.execute(query.order_by(_c.from_ms, _c.to_ms))).all()
        return [
            ChosenSpan(
                x.from_ms, x.to_ms, x.asked_by, x.asked_at, x.why, not x.due, x.taken_back_by, x.taken_back_at
            )
            for x in rows
        ]  # fmt: skip

    async def redact_span(
        self, scope: Scope, recording_id: str, from_ms: int, to_ms: int, by: str, why: str,
        address: str = "",
    ) -> bool:  # fmt: skip
        if not 1 <= len(why.strip()) <= LONGEST_WHY or any(not c.isprintable() for c in why):
            raise InvalidPolicy(f"why: 1 to {LONGEST_WHY} characters without line ends")
        async with self._database.writing() as connection:
            row = await _reached(connection, scope, recording_id)
            if row is None:
                return False
            if row.media_state != str(MediaState.AVAILABLE) or row.ended_at is None or row.provisional:
                raise InvalidPolicy("recording: there is nothing to be played of it yet")
            if not 0 <= from_ms < to_ms <= row.media_ms:
                raise InvalidPolicy(
                    f"from_ms, to_ms: a span of this recording, from before to; it lasts {row.media_ms} ms"
                )
            many = select(func.count()).where(_c.recording_id == recording_id, _IN_FORCE)
            if (await connection.execute(many)).scalar_one() >= MOST_SPANS:
                raise InvalidPolicy(f"recording: {MOST_SPANS} spans are taken out of it, no more may be")
            values = {
                "recording_id": recording_id, "from_ms": from_ms, "to_ms": to_ms, "asked_by": by,
                "asked_at": self._now(), "why": why, "source": "", "taken_back_by": "", "taken_back_at": None,
            }  # fmt: skip
            await upsert(connection, t.chosen_spans, [values])
            # The sound takes a moment and is kept from everybody meanwhile; the text is done with here.
            said = await said_of(connection, recording_id)
            left = without_spans(said, [(from_ms, to_ms)])
            if left != said:
                await write_utterances(connection, recording_id, left)
            detail = f"{from_ms} to {to_ms} ms: {why}"
            await note_line(
                connection, self._now(), by, row.tenant, "redact span", recording_id, detail, address
            )
            return True

    async def take_back_span(
        self, scope: Scope, recording_id: str, from_ms: int, to_ms: int, by: str, address: str = ""
    ) -> bool:
        this = (_c.recording_id == recording_id, _c.from_ms == from_ms, _c.to_ms == to_ms)
        back = {"taken_back_by": by, "taken_back_at": self._now(), "source": ""}
        async with self._database.writing() as connection:
            row = await _reached(connection, scope, recording_id)
            if row is None:
                return False
            # Its words come back with its sound (media.redacting): they lie in the transcript's file.
            done = await connection.execute(update(t.chosen_spans).where(*this, _IN_FORCE).values(back))
            if not done.rowcount:
                return False
            detail = f"{from_ms} to {to_ms} ms"
            await note_line(
                connection, self._now(), by, row.tenant, "take back span", recording_id, detail, address
            )
            return True

    async def redactions_due(self, limit: int = 500, after: str = "") -> list[str]:
        query = (
            select(_c.recording_id)
            .join(t.recordings, _r.recording_id == _c.recording_id)
            .where(_r.media_state == str(MediaState.AVAILABLE), _r.deleted_at.is_(None))
            .where(_c.recording_id > after, _DUE)
            .distinct()
            .order_by(_c.recording_id)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def redaction_done(
        self, recording_id: str, source: str, spans: Sequence[tuple[int, int]],
        given_back: Sequence[tuple[int, int]] = (),
    ) -> None:  # fmt: skip
        # One that was taken back, or chosen again, meanwhile is not what was done.
        done = [(span, _IN_FORCE) for span in spans] + [(span, ~_IN_FORCE) for span in given_back]
        async with self._database.writing() as connection:
            for (from_ms, to_ms), still in done:
                this = (_c.recording_id == recording_id, _c.from_ms == from_ms, _c.to_ms == to_ms)
                await connection.execute(update(t.chosen_spans).where(*this, still).values(source=source))

    async def begin_unredacted(self, file: StoredFile) -> bool:
        recording_id = file.recording_id
        locked = select(_r.tenant).where(_r.recording_id == recording_id).with_for_update()
        wanted = select(_c.recording_id).where(_c.recording_id == recording_id, _IN_FORCE).limit(1)
        mine = (_redacted(recording_id), _f.key == file.key, _f.sha256 == file.sha256)
        async with self._database.writing() as connection:
            tenant = (await connection.execute(locked)).scalar_one_or_none()
            if tenant is None or (await connection.execute(wanted)).first():
                return False
            there = (await connection.execute(select(_f.note, _f.old_store).where(*mine))).one_or_none()
            if there is None or there.old_store:
                return False
            if not there.note.startswith(GIVEN_UP):
                given_up = f"{GIVEN_UP}nothing is taken out any more"
                await connection.execute(update(t.files).where(*mine).values(note=given_up))
                detail = f"nothing is taken out any more: {file.role} {file.number} sha256 {file.sha256}"
                await note_line(
                    connection, self._now(), _ACCOUNT, tenant, UNREDACTED, recording_id, detail
                )  # fmt: skip
        return True

    async def end_unredacted(self, recording_id: str) -> None:
        given_up = _f.note.startswith(GIVEN_UP, autoescape=True)
        async with self._database.writing() as connection:
            gone = await connection.execute(delete(t.files).where(_redacted(recording_id), given_up))
            if gone.rowcount:
                # What is sealed is sealed as it was at some time: this makes it due again.
                this = update(t.recordings).where(_r.recording_id == recording_id)
                await connection.execute(this.values(media_at=self._now()))
            else:
                again = update(t.chosen_spans).where(_c.recording_id == recording_id, _IN_FORCE)
                await connection.execute(again.values(source=""))


def _redacted(recording_id: str) -> ColumnElement[bool]:
    return and_(_f.recording_id == recording_id, _f.role == str(FileRole.REDACTED))


async def _reached(connection: AsyncConnection, scope: Scope, recording_id: str) -> Any:
    query = select(t.recordings).where(
        _r.recording_id == recording_id, Gate(scope).recordings(), _r.deleted_at.is_(None)
    )
    return (await connection.execute(query)).first()
