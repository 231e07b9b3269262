"""The schema's revisions: bring a database up or down, and tell how it differs from the tables."""

from __future__ import annotations

from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from .newest import MIGRATIONS, UnknownSchema
from .tables import every_table


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration without a file, so that it works wherever the package lies."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, revision: str = "head") -> None:
    """Within the caller's transaction: all of it or nothing. Raises UnknownSchema."""
    try:
        command.upgrade(alembic_config(connection), revision)
    except CommandError as error:
        raise UnknownSchema(str(error)) from error


def downgrade(connection: Connection, revision: str) -> None:
    command.downgrade(alembic_config(connection), revision)


def differences(connection: Connection) -> list[Any]:
    """What the database lacks or has beyond the tables; empty if they agree."""
    options = {"compare_type": True, "include_object": _compared}
    context = MigrationContext.configure(connection, opts=options)
    return list(compare_metadata(context, every_table()))


def _compared(thing: Any, name: str | None, kind: str, reflected: bool, other: Any) -> bool:
    """Not what full-text search has of its own on each database (see revisions 0009 and 0014)."""
    own: tuple[str, ...] = ("utterance_terms", "ix_utterances_terms", "party_terms", "party_places")
    # The last two are by an expression, which SQLite does not tell of.
    own += ("ix_legs_search", "ix_recordings_length", "ix_recordings_all_lengths")
    return not (name or "").startswith(own)


def knows(revision: str) -> bool:
    """Whether it is one of ours, so that a database of it can be brought up to date."""
    script = ScriptDirectory.from_config(alembic_config())
    return any(found.revision == revision for found in script.walk_revisions())
