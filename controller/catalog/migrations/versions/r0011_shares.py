"""Links to recordings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    op.create_table(
        "shares",
        *(_text(name) for name in ("share_id", "token_sha256", "tenant", "account_id", "made_by", "label")),
        _time("created_at"),
        _time("expires_at"),
        _text("audience"),
        sa.Column("download", sa.Boolean(), nullable=False),
        sa.Column("names", sa.Boolean(), nullable=False),
        sa.Column("most_uses", sa.Integer(), nullable=True),
        sa.Column("uses", sa.Integer(), nullable=False),
        _time("last_used_at", nullable=True),
        _time("revoked_at", nullable=True),
        _text("revoked_by"),
        _text("password_hash"),
        sa.ForeignKeyConstraint(
            ["account_id"], ["accounts.account_id"], name=op.f("fk_shares_account_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("share_id", name=op.f("pk_shares")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_shares_token_sha256")),
    )
    op.create_index(op.f("ix_shares_account_id"), "shares", ["account_id"])
    op.create_index(op.f("ix_shares_tenant_created_at"), "shares", ["tenant", "created_at"])
    op.create_table(
        "share_recordings",
        _text("share_id"),
        sa.Column("position", sa.Integer(), nullable=False),
        _text("recording_id"),
        sa.ForeignKeyConstraint(
            ["share_id"], ["shares.share_id"], name=op.f("fk_share_recordings_share_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name=op.f("fk_share_recordings_recording_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("share_id", "position", name=op.f("pk_share_recordings")),
    )  # fmt: skip
    op.create_index(op.f("ix_share_recordings_recording_id"), "share_recordings", ["recording_id"])


def downgrade() -> None:
    op.drop_table("share_recordings")
    op.drop_table("shares")
