"""A populated world for each test, copied from one that is made once."""

from __future__ import annotations

import asyncio
import copy
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pwdlib import PasswordHash

from .world import PASSWORD, World, opened, populate


@pytest.fixture(scope="session")
def password_hash(_quick_hashes: None) -> str:
    return PasswordHash.recommended().hash(PASSWORD)


@pytest.fixture(scope="session")
def populated(tmp_path_factory: pytest.TempPathFactory, password_hash: str) -> tuple[Path, World]:
    """A world, closed again, and its folder: to fill one takes longer than most tests of it."""
    folder = tmp_path_factory.mktemp("world")

    async def make() -> World:
        async with opened(folder) as made:
            await populate(made, password_hash)
            return made

    return folder, asyncio.run(make())


@pytest.fixture
async def world(tmp_path: Path, populated: tuple[Path, World]) -> AsyncIterator[World]:
    folder, first = populated
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    async with opened(tmp_path) as made:
        vars(made.story).update(copy.deepcopy(vars(first.story)))
        for name in ("tokens", "calls", "recordings", "sound"):
            setattr(made, name, dict(getattr(first, name)))
        yield made
