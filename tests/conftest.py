"""What all tests share: hypothesis profiles, and a deadline poll instead of sleeps."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import routing
from hypothesis import HealthCheck, settings
from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher
from sqlalchemy.ext.asyncio import AsyncEngine

from controller.catalog import database as catalog_database

from .budget import Budget, tell_what_was_not_tried
from .longest import by_length

# No deadline: on a machine that is busy with a real switch a slow example is no failure.
settings.register_profile(
    "default", deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

# pytest-xdist tells its workers a width, which would be that of every command line that is tried.
os.environ.pop("COLUMNS", None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--lane", choices=("beside", "after"),
        help="beside: what may run beside tests that measure calls; after: what may not (see scripts/test)",
    )  # fmt: skip
    parser.addoption("--until", type=float, metavar="SECONDS", help="since 1970; later no test begins")
    parser.addoption("--turn", metavar="TEXT", help="what takes longest is last, in an order by this text")


def pytest_configure(config: pytest.Config) -> None:
    if until := config.getoption("--until"):
        config.pluginmanager.register(Budget(until))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    tell_what_was_not_tried(terminalreporter)


#: Folders whose tests start no process that gets a session of its own, but for PostgreSQL's and Chromium's.
_BESIDE = {
    "core", "engine", "docs", "catalog", "hooks", "metrics", "fuzz", "web", "media", "proof", "transcripts",
    "client",
}  # fmt: skip


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """What cannot be beside is not looked into for it: that would take each worker a quarter of a minute."""
    elsewhere = collection_path.parent == Path(__file__).parent and collection_path.name not in _BESIDE
    return True if elsewhere and config.getoption("--lane") == "beside" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest comes first; or last, by turns. And the lanes: browsers, PostgreSQL, controllers and
    switches run in sessions of their own, and Linux shares the processor out by sessions first: however nice
    the tests are, those would take theirs from the calls."""
    here = Path(__file__).parent
    items[:] = by_length(items, here, turn=config.getoption("--turn"))
    lane = config.getoption("--lane")
    if not lane:
        return

    def beside(item: pytest.Item) -> bool:
        folder = item.path.relative_to(here).parts[0]
        in_a_browser = "CHROMIUM" in vars(getattr(item, "module", None) or object)
        return folder in _BESIDE and not in_a_browser and item.get_closest_marker("postgres") is None

    config.hook.pytest_deselected(items=[i for i in items if beside(i) != (lane == "beside")])
    items[:] = [i for i in items if beside(i) == (lane == "beside")]


_migrate = catalog_database._migrate
#: Who goes by all revisions, one after the other, because that is what is tried.
_ABOUT_MIGRATIONS = {"tests.catalog.test_database", "tests.catalog.test_migrations"}


@pytest.fixture(autouse=True)
def _migrated_once(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new SQLite catalog begins as a copy of one that was migrated once in this process: more than a
    thousand tests make one, and all revisions one after the other take ten times as long."""
    if request.module.__name__ in _ABOUT_MIGRATIONS:
        return
    template = tmp_path_factory.getbasetemp() / "migrated.sqlite"

    async def migrate(engine: AsyncEngine) -> None:
        path = engine.url.database
        if engine.dialect.name == "sqlite" and path and ":memory:" not in path and not Path(path).exists():
            if not template.exists():
                made = catalog_database._engine(engine.url.set(database=str(template)))
                await _migrate(made)
                await made.dispose()
            shutil.copyfile(template, path)
        await _migrate(engine)

    monkeypatch.setattr(catalog_database, "_migrate", migrate)


_build = routing._EffectiveRouteContext.from_api_route
_built: dict[tuple[int, str], Any] = {}


@pytest.fixture(autouse=True, scope="session")
def _routes_once() -> Iterator[None]:
    """What FastAPI makes of our routes is made once for all applications of this process: it takes half a
    second, more than most tests of the pages, and more than a thousand tests make an application."""

    def once(*, original_route: routing.APIRoute, include_context: Any) -> Any:
        key = id(original_route), include_context.path_for(original_route)
        if key not in _built:
            _built[key] = _build(original_route=original_route, include_context=include_context)
        return _built[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routing._EffectiveRouteContext, "from_api_route", once)
        yield


@pytest.fixture(autouse=True, scope="session")
def _quick_hashes() -> Iterator[None]:
    """argon2 with as little work as it knows: a sign-in takes a quarter of a second otherwise, on purpose."""
    quick = PasswordHash((Argon2Hasher(time_cost=1, memory_cost=8, parallelism=1),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PasswordHash, "recommended", lambda: quick)
        yield


Eventually = Callable[..., Awaitable[None]]


@pytest.fixture
def eventually() -> Eventually:
    """``await eventually(lambda: condition, "what should have happened")``, within five seconds."""

    async def wait(condition: Callable[[], object], what: str = "the condition", within: float = 5.0) -> None:
        deadline = time.monotonic() + within
        while not condition():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within} s: {what}")
            await asyncio.sleep(0.005)

    return wait
