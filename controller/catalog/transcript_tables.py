"""The tables of transcripts: one row for a recording's, one an utterance, by which it is searched."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Dialect, Index, Integer
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlalchemy.types import TypeDecorator, TypeEngine
from sqlmodel import Field

from .columns import Json
from .rows import Row, json_, part_of, table_of, text_, time_


class Terms(TypeDecorator[Any]):
    """An utterance's terms (see `terms.py`): a tsvector on PostgreSQL; on SQLite the terms themselves,
    which the triggers of revision 0009 copy into an FTS5 index."""

    impl = SqlText
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(TSVECTOR() if dialect.name == "postgresql" else SqlText())

    def process_bind_param(self, value: list[str] | None, dialect: Dialect) -> str | None:
        if value is None:
            return None
        if dialect.name != "postgresql":
            return " ".join(value)
        # Positions end at 16383; an utterance has some tens of words.
        return " ".join(f"'{term}':{min(n, 16_383)}" for n, term in enumerate(value, 1))


class TranscriptTable(Row, table=True):
    """``redaction``: a core.options.Redaction value, what was done; ``spans`` [[from_ms, to_ms], …]."""

    __tablename__ = "transcripts"
    recording_id: str = part_of("recordings.recording_id", primary_key=True)
    language: str = text_()
    engine: str = text_()
    source: str = text_()
    redaction: str = text_()
    spans: list[Any] = json_()
    made_at: datetime = time_()


class UtteranceTable(Row, table=True):
    """``words`` [[text, from_ms, to_ms, sure, hidden], …]. The number is what SQLite's index goes by."""

    __tablename__ = "utterances"
    __table_args__ = (Index(None, "recording_id", "position"),)
    utterance_id: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=BigInteger().with_variant(Integer, "sqlite"),  # SQLite counts only INTEGER keys up
    )
    recording_id: str = part_of("recordings.recording_id")
    position: int
    channel: int
    speaker: str = text_()
    from_ms: int = Field(sa_type=BigInteger)
    to_ms: int = Field(sa_type=BigInteger)
    words: list[Any] = Field(sa_type=Json)
    terms: list[str] = Field(sa_type=Terms)


class ChosenSpanTable(Row, table=True):
    """A span that somebody wants taken out for others. ``source``: the SHA-256 of the rendition that is
    kept without it; "" while there is none. Taken back it is history, and ``source`` that of the rendition
    that others hear it in again."""

    __tablename__ = "chosen_spans"
    recording_id: str = part_of("recordings.recording_id", primary_key=True)
    from_ms: int = Field(sa_type=BigInteger, primary_key=True)
    to_ms: int = Field(sa_type=BigInteger, primary_key=True)
    asked_by: str = text_()
    asked_at: datetime = time_()
    why: str = text_()
    source: str = text_()
    taken_back_by: str = text_()
    taken_back_at: datetime | None = time_()


transcripts = table_of(TranscriptTable)
chosen_spans = table_of(ChosenSpanTable)
utterances = table_of(UtteranceTable)
