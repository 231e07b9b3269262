"""Reports by sums that are kept: by quarters of an hour and days, counted anew where something has changed.

Every change of what is counted marks its quarter of an hour, in its own transaction, whoever makes it. What
there is already is marked, too: the running controller counts it, and reports are right meanwhile.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

_SUMS = (
    "calls", "answered", "talk_ms", "recordings", "recorded_ms", "stored", "pauses", "paused_ms",
    "longest_pause_ms", "missing",
)  # fmt: skip
#: Table → (which of its rows' times, with {row} for old or new, what must have changed in an update).
_OF_CALL = "(SELECT started_at FROM calls WHERE call_id = {row}.call_id)"
_MARKED: dict[str, tuple[str, str]] = {
    "calls": ("{row}.started_at", ""),
    "call_views": ("{row}.started_at", ""),
    "call_routes": (_OF_CALL, ""),
    "decisions": (_OF_CALL, ""),
    "recordings": (_OF_CALL, ""),
    "pauses": (
        "(SELECT c.started_at FROM recordings r JOIN calls c ON c.call_id = r.call_id "
        "WHERE r.recording_id = {row}.recording_id)", "",
    ),
    # A file's size changes its recording's, which marks the call (revision 0014).
    "files": ("{row}.added_at", "old.size <> new.size OR old.added_at <> new.added_at"),
}  # fmt: skip
_VERBS = {"INSERT": ("new",), "DELETE": ("old",), "UPDATE": ("old", "new")}


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    op.create_table(
        "report_sums",
        sa.Column("span_s", sa.Integer(), nullable=False),
        sa.Column("part", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _SUMS),
        sa.PrimaryKeyConstraint("span_s", "part", "tenant", "slot", "name", name=op.f("pk_report_sums")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_report_sums_span_s_slot"), "report_sums", ["span_s", "slot"])
    op.create_table(
        "report_calls",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("what", "tenant")),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.call_id"], name=op.f("fk_report_calls_call_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("what", "tenant", "started_at", "call_id", name=op.f("pk_report_calls")),
        sqlite_with_rowid=False,
    )
    for column in ("started_at", "call_id"):
        op.create_index(op.f(f"ix_report_calls_{column}"), "report_calls", [column])
    op.create_table(
        "report_stale",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_report_stale")),
    )
    op.create_index(op.f("ix_report_stale_slot"), "report_stale", ["slot"])
    shown = sa.text("deleted_at IS NULL")
    op.create_index(
        "ix_recordings_shown", "recordings", ["tenant", "started_at", "recording_id", "call_id"],
        sqlite_where=shown, postgresql_where=shown,
    )  # fmt: skip
    # Free words look through a tenant's notes; without this, through everybody's.
    op.create_index(op.f("ix_recording_notes_tenant"), "recording_notes", ["tenant"])
    for statement in _sqlite() if sqlite else _postgres():
        op.execute(statement)
    quarter = _SQLITE_QUARTER if sqlite else _POSTGRES_QUARTER
    op.execute(
        "INSERT INTO report_stale (slot) "  # noqa: S608
        f"SELECT {quarter.format(at='started_at')} FROM calls "
        f"UNION SELECT {quarter.format(at='added_at')} FROM files"
    )


_SQLITE_QUARTER = "CAST(strftime('%s', {at}) AS INTEGER) / 900"
_POSTGRES_QUARTER = "CAST(floor(extract(epoch FROM {at}) / 900) AS integer)"


def _sqlite() -> list[str]:
    made = []
    for table, (at, changed) in _MARKED.items():
        for verb, rows in _VERBS.items():
            # One writer at a time, so a mark that is there stands for this change as well.
            marks = "".join(
                f"INSERT INTO report_stale (slot) SELECT q FROM (SELECT {quarter} AS q) "  # noqa: S608
                "WHERE q IS NOT NULL AND NOT EXISTS (SELECT 1 FROM report_stale WHERE slot = q); "
                for quarter in (_SQLITE_QUARTER.format(at=at.format(row=row)) for row in rows)
            )
            when = f"WHEN {changed} " if verb == "UPDATE" and changed else ""
            name = f"report_{table}_{verb.lower()}"
            made.append(f"CREATE TRIGGER {name} AFTER {verb} ON {table} {when}BEGIN {marks}END")
    return made


def _postgres() -> list[str]:
    # Only this transaction's own mark stands for this change: another may be gone before we commit.
    made = [
        "CREATE FUNCTION report_mark(at timestamptz) RETURNS void LANGUAGE plpgsql AS $$ "  # noqa: S608
        f"DECLARE q integer := {_POSTGRES_QUARTER.format(at='at')}; BEGIN "
        "IF q IS NULL THEN RETURN; END IF; "
        "IF NOT EXISTS (SELECT 1 FROM report_stale s WHERE s.slot = q "
        "AND s.xmin::text::bigint = txid_current() % 4294967296) THEN "
        "INSERT INTO report_stale (slot) VALUES (q); END IF; END $$"
    ]
    for table, (at, changed) in _MARKED.items():
        old, new = (f"PERFORM report_mark({at.format(row=row)}); " for row in ("old", "new"))
        same = f"IF TG_OP = 'UPDATE' AND NOT ({changed}) THEN RETURN NULL; END IF; " if changed else ""
        made += [
            f"CREATE FUNCTION report_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {same}"
            f"IF TG_OP <> 'INSERT' THEN {old}END IF; "
            f"IF TG_OP <> 'DELETE' THEN {new}END IF; RETURN NULL; END $$",
            f"CREATE TRIGGER report_{table} AFTER INSERT OR UPDATE OR DELETE ON {table} "
            f"FOR EACH ROW EXECUTE FUNCTION report_{table}()",
        ]
    return made


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for table in _MARKED:
            for verb in _VERBS:
                op.execute(f"DROP TRIGGER report_{table}_{verb.lower()}")
    else:
        for table in _MARKED:
            op.execute(f"DROP TRIGGER report_{table} ON {table}")
            op.execute(f"DROP FUNCTION report_{table}()")
        op.execute("DROP FUNCTION report_mark(timestamptz)")
    op.drop_index(op.f("ix_recording_notes_tenant"), "recording_notes")
    op.drop_index("ix_recordings_shown", "recordings")
    op.drop_table("report_stale")
    op.drop_table("report_calls")
    op.drop_table("report_sums")
