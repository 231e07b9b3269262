"""The catalog's own fixtures: each test that asks for a catalog runs on SQLite and on PostgreSQL."""

from tests.catalog.conftest import catalog, database, kind, postgres, server, url

__all__ = ["catalog", "database", "kind", "postgres", "server", "url"]
