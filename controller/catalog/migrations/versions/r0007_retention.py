"""How long recordings are kept: rules, legal holds, tags, notes, the trash."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("recordings", sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_table(
        "deletions",
        sa.Column("recording_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted_by", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("purge_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erasure", sa.Boolean(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name=op.f("fk_deletions_recording_id")
        ),
        sa.PrimaryKeyConstraint("recording_id", name=op.f("pk_deletions")),
    )
    op.create_index(op.f("ix_deletions_state_purge_at"), "deletions", ["state", "purge_at"], unique=False)
    op.create_index(
        op.f("ix_deletions_tenant_deleted_at_recording_id"),
        "deletions",
        ["tenant", "deleted_at", "recording_id"],
        unique=False,
    )
    op.create_table(
        "retention_rules",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("keep_days", sa.Integer(), nullable=False),
        sa.Column("keep_forever", sa.Boolean(), nullable=False),
        sa.Column("delete_after_days", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant", "scope", "name", name=op.f("pk_retention_rules")),
    )
    op.create_table(
        "retention_stands",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("accepted", sa.Text(), nullable=False),
        sa.Column("waiting", sa.Text(), nullable=False),
        sa.Column("would_go", sa.Integer(), nullable=False),
        sa.Column("of_all", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("tenant", name=op.f("pk_retention_stands")),
    )
    op.create_table(
        "legal_holds",
        sa.Column("hold_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=False),
        sa.Column("lifted_why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("hold_id", name=op.f("pk_legal_holds")),
    )
    op.create_index(
        op.f("ix_legal_holds_tenant_created_at"), "legal_holds", ["tenant", "created_at"], unique=False
    )
    op.create_table(
        "held_recordings",
        sa.Column("hold_id", sa.Text(), nullable=False),
        sa.Column("recording_id", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["hold_id"], ["legal_holds.hold_id"], name=op.f("fk_held_recordings_hold_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["recording_id"], ["recordings.recording_id"], name=op.f("fk_held_recordings_recording_id")
        ),
        sa.PrimaryKeyConstraint("hold_id", "recording_id", name=op.f("pk_held_recordings")),
    )
    op.create_index(
        op.f("ix_held_recordings_recording_id"), "held_recordings", ["recording_id"], unique=False
    )
    op.create_table(
        "recording_tags",
        sa.Column("recording_id", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("added_by", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_recording_tags_recording_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("recording_id", "tag", name=op.f("pk_recording_tags")),
    )
    op.create_index(
        op.f("ix_recording_tags_tenant_tag_recording_id"),
        "recording_tags",
        ["tenant", "tag", "recording_id"],
        unique=False,
    )
    op.create_table(
        "recording_notes",
        sa.Column("note_id", sa.Text(), nullable=False),
        sa.Column("recording_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["recording_id"],
            ["recordings.recording_id"],
            name=op.f("fk_recording_notes_recording_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("note_id", name=op.f("pk_recording_notes")),
    )
    op.create_index(
        op.f("ix_recording_notes_recording_id"), "recording_notes", ["recording_id"], unique=False
    )


def downgrade() -> None:
    for table in (
        "recording_notes",
        "recording_tags",
        "held_recordings",
        "legal_holds",
        "retention_stands",
        "retention_rules",
        "deletions",
    ):
        op.drop_table(table)
    op.drop_column("recordings", "deleted_at")
