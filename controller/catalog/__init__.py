"""Rows: what outlives the controller, on SQLite or PostgreSQL."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .database import Database, DatabaseUnavailable, open_database

if TYPE_CHECKING:
    from .facade import SqlCatalog
    from .media_rows import UnknownRecording
    from .repository import CallsNotSaved

__all__ = [
    "CallsNotSaved",
    "Database",
    "DatabaseUnavailable",
    "SqlCatalog",
    "UnknownRecording",
    "open_database",
]

#: Only for those who want it: all of the catalog is large, and a worker has a part (work.py).
_WHERE = {"CallsNotSaved": "repository", "SqlCatalog": "facade", "UnknownRecording": "media_rows"}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)
