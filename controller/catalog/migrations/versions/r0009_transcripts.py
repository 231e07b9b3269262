"""Transcripts, and what they are searched by: FTS5 on SQLite, a GIN index over tsvectors on PostgreSQL."""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import TSVECTOR

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

# The terms come finished (catalog/terms.py): ASCII marks separate, nothing else is looked at. The
# triggers keep the index in step, also when a recording's row takes its utterances with it.
_SQLITE = (
    "CREATE VIRTUAL TABLE utterance_terms USING fts5("
    "terms, content='utterances', content_rowid='utterance_id', tokenize='ascii', prefix='2 3')",
    "CREATE TRIGGER utterance_terms_added AFTER INSERT ON utterances BEGIN "
    "INSERT INTO utterance_terms(rowid, terms) VALUES (new.utterance_id, new.terms); END",
    "CREATE TRIGGER utterance_terms_removed AFTER DELETE ON utterances BEGIN "
    "INSERT INTO utterance_terms(utterance_terms, rowid, terms) "
    "VALUES ('delete', old.utterance_id, old.terms); END",
    "CREATE TRIGGER utterance_terms_changed AFTER UPDATE ON utterances BEGIN "
    "INSERT INTO utterance_terms(utterance_terms, rowid, terms) "
    "VALUES ('delete', old.utterance_id, old.terms); "
    "INSERT INTO utterance_terms(rowid, terms) VALUES (new.utterance_id, new.terms); END",
)
# Without it (SQLite before 3.42) deleted words stay in the index's pages until it merges them.
_SECURE = "INSERT INTO utterance_terms(utterance_terms, rank) VALUES ('secure-delete', 1)"


def upgrade() -> None:
    postgres = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "transcripts",
        sa.Column("recording_id", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("redaction", sa.Text(), nullable=False),
        sa.Column("spans", sa.Text(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_transcripts_recording_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recording_id", name=op.f("pk_transcripts")),
    )
    op.create_table(
        "utterances",
        sa.Column("utterance_id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("recording_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("channel", sa.Integer(), nullable=False),
        sa.Column("speaker", sa.Text(), nullable=False),
        sa.Column("from_ms", sa.BigInteger(), nullable=False),
        sa.Column("to_ms", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("terms", TSVECTOR() if postgres else sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_utterances_recording_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("utterance_id", name=op.f("pk_utterances")),
    )
    op.create_index(
        op.f("ix_utterances_recording_id_position"), "utterances", ["recording_id", "position"], unique=False
    )
    if postgres:
        op.create_index("ix_utterances_terms", "utterances", ["terms"], postgresql_using="gin")
    else:
        for statement in _SQLITE:
            op.execute(statement)
        if sqlite3.sqlite_version_info >= (3, 42):
            op.execute(_SECURE)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE utterance_terms")
    op.drop_table("utterances")
    op.drop_table("transcripts")
