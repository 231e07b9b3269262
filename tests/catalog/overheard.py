"""What goes to a database meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event

from controller.catalog import Database

#: A statement and its parameters, as the driver gets them.
Statement = tuple[str, Any]


@contextmanager
def overheard(database: Database) -> Iterator[list[Statement]]:
    """Grows with every statement but those that begin a transaction."""
    said: list[Statement] = []

    def hear(connection: Any, cursor: Any, statement: str, parameters: Any, *more: Any) -> None:
        if not statement.startswith("BEGIN"):
            said.append((statement, parameters))

    event.listen(database.engine.sync_engine, "before_cursor_execute", hear)
    try:
        yield said
    finally:
        event.remove(database.engine.sync_engine, "before_cursor_execute", hear)
