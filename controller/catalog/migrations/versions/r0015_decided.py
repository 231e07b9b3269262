"""Every change of a decision, by conversation, instead of the last one for each tenant and kind; and the
option ``announcement_in_file``, which never did what it said, is gone (docs/decisions/0021).
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("CREATE TABLE decisions_before AS SELECT * FROM decisions")
    op.drop_table("decisions")
    op.create_table(
        "decisions",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("bridge_id", "tenant", "kind", "legs", "verdict", "rule", "reason")
        ),
        _of_a_call(),
        sa.PrimaryKeyConstraint("call_id", "position", name=op.f("pk_decisions")),
    )
    # Since when and about whom they stood was not kept: from the call's begin, about nobody in particular.
    op.execute(
        "INSERT INTO decisions (call_id, position, at, bridge_id, tenant, kind, legs, verdict, rule, reason) "
        "SELECT d.call_id, ROW_NUMBER() OVER (PARTITION BY d.call_id ORDER BY d.tenant, d.kind) - 1, "
        "c.started_at, '', d.tenant, d.kind, '[]', d.verdict, d.rule, d.reason "
        "FROM decisions_before d JOIN calls c ON c.call_id = d.call_id"
    )
    op.drop_table("decisions_before")
    _drop_option()


def _drop_option() -> None:
    """Row by row: the options are JSON in a text, and few tenants had this one."""
    tenants = sa.table("tenants", sa.column("tenant", sa.Text()), sa.column("options", sa.Text()))
    bind = op.get_bind()
    rows = bind.execute(sa.select(tenants).where(tenants.c.options.contains("announcement_in_file"))).all()
    for tenant, options in rows:
        left = {key: value for key, value in json.loads(options).items() if key != "announcement_in_file"}
        text = json.dumps(left, separators=(",", ":"))
        bind.execute(tenants.update().where(tenants.c.tenant == tenant).values(options=text))


def downgrade() -> None:
    # An older version takes an option that is not there for its default: not in the file.
    op.execute(
        "CREATE TABLE decisions_since AS SELECT call_id, tenant, kind, verdict, rule, reason "
        "FROM decisions d WHERE position = (SELECT MAX(l.position) FROM decisions l "
        "WHERE l.call_id = d.call_id AND l.tenant = d.tenant AND l.kind = d.kind)"
    )
    op.drop_table("decisions")
    op.create_table(
        "decisions",
        *(
            sa.Column(name, sa.Text(), nullable=False)
            for name in ("call_id", "tenant", "kind", "verdict", "rule", "reason")
        ),
        _of_a_call(),
        sa.PrimaryKeyConstraint("call_id", "tenant", "kind", name=op.f("pk_decisions")),
    )
    op.execute(
        "INSERT INTO decisions (call_id, tenant, kind, verdict, rule, reason) "
        "SELECT call_id, tenant, kind, verdict, rule, reason FROM decisions_since"
    )
    op.drop_table("decisions_since")


def _of_a_call() -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["call_id"], ["calls.call_id"], name=op.f("fk_decisions_call_id"), ondelete="CASCADE"
    )
