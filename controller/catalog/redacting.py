"""Chosen spans as rows: noted, hidden from the text at once, done in the sound (engine.redacting)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.errors import InvalidPolicy
from ..core.redacting import without_spans
from ..engine.media_ports import MediaState
from ..engine.people import Scope
from ..engine.redacting import LONGEST_WHY, MOST_SPANS, ChosenSpan
from . import tables as t
from .erasing import note_line
from .gate import Gate
from .sounds import not_taken_out
from .transcripts import said_of, write_utterances
from .writing import OnDatabase, upsert

_c, _r = t.chosen_spans.c, t.recordings.c


class RedactingRows(OnDatabase):
    """engine.redacting.RedactingStore, and a part of RedactingCatalog."""

    async def chosen_spans(self, scope: Scope, recording_id: str) -> list[ChosenSpan] | None:
        due = not_taken_out().label("due")
        query = select(t.chosen_spans, due).where(_c.recording_id == recording_id)
        async with self._database.reading() as connection:
            if await _reached(connection, scope, recording_id) is None:
                return None
            rows = (await connection.execute(query.order_by(_c.from_ms, _c.to_ms))).all()
        return [
            ChosenSpan(x.from_ms, x.to_ms, x.asked_by, x.asked_at, x.why, not x.due) for x in rows
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
            many = select(func.count()).where(_c.recording_id == recording_id)
            if (await connection.execute(many)).scalar_one() >= MOST_SPANS:
                raise InvalidPolicy(f"recording: {MOST_SPANS} spans are taken out of it, no more may be")
            values = {
                "recording_id": recording_id, "from_ms": from_ms, "to_ms": to_ms, "asked_by": by,
                "asked_at": self._now(), "why": why, "source": "",
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

    async def redactions_due(self, limit: int = 500, after: str = "") -> list[str]:
        query = (
            select(_c.recording_id)
            .join(t.recordings, _r.recording_id == _c.recording_id)
            .where(_r.media_state == str(MediaState.AVAILABLE), _r.deleted_at.is_(None))
            .where(_c.recording_id > after, not_taken_out())
            .distinct()
            .order_by(_c.recording_id)
            .limit(limit)
        )
        async with self._database.reading() as connection:
            return list((await connection.execute(query)).scalars())

    async def redaction_done(self, recording_id: str, source: str, spans: Sequence[tuple[int, int]]) -> None:
        async with self._database.writing() as connection:
            for from_ms, to_ms in spans:
                this = (_c.recording_id == recording_id, _c.from_ms == from_ms, _c.to_ms == to_ms)
                await connection.execute(update(t.chosen_spans).where(*this).values(source=source))


async def _reached(connection: AsyncConnection, scope: Scope, recording_id: str) -> Any:
    query = select(t.recordings).where(
        _r.recording_id == recording_id, Gate(scope).recordings(), _r.deleted_at.is_(None)
    )
    return (await connection.execute(query)).first()
