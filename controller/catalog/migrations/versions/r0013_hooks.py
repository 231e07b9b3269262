"""Webhooks: the endpoints, and triggers that note for each what it is to be told of.

Triggers, because a recording's state is changed in many places (calls saved, media, trash, retention, the
sweep) and an event must be written in the same transaction, by whoever it is. Without an endpoint they
write nothing.
"""

# ruff: noqa: S608
from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# (table, verb, condition, event, time, detail). Written out here: a migration does not follow the source.
_STATE = "NEW.media_state = '{s}' AND OLD.media_state <> '{s}'"
_EVENTS = (
    ("recordings", "INSERT", "true", "recording.started", "NEW.started_at", "''"),
    ("recordings", "INSERT", "NEW.ended_at IS NOT NULL", "recording.completed", "NEW.ended_at", "''"),
    ("recordings", "UPDATE", "NEW.ended_at IS NOT NULL AND OLD.ended_at IS NULL", "recording.completed",
     "NEW.ended_at", "''"),
    ("recordings", "UPDATE", _STATE.format(s="available"), "recording.available", "NEW.media_at", "''"),
    ("recordings", "UPDATE", _STATE.format(s="failed"), "recording.failed", "NEW.media_at", "'failed'"),
    ("recordings", "UPDATE", _STATE.format(s="empty"), "recording.failed", "NEW.media_at", "'empty'"),
    ("recordings", "UPDATE", "NEW.deleted_at IS NOT NULL AND OLD.deleted_at IS NULL", "recording.deleted",
     "NEW.deleted_at", "'trashed'"),
    ("recordings", "UPDATE", _STATE.format(s="erased"), "recording.deleted", "NEW.media_at", "'erased'"),
    ("recordings", "UPDATE", _STATE.format(s="discarded"), "recording.deleted", "NEW.media_at",
     "'discarded'"),
    ("recordings", "UPDATE", "NEW.deleted_at IS NULL AND OLD.deleted_at IS NOT NULL", "recording.restored",
     "NEW.media_at", "''"),
    ("pauses", "INSERT", "NEW.masked_at IS NOT NULL", "recording.paused", "NEW.masked_at", "NEW.pause_id"),
    ("pauses", "INSERT", "NEW.unmasked_at IS NOT NULL", "recording.resumed", "NEW.unmasked_at",
     "NEW.pause_id"),
    ("pauses", "UPDATE", "NEW.masked_at IS NOT NULL AND OLD.masked_at IS NULL", "recording.paused",
     "NEW.masked_at", "NEW.pause_id"),
    ("pauses", "UPDATE", "NEW.unmasked_at IS NOT NULL AND OLD.unmasked_at IS NULL", "recording.resumed",
     "NEW.unmasked_at", "NEW.pause_id"),
    ("audit", "INSERT", "NEW.subject LIKE 'recording %' AND NEW.action IN ('listen', 'download', "
     "'read transcript')", "recording.accessed", "NEW.at", "CAST(NEW.number AS TEXT)"),
)  # fmt: skip

_COLUMNS = (
    "message_id, hook_id, event, recording_id, tenant, at, detail, state, tries, lease, status, response, "
    "error, took_ms"
)


_PAUSED_OF = "(SELECT r.tenant FROM recordings r WHERE r.recording_id = NEW.recording_id)"


