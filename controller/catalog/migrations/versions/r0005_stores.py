"""Where each file lies: its store, the store that may still hold an older copy, and how it is sealed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("files", sa.Column("store", sa.Text(), nullable=False, server_default="home"))
    op.add_column("files", sa.Column("old_store", sa.Text(), nullable=False, server_default=""))
    op.add_column("files", sa.Column("sealing", sa.Text(), nullable=False, server_default=""))
    op.create_index(op.f("ix_files_store_key"), "files", ["store", "key"], unique=False)
    op.create_index(op.f("ix_files_old_store"), "files", ["old_store"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_files_old_store"), table_name="files")
    op.drop_index(op.f("ix_files_store_key"), table_name="files")
    op.drop_column("files", "sealing")
    op.drop_column("files", "old_store")
    op.drop_column("files", "store")
