"""The proof chain, and two indexes by which what is not sealed yet is found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "chain",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("marked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("header", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "number", name=op.f("pk_chain")),
        sa.UniqueConstraint("tenant", "source", name=op.f("uq_chain_tenant_source")),
    )
    op.create_index(op.f("ix_chain_source"), "chain", ["source"], unique=False)
    op.create_index(
        op.f("ix_chain_subject_tenant_number"), "chain", ["subject", "tenant", "number"], unique=False
    )
    op.create_index(op.f("ix_recordings_media_at"), "recordings", ["media_at"], unique=False)
    op.create_index(op.f("ix_files_added_at"), "files", ["added_at"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_files_added_at"), table_name="files")
    op.drop_index(op.f("ix_recordings_media_at"), table_name="recordings")
    op.drop_table("chain")
