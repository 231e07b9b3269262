"""Runs the revisions. Alembic loads this file by its path; `schema` hands in the connection."""

from __future__ import annotations

from alembic import context

from controller.catalog.tables import every_table

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=every_table(), render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