def _noting(dialect: str, table: str, condition: str, event: str, at: str, detail: str) -> str:
    sqlite = dialect == "sqlite"
    number = "lower(hex(randomblob(16)))" if sqlite else "replace(CAST(gen_random_uuid() AS TEXT), '-', '')"
    recording = "substr(NEW.subject, 11)" if table == "audit" else "NEW.recording_id"
    tenant = _PAUSED_OF if table == "pauses" else "NEW.tenant"
    return (
        f"INSERT INTO hook_deliveries ({_COLUMNS}) SELECT 'msg_' || {number}, h.hook_id, '{event}', "
        f"{recording}, {tenant}, {at}, {detail}, 'waiting', 0, '', 0, '', '', 0 FROM hooks h WHERE h.enabled "
        f"AND (h.tenant IS NULL OR h.tenant = {tenant}) "
        f"AND (h.events = '[]' OR h.events LIKE '%\"{event}\"%') AND {condition} ORDER BY h.hook_id;"
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _time(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def upgrade() -> None:
    op.create_table(
        "hooks",
        _text("hook_id"),
        sa.Column("tenant", sa.Text(), nullable=True),
        *(_text(name) for name in ("url", "label", "events")),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        _whole("parallel"),
        _time("created_at", nullable=False),
        *(_text(name) for name in ("sealed", "old_sealed")),
        _time("old_until"),
        _whole("failures"),
        *(_time(name) for name in ("failing_since", "resting_until")),
        _text("off_why"),
        sa.PrimaryKeyConstraint("hook_id", name=op.f("pk_hooks")),
    )
    op.create_index(op.f("ix_hooks_tenant"), "hooks", ["tenant"])
    op.create_table(
        "hook_deliveries",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True,
                  nullable=False),
        *(_text(name) for name in ("message_id", "hook_id", "event", "recording_id")),
        sa.Column("tenant", sa.Text(), nullable=True),
        _time("at", nullable=False),
        *(_text(name) for name in ("detail", "state")),
        _whole("tries"),
        *(_time(name) for name in ("next_at", "first_at", "last_at", "leased_until")),
        _text("lease"),
        _whole("status"),
        *(_text(name) for name in ("response", "error")),
        sa.Column("took_ms", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["hook_id"], ["hooks.hook_id"], name=op.f("fk_hook_deliveries_hook_id"),
                                ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_hook_deliveries")),
        sa.UniqueConstraint("message_id", name=op.f("uq_hook_deliveries_message_id")),
    )  # fmt: skip
    op.create_index(op.f("ix_hook_deliveries_hook_id_number"), "hook_deliveries", ["hook_id", "number"])
    waiting = sa.text("state = 'waiting'")
    op.create_index("ix_hook_deliveries_waiting", "hook_deliveries", ["hook_id", "number"],
                    sqlite_where=waiting, postgresql_where=waiting)  # fmt: skip
    op.create_index(op.f("ix_hook_deliveries_last_at"), "hook_deliveries", ["last_at"])
    for table, verb in _triggers():
        _trigger(table, verb)


def _triggers() -> list[tuple[str, str]]:
    return list(dict.fromkeys((table, verb) for table, verb, *_ in _EVENTS))


def _trigger(table: str, verb: str) -> None:
    dialect = op.get_bind().dialect.name
    name = f"hooks_of_{table}_{verb.lower()}"
    body = " ".join(
        _noting(dialect, *one) for one in ((t, *rest) for t, v, *rest in _EVENTS if (t, v) == (table, verb))
    )
    some = "EXISTS (SELECT 1 FROM hooks WHERE enabled)"
    if dialect == "sqlite":
        op.execute(f"CREATE TRIGGER {name} AFTER {verb} ON {table} WHEN {some} BEGIN {body} END")
        return
    op.execute(
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN IF {some} THEN {body} END IF; RETURN NULL; END $$"
    )
    op.execute(f"CREATE TRIGGER {name} AFTER {verb} ON {table} FOR EACH ROW EXECUTE FUNCTION {name}()")


def downgrade() -> None:
    for table, verb in _triggers():
        name = f"hooks_of_{table}_{verb.lower()}"
        if op.get_bind().dialect.name == "sqlite":
            op.execute(f"DROP TRIGGER {name}")
        else:
            op.execute(f"DROP TRIGGER {name} ON {table}")
            op.execute(f"DROP FUNCTION {name}()")
    op.drop_table("hook_deliveries")
    op.drop_table("hooks")
