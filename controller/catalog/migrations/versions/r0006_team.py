"""The queues and ring groups that each call came through, by which their supervisors find it."""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_BATCH = 2_000


def upgrade() -> None:
    made = op.create_table(
        "call_routes",
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["call_id"], ["calls.call_id"], name=op.f("fk_call_routes_call_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("call_id", "tenant", "scope", "name", name=op.f("pk_call_routes")),
    )
    connection = op.get_bind()
    legs = sa.table("legs", sa.column("call_id"), sa.column("routes"))
    views = sa.table("call_views", sa.column("call_id"), sa.column("tenant"), sa.column("user"))
    found = connection.execute(
        sa.select(legs.c.call_id, legs.c.routes, views.c.tenant)
        .join(views, sa.and_(views.c.call_id == legs.c.call_id, views.c.user == ""))
        .where(legs.c.routes != "[]")
    ).all()
    rows = {
        (call_id, tenant, scope, name)
        for call_id, routes, tenant in found
        for scope, name, owner in json.loads(routes)
        if scope in ("queue", "ring_group") and owner in (None, tenant)
    }
    ordered = [dict(zip(("call_id", "tenant", "scope", "name"), row, strict=True)) for row in sorted(rows)]
    for start in range(0, len(ordered), _BATCH):
        connection.execute(sa.insert(made), ordered[start : start + _BATCH])


def downgrade() -> None:
    op.drop_table("call_routes")
