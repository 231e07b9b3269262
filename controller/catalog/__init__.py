"""Rows: what outlives the controller, on SQLite or PostgreSQL."""

from .database import Database, DatabaseUnavailable, open_database
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
