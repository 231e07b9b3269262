"""Notes are found whatever the case and the accents, and may be about one moment of a recording."""

from __future__ import annotations

import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None

_NOTES = sa.table(
    "recording_notes", sa.column("note_id", sa.Text), sa.column("text", sa.Text), sa.column("search", sa.Text)
)


def upgrade() -> None:
    op.add_column("recording_notes", sa.Column("search", sa.Text(), nullable=False, server_default=""))
    op.add_column("recording_notes", sa.Column("position_ms", sa.BigInteger(), nullable=True))
    bind = op.get_bind()
    for note_id, text in bind.execute(sa.select(_NOTES.c.note_id, _NOTES.c.text)).fetchall():
        mine = _NOTES.c.note_id == note_id
        bind.execute(_NOTES.update().where(mine).values(search=_loose(text)))


def downgrade() -> None:
    op.drop_column("recording_notes", "position_ms")
    op.drop_column("recording_notes", "search")


def _loose(text: str) -> str:
    """As catalog.columns.loose was when this was written."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", text).casefold())
    bare = "".join(c for c in apart if not unicodedata.combining(c))
    return bare.replace("\N{LATIN SMALL LETTER DOTLESS I}", "i").casefold()
