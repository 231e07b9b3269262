"""The configuration's part about the catalog's database: ``[database]``."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from pydantic import Field, field_validator, model_validator

from .storage import ConfigError, Section

SQLITE, POSTGRESQL = "sqlite+aiosqlite://", "postgresql+asyncpg://"


class DatabaseConfig(Section):
    url: str = Field(
        f"{SQLITE}/data/tapeline.db",
        description="SQLAlchemy URL: sqlite+aiosqlite:///FILE or postgresql+asyncpg://USER@HOST/NAME.",
        repr=False,
    )
    password_file: Path | None = Field(
        None, description="A file that holds PostgreSQL's password, so that the URL need not."
    )

    @field_validator("url")
    @classmethod
    def _async_driver(cls, value: str) -> str:
        if not value.startswith((SQLITE, POSTGRESQL)):
            raise ValueError("must begin with sqlite+aiosqlite:// or postgresql+asyncpg://")
        return value

    @model_validator(mode="after")
    def _one_password(self) -> DatabaseConfig:
        if self.password_file is not None:
            if not self.url.startswith(POSTGRESQL):
                raise ValueError("password_file is for PostgreSQL; SQLite has no password")
            parts = urlsplit(self.url)
            if not parts.username or parts.password is not None:
                raise ValueError("with password_file, url names a user and no password: USER@HOST")
        return self


def anchored_database(database: DatabaseConfig, folder: Path) -> DatabaseConfig:
    """The same with its relative paths made absolute."""
    url, prefix = database.url, f"{SQLITE}/"
    if url.startswith(prefix) and not url.startswith(prefix + "/") and ":memory:" not in url:
        url = prefix + str(folder / url.removeprefix(prefix))
    file = database.password_file
    return database.model_copy(update={"url": url, "password_file": folder / file if file else None})


def sqlite_file(database: DatabaseConfig) -> Path | None:
    """The file, if it is one."""
    path = database.url.removeprefix(f"{SQLITE}/").partition("?")[0]
    return None if path in ("", database.url) or ":memory:" in path else Path(path)


def with_password(database: DatabaseConfig) -> DatabaseConfig:
    """The same with the password of its file in the URL. Raises ConfigError if it cannot be read."""
    if database.password_file is None:
        return database
    try:
        password = database.password_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"database.password_file: cannot read {database.password_file}: {error.strerror}"
        ) from error
    parts = urlsplit(database.url)
    user, _, host = parts.netloc.rpartition("@")
    url = urlunsplit(parts._replace(netloc=f"{user}:{quote(password, safe='')}@{host}"))
    return database.model_copy(update={"url": url})
