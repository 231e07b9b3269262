"""Lists of any length: parties by trigrams, recordings by length and size, ways by name."""

from __future__ import annotations

import sqlite3

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_LENGTH = "(CASE WHEN media_ms > 0 THEN media_ms ELSE span_ms END)"

# A row of `legs` has no number that lasts (VACUUM may change SQLite's own), so each gets one.
# Nothing of the texts is kept here but their trigrams; what is found is compared with the legs themselves.
_SQLITE = (
    "CREATE TABLE party_places (number INTEGER PRIMARY KEY, call_id TEXT NOT NULL, "
    "position INTEGER NOT NULL, UNIQUE (call_id, position))",
    "CREATE VIRTUAL TABLE party_terms USING fts5("
    "search, content='', detail='none', tokenize='trigram case_sensitive 1')",
    "INSERT INTO party_places (call_id, position) SELECT call_id, position FROM legs",
    "INSERT INTO party_terms (rowid, search) SELECT p.number, l.search FROM party_places p "
    "JOIN legs l ON l.call_id = p.call_id AND l.position = p.position",
    "CREATE TRIGGER party_terms_added AFTER INSERT ON legs BEGIN "
    "INSERT INTO party_places (call_id, position) VALUES (new.call_id, new.position); "
    "INSERT INTO party_terms (rowid, search) SELECT number, new.search FROM party_places "
    "WHERE call_id = new.call_id AND position = new.position; END",
    "CREATE TRIGGER party_terms_removed AFTER DELETE ON legs BEGIN "
    "INSERT INTO party_terms (party_terms, rowid, search) SELECT 'delete', number, old.search "
    "FROM party_places WHERE call_id = old.call_id AND position = old.position; "
    "DELETE FROM party_places WHERE call_id = old.call_id AND position = old.position; END",
    "CREATE TRIGGER party_terms_changed AFTER UPDATE ON legs "
    "WHEN old.search <> new.search OR old.call_id <> new.call_id OR old.position <> new.position BEGIN "
    "INSERT INTO party_terms (party_terms, rowid, search) SELECT 'delete', number, old.search "
    "FROM party_places WHERE call_id = old.call_id AND position = old.position; "
    "UPDATE party_places SET call_id = new.call_id, position = new.position "
    "WHERE call_id = old.call_id AND position = old.position; "
    "INSERT INTO party_terms (rowid, search) SELECT number, new.search FROM party_places "
    "WHERE call_id = new.call_id AND position = new.position; END",
    "CREATE TRIGGER files_size_added AFTER INSERT ON files BEGIN "
    "UPDATE recordings SET size = size + new.size WHERE recording_id = new.recording_id; END",
    "CREATE TRIGGER files_size_removed AFTER DELETE ON files BEGIN "
    "UPDATE recordings SET size = size - old.size WHERE recording_id = old.recording_id; END",
    "CREATE TRIGGER files_size_changed AFTER UPDATE ON files "
    "WHEN old.size <> new.size OR old.recording_id <> new.recording_id BEGIN "
    "UPDATE recordings SET size = size - old.size WHERE recording_id = old.recording_id; "
    "UPDATE recordings SET size = size + new.size WHERE recording_id = new.recording_id; END",
)
_SQLITE_DOWN = (
    "DROP TRIGGER files_size_added",
    "DROP TRIGGER files_size_removed",
    "DROP TRIGGER files_size_changed",
    "DROP TRIGGER IF EXISTS party_terms_added",
    "DROP TRIGGER IF EXISTS party_terms_removed",
    "DROP TRIGGER IF EXISTS party_terms_changed",
    "DROP TABLE IF EXISTS party_terms",
    "DROP TABLE IF EXISTS party_places",
)
_POSTGRES = (
    "CREATE FUNCTION files_size() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF TG_OP = 'UPDATE' AND new.size = old.size AND new.recording_id = old.recording_id THEN "
    "RETURN NULL; END IF; "
    "IF TG_OP <> 'INSERT' THEN "
    "UPDATE recordings SET size = size - old.size WHERE recording_id = old.recording_id; END IF; "
    "IF TG_OP <> 'DELETE' THEN "
    "UPDATE recordings SET size = size + new.size WHERE recording_id = new.recording_id; END IF; "
    "RETURN NULL; END $$",
    "CREATE TRIGGER files_size AFTER INSERT OR UPDATE OR DELETE ON files "
    "FOR EACH ROW EXECUTE FUNCTION files_size()",
)


