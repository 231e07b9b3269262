"""Chosen spans that somebody has taken back: by whom and when."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("chosen_spans", sa.Column("taken_back_by", sa.Text(), nullable=False, server_default=""))
    op.add_column("chosen_spans", sa.Column("taken_back_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    # An older version knows no span that is history: it would take it out again.
    op.execute("DELETE FROM chosen_spans WHERE taken_back_at IS NOT NULL")
    op.drop_column("chosen_spans", "taken_back_at")
    op.drop_column("chosen_spans", "taken_back_by")
