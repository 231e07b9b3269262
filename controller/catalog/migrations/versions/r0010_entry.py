"""How people come in: sessions, second factors, identities, groups, tokens' scopes; and an audit that the
database itself only lets grow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_TABLES = (
    "account_groups", "group_members", "groups", "identities", "recovery_codes", "second_factors", "sessions",
)  # fmt: skip


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _part_of(table: str, parent: str) -> sa.ForeignKeyConstraint:
    column = parent.partition(".")[2]
    return sa.ForeignKeyConstraint([column], [parent], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE")


def upgrade() -> None:
    op.create_table(
        "sessions",
        *(_text(name) for name in ("session_id", "nonce", "account_id", "stage")),
        *(_time(name) for name in ("created_at", "last_used_at", "expires_at")),
        *(_text(name) for name in ("address", "device", "means")),
        _part_of("sessions", "accounts.account_id"),
        sa.PrimaryKeyConstraint("session_id", name=op.f("pk_sessions")),
        sa.UniqueConstraint("nonce", name=op.f("uq_sessions_nonce")),
    )
    op.create_index(op.f("ix_sessions_account_id"), "sessions", ["account_id"])
    op.create_table(
        "second_factors",
        _text("account_id"),
        _text("sealed"),
        _time("confirmed_at", nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        _part_of("second_factors", "accounts.account_id"),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_second_factors")),
    )
    op.create_table(
        "recovery_codes",
        _text("account_id"),
        _text("code_sha256"),
        _part_of("recovery_codes", "accounts.account_id"),
        sa.PrimaryKeyConstraint("account_id", "code_sha256", name=op.f("pk_recovery_codes")),
    )
    op.create_table(
        "identities",
        *(_text(name) for name in ("issuer", "subject", "account_id")),
        _time("created_at"),
        _part_of("identities", "accounts.account_id"),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_identities")),
    )
    op.create_index(op.f("ix_identities_account_id"), "identities", ["account_id"])
    op.create_table(
        "groups",
        *(_text(name) for name in ("group_id", "tenant", "name")),
        sa.PrimaryKeyConstraint("group_id", name=op.f("pk_groups")),
        sa.UniqueConstraint("tenant", "name", name=op.f("uq_groups_tenant_name")),
    )
    op.create_table(
        "group_members",
        *(_text(name) for name in ("group_id", "kind", "name")),
        _part_of("group_members", "groups.group_id"),
        sa.PrimaryKeyConstraint("group_id", "kind", "name", name=op.f("pk_group_members")),
    )
    op.create_table(
        "account_groups",
        *(_text(name) for name in ("account_id", "group_id")),
        _part_of("account_groups", "accounts.account_id"),
        _part_of("account_groups", "groups.group_id"),
        sa.PrimaryKeyConstraint("account_id", "group_id", name=op.f("pk_account_groups")),
    )
    op.create_index(op.f("ix_account_groups_group_id"), "account_groups", ["group_id"])
    op.add_column("api_tokens", sa.Column("scopes", sa.Text(), nullable=True))
    _only_grows()


def _only_grows() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_no_{verb.lower()} BEFORE {verb} ON audit "
                "BEGIN SELECT RAISE(ABORT, 'the audit only grows'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION audit_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit only grows'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit "
        "FOR EACH STATEMENT EXECUTE FUNCTION audit_only_grows()"
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(f"DROP TRIGGER audit_no_{verb}")
    else:
        op.execute("DROP TRIGGER audit_only_grows ON audit")
        op.execute("DROP FUNCTION audit_only_grows()")
    op.drop_column("api_tokens", "scopes")
    for table in _TABLES:
        op.drop_table(table)