def upgrade() -> None:
    op.add_column("recordings", sa.Column("size", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute(
        "UPDATE recordings SET size = COALESCE((SELECT SUM(f.size) FROM files f "
        "WHERE f.recording_id = recordings.recording_id), 0)"
    )
    op.create_index("ix_recordings_length", "recordings", ["tenant", sa.text(_LENGTH), "recording_id"])
    op.create_index("ix_recordings_all_lengths", "recordings", [sa.text(_LENGTH), "recording_id"])
    op.create_index(
        op.f("ix_recordings_tenant_size_recording_id"), "recordings", ["tenant", "size", "recording_id"]
    )
    op.create_index(op.f("ix_recordings_size_recording_id"), "recordings", ["size", "recording_id"])
    op.create_index(
        op.f("ix_call_routes_tenant_scope_name_call_id"),
        "call_routes",
        ["tenant", "scope", "name", "call_id"],
    )
    _chosen()
    bind = op.get_bind()
    if bind.dialect.name == "sqlite":
        for statement in _SQLITE:
            # Trigrams came with SQLite 3.34; without them the list is searched row by row.
            if sqlite3.sqlite_version_info >= (3, 34) or "files_size" in statement:
                op.execute(statement)
        return
    for statement in _POSTGRES:
        op.execute(statement)
    _trigrams(bind)


def _chosen() -> None:
    def account(table: str) -> sa.ForeignKeyConstraint:
        name = op.f(f"fk_{table}_account_id")
        return sa.ForeignKeyConstraint(["account_id"], ["accounts.account_id"], name=name, ondelete="CASCADE")

    op.create_table(
        "saved_views",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("view_id", "account_id", "name", "query")),
        sa.Column("tenant", sa.Text(), nullable=True),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        account("saved_views"),
        sa.PrimaryKeyConstraint("view_id", name=op.f("pk_saved_views")),
    )
    op.create_index(op.f("ix_saved_views_account_id"), "saved_views", ["account_id"])
    op.create_index(op.f("ix_saved_views_tenant_name"), "saved_views", ["tenant", "name"])
    op.create_table(
        "list_columns",
        *(sa.Column(name, sa.Text(), nullable=False) for name in ("account_id", "list_name", "columns")),
        account("list_columns"),
        sa.PrimaryKeyConstraint("account_id", "list_name", name=op.f("pk_list_columns")),
    )


def _trigrams(bind: sa.Connection) -> None:
    """Where pg_trgm is there and we may use it; without it the list is searched row by row."""
    try:
        with bind.begin_nested():
            bind.execute(sa.text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
            bind.execute(
                sa.text("CREATE INDEX ix_legs_search_trigrams ON legs USING gin (search gin_trgm_ops)")
            )
    except sa.exc.DBAPIError:
        return


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for statement in _SQLITE_DOWN:
            op.execute(statement)
    else:
        op.execute("DROP TRIGGER files_size ON files")
        op.execute("DROP FUNCTION files_size()")
        op.execute("DROP INDEX IF EXISTS ix_legs_search_trigrams")
    op.drop_table("list_columns")
    op.drop_table("saved_views")
    op.drop_index(op.f("ix_call_routes_tenant_scope_name_call_id"), "call_routes")
    for name in (
        "ix_recordings_size_recording_id", "ix_recordings_tenant_size_recording_id",
        "ix_recordings_all_lengths", "ix_recordings_length",
    ):  # fmt: skip
        op.drop_index(name, "recordings")
    op.drop_column("recordings", "size")
