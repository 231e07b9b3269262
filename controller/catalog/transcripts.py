"""Transcripts as rows: kept, found by what was said, shown through the gate, removed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, or_, select
from sqlalchemy import Row as SqlRow
from sqlalchemy.ext.asyncio import AsyncConnection

from ..core.options import Redaction, TenantOptions, Transcripts
from ..core.redacting import without_digits, without_spans
from ..core.transcripts import Transcript, Utterance, Word
from ..engine.media_ports import GIVEN_UP, FileRole, MediaState, StoredFile
from ..engine.reading import Scope
from ..engine.transcribing import Heard, TextHit, TranscriptView, Wanted
from . import tables as t
from .channels import alone_on, sides_of
from .gate import Gate
from .policy_rows import options_of
from .presenting import legs_of
from .sound_rows import announcements_of
from .terms import Asked, asked_of, fits, place_of, terms_of
from .timeline import silenced, timeline_of
from .writing import OnDatabase, upsert

#: What has less done to it than is wanted is done again.
_WEAKER: dict[Redaction, tuple[Redaction, ...]] = {
    Redaction.OFF: (),
    Redaction.TEXT: (Redaction.OFF,),
    Redaction.AUDIO: (Redaction.OFF, Redaction.TEXT),
}
#: What is shown of a text from before digits were unwanted: any two are a run, since the catalog does not
#: know what the configuration calls one, and it is for minutes only.
_LEAST = 2
#: So much of what was said before and behind a hit is shown with it, in words.
_BEFORE, _BEHIND = 8, 14
_r, _x, _u, _f, _c = t.recordings.c, t.transcripts.c, t.utterances.c, t.files.c, t.chosen_spans.c


class TranscriptRows(OnDatabase):
    """engine.transcribing.TranscriptStore and TranscriptReader."""

    async def wanted_transcript(self, recording_id: str) -> Wanted | None:
        s, p = t.segments, t.pauses
        there = select(t.recordings).where(_r.recording_id == recording_id, *_KEPT)
        async with self._database.reading() as connection:
            row = (await connection.execute(there)).one_or_none()
            if row is None:
                return None
            segments, pauses, files = [
                (
                    await connection.execute(select(x).where(x.c.recording_id == recording_id).order_by(by))
                ).all()
                for x, by in ((s, s.c.number), (p, p.c.position), (t.files, _f.number))
            ]
            legs = await legs_of(connection, [row.call_id])
            options = await _options(connection, row.tenant)
            chosen = await _chosen(connection, recording_id)
            given_back = await _given_back(connection, recording_id)
            announcements = await announcements_of(connection, recording_id)
        # Encoded, where its tenant does not keep the WAV.
        whole = {f.role: f for f in files if not f.note.startswith(GIVEN_UP)}
        rendition = whole.get(FileRole.RENDITION) or whole.get(FileRole.ENCODED)
        if rendition is None:
            return None
        line, gate = timeline_of(row, segments, pauses, files, announcements), Gate(Scope(row.tenant))
        heard = []
        for segment in segments:
            sides = sides_of(gate, segment, legs)
            left, right = sides.texts if sides else (alone_on(gate, segment, legs),) * 2
            if segment.opened_at is not None:
                until = segment.closed_at or row.ended_at
                heard.append(Heard(line.ms(segment.opened_at), line.ms(until), left, right))
        # Nobody of the call says what an announcement says.
        spans = [*map(silenced, pauses), *((a.at, a.until) for a in announcements)]
        return Wanted(
            recording_id,
            row.tenant,
            row.kind,
            options.transcripts is Transcripts.ON,
            options.redact_digits,
            _stored(rendition),
            tuple(heard),
            tuple((line.ms(begin), None if end is None else line.ms(end)) for begin, end in spans),
            chosen,
            given_back,
        )

    async def set_transcript(self, recording_id: str, transcript: Transcript, redaction: Redaction) -> None:
        row = {
            "recording_id": recording_id,
            "language": transcript.language,
            "engine": transcript.engine,
            "source": transcript.source,
            "redaction": str(redaction),
            "spans": [list(span) for span in transcript.spans],
            "made_at": self._now(),
        }
        async with self._database.writing() as connection:
            await connection.execute(delete(t.utterances).where(_u.recording_id == recording_id))
            # A recording that was deleted meanwhile gets no transcript back.
            if (
                await connection.execute(
                    select(_r.recording_id).where(_r.recording_id == recording_id, *_KEPT)
                )
            ).first():
                await upsert(connection, t.transcripts, [row])
                chosen = await _chosen(connection, recording_id)
                await write_utterances(connection, recording_id, without_spans(transcript.utterances, chosen))

    async def stored_transcript(self, recording_id: str) -> tuple[Transcript, Redaction] | None:
        async with self._database.reading() as connection:
            row = (
                await connection.execute(select(t.transcripts).where(_x.recording_id == recording_id))
            ).one_or_none()
            if row is None:
                return None
            said = await said_of(connection, recording_id)
        done = Redaction(row.redaction)
        spans = tuple((begin, end) for begin, end in row.spans)
        whole = Transcript(row.language, row.engine, row.source, said, done is not Redaction.OFF, spans)
        return whole, done

    async def untranscribed(self, tenant: str | None = None, limit: int = 500, after: str = "") -> list[str]:
        async with self._database.reading() as connection:
            rows = await connection.execute(select(t.tenants.c.tenant, t.tenants.c.options))
            wishes: dict[Redaction, list[str]] = defaultdict(list)
            for name, options in rows:
                wish = options_of(name, options)
                if wish.transcripts is Transcripts.ON and tenant in (None, name):
                    wishes[wish.redact_digits].append(name)
            if not wishes:
                return []
            lacking = [
                and_(
                    _r.tenant.in_(names),
                    or_(
                        _x.recording_id.is_(None),
                        and_(_f.sha256.is_not(None), _x.source != _f.sha256),
                        _x.redaction.in_([str(w) for w in _WEAKER[wish]]),
                    ),
                )
                for wish, names in wishes.items()
            ]
            found = await connection.execute(
                select(_r.recording_id)
                .outerjoin(
                    t.files, and_(_f.recording_id == _r.recording_id, _f.role == str(FileRole.RENDITION))
                )
                .outerjoin(t.transcripts, _x.recording_id == _r.recording_id)
                .where(*_KEPT, _r.recording_id > after, or_(*lacking))
                .order_by(_r.recording_id)
                .limit(limit)
            )
            return list(found.scalars())

    async def unredacted(self, limit: int = 500, after: str = "") -> list[str]:
        tenants = select(t.tenants.c.tenant, t.tenants.c.options)
        async with self._database.reading() as connection:
            wishes = [
                (name, _WEAKER[options_of(name, options).redact_digits])
                for name, options in await connection.execute(tenants)
            ]
            lacking = [
                and_(_r.tenant == name, _x.redaction.in_(list(map(str, w)))) for name, w in wishes if w
            ]
            if not lacking:
                return []
            found = await connection.execute(
                select(_x.recording_id)
                .join(t.recordings, _r.recording_id == _x.recording_id)
                .where(*_KEPT, _x.recording_id > after, or_(*lacking))
                .order_by(_x.recording_id)
                .limit(limit)
            )
            return list(found.scalars())

    async def forget_transcript(self, recording_id: str) -> None:
        async with self._database.writing() as connection:
            await remove_transcripts(connection, [recording_id])

    async def transcript(self, scope: Scope, recording_id: str) -> TranscriptView | None:
        query = (
            select(t.transcripts, _r.tenant)
            .join(t.recordings, _r.recording_id == _x.recording_id)
            .where(_x.recording_id == recording_id, Gate(scope).recordings(), _r.provisional.is_(False))
        )
        async with self._database.reading() as connection:
            row = (await connection.execute(query)).one_or_none()
            if row is None:
                return None
            said = await said_of(connection, recording_id)
            hide = _hides(row, await _options(connection, row.tenant))
        if hide:
            said, _ = without_digits(said, _LEAST, row.language)
        done = hide or row.redaction != str(Redaction.OFF)
        spans = tuple((begin, end) for begin, end in row.spans)
        return TranscriptView(
            recording_id, row.language, row.engine, done, len(spans), row.made_at, said, spans
        )


_KEPT = (
    _r.media_state == str(MediaState.AVAILABLE),
    _r.ended_at.is_not(None),
    _r.provisional.is_(False),
)


async def remove_transcripts(connection: AsyncConnection, recording_ids: Sequence[str]) -> None:
    """What was said in these recordings, and all that it could be found by. Their files are not touched."""
    await connection.execute(delete(t.utterances).where(_u.recording_id.in_(recording_ids)))
    await connection.execute(delete(t.transcripts).where(_x.recording_id.in_(recording_ids)))


async def hits_in(
    connection: AsyncConnection, recordings: Sequence[Any], query: str, *, sqlite: bool, each: int = 3
) -> dict[str, tuple[TextHit, ...]]:
    """Where each of these recordings (rows that the gate has let through) has what was asked for."""
    asked = asked_of(query)
    if not asked or not recordings:
        return {}
    number = func.row_number().over(partition_by=_u.recording_id, order_by=_u.position).label("n")
    ids = [row.recording_id for row in recordings]
    some = select(t.utterances, number).where(
        _u.recording_id.in_(ids), or_(*(fits(one, _u, sqlite=sqlite) for one in asked))
    )
    ranked = some.subquery()
    rows = await connection.execute(
        select(ranked).where(ranked.c.n <= each).order_by(ranked.c.recording_id, ranked.c.position)
    )
    found: dict[str, list[TextHit]] = defaultdict(list)
    for row in rows:
        found[row.recording_id].append(_hit(_utterance(row), asked))
    return {recording_id: tuple(hits) for recording_id, hits in found.items()}


def _hit(said: Utterance, asked: Sequence[Asked]) -> TextHit:
    texts = ["" if w.hidden else w.text for w in said.words]
    place = next((p for one in asked if (p := place_of(one, texts))), (0, 0))
    first, end = place
    start, stop = max(0, first - _BEFORE), end + _BEHIND
    shown = [w.text for w in said.words]
    before, behind = " ".join(shown[start:first]), " ".join(shown[end:stop])
    return TextHit(
        said.words[first].from_ms,
        said.speaker,
        ("… " if start else "") + before,
        " ".join(shown[first:end]),
        behind + (" …" if stop < len(shown) else ""),
    )


def _hides(row: Any, options: TenantOptions) -> bool:
    """A tenant that wants digits taken out does not see those of a text from before it wanted that."""
    wish = options.redact_digits is not Redaction.OFF
    return wish and row.redaction == str(Redaction.OFF)


async def _options(connection: AsyncConnection, tenant: str) -> TenantOptions:
    query = select(t.tenants.c.options).where(t.tenants.c.tenant == tenant)
    found = (await connection.execute(query)).scalar_one_or_none()
    return options_of(tenant, found or {})


async def _chosen(connection: AsyncConnection, recording_id: str) -> tuple[tuple[int, int], ...]:
    return await _spans(connection, _c.recording_id == recording_id, _c.taken_back_at.is_(None))


async def _given_back(connection: AsyncConnection, recording_id: str) -> tuple[tuple[int, int], ...]:
    """Those that were taken back and that others do not hear again yet."""
    back = (_c.taken_back_at.is_not(None), _c.source == "")
    return await _spans(connection, _c.recording_id == recording_id, *back)


async def _spans(connection: AsyncConnection, *where: ColumnElement[bool]) -> tuple[tuple[int, int], ...]:
    query = select(_c.from_ms, _c.to_ms).where(*where).order_by(_c.from_ms, _c.to_ms)
    return tuple((begin, end) for begin, end in await connection.execute(query))


async def write_utterances(connection: AsyncConnection, recording_id: str, said: Sequence[Utterance]) -> None:
    """In the place of those that there are."""
    await connection.execute(delete(t.utterances).where(_u.recording_id == recording_id))
    lines = [
        {
            "recording_id": recording_id,
            "position": n,
            "channel": u.channel,
            "speaker": u.speaker,
            "from_ms": u.from_ms,
            "to_ms": u.to_ms,
            "words": [[w.text, w.from_ms, w.to_ms, round(w.sure, 2), int(w.hidden)] for w in u.words],
            "terms": terms_of(" ".join("" if w.hidden else w.text for w in u.words)),
        }
        for n, u in enumerate(said)
    ]
    if lines:
        await connection.execute(t.utterances.insert(), lines)


async def said_of(connection: AsyncConnection, recording_id: str) -> tuple[Utterance, ...]:
    """What is stored of a recording's text."""
    query = select(t.utterances).where(_u.recording_id == recording_id).order_by(_u.position)
    return tuple(_utterance(row) for row in await connection.execute(query))


def _utterance(row: SqlRow[Any]) -> Utterance:
    words = tuple(Word(text, begin, end, sure, bool(hidden)) for text, begin, end, sure, hidden in row.words)
    return Utterance(row.channel, row.speaker, words)


def _stored(row: SqlRow[Any]) -> StoredFile:
    return StoredFile(
        row.recording_id, FileRole(row.role), row.number, row.key, row.format, row.size, row.sha256,
        row.duration_ms, row.channels, row.sample_rate, row.repaired, row.note, row.store, row.sealing,
    )  # fmt: skip
