"""Indexes for what is rare in a list of recordings: failed, empty, running, silent, films, one format."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_IN_TIME = ["tenant", "started_at", "recording_id"]
_RUNNING = sa.text("ended_at IS NULL")
_REMARK = sa.text("media_error <> ''")
_STATES = "ix_recordings_tenant_media_state_started_at_recording_id"
_KINDS = "ix_recordings_tenant_kind_started_at_recording_id"
_FORMATS = "ix_files_format_recording_id"


def upgrade() -> None:
    op.create_index(op.f(_STATES), "recordings", ["tenant", "media_state", "started_at", "recording_id"])
    op.create_index(op.f(_KINDS), "recordings", ["tenant", "kind", "started_at", "recording_id"])
    for name, where in (("ix_recordings_running", _RUNNING), ("ix_recordings_remarks", _REMARK)):
        op.create_index(name, "recordings", _IN_TIME, sqlite_where=where, postgresql_where=where)
    op.create_index(op.f(_FORMATS), "files", ["format", "recording_id"])


def downgrade() -> None:
    op.drop_index(op.f(_FORMATS), "files")
    for name in ("ix_recordings_remarks", "ix_recordings_running", _KINDS, _STATES):
        op.drop_index(name, "recordings")
