"""The command line as people use it: against a catalog of its own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
import structlog
from click.testing import Result
from typer.testing import CliRunner

from controller.catalog import SqlCatalog, open_database
from controller.cli import app
from controller.core.errors import TapelineError

T = TypeVar("T")


class Tapeline:
    """``run`` a command line, or work ``within`` its catalog."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite+aiosqlite:///{folder}/tapeline.db"
        self.environ = {"TAPELINE_DATABASE__URL": self.url, "COLUMNS": "200", "NO_COLOR": "1"}

    def run(self, *words: str) -> str:
        """What it prints; raises what it fails with."""
        result: Result = CliRunner().invoke(app, list(words), env=self.environ)
        structlog.reset_defaults()  # a command's log goes to its own screen, which is closed now
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    def json(self, *words: str) -> Any:
        return json.loads(self.run(*words, "--json"))

    def refused(self, *words: str) -> str:
        """The one sentence with which a command is refused."""
        with pytest.raises((TapelineError, ExceptionGroup)) as caught:
            self.run(*words)
        error = caught.value
        while isinstance(error, ExceptionGroup):
            (error,) = error.exceptions
        assert isinstance(error, TapelineError)
        return str(error)

    def within(self, work: Callable[[SqlCatalog], Awaitable[T]]) -> T:
        async def run() -> T:
            catalog = SqlCatalog(await open_database(self.url))
            try:
                return await work(catalog)
            finally:
                await catalog.close()

        return asyncio.run(run())


@pytest.fixture
def tapeline(tmp_path: Path) -> Tapeline:
    return Tapeline(tmp_path)
