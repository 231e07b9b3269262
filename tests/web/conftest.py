"""A populated world for each test; the password is hashed once (argon2 is slow on purpose)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pwdlib import PasswordHash

from .world import PASSWORD, World, opened, populate


@pytest.fixture(scope="session")
def password_hash() -> str:
    return PasswordHash.recommended().hash(PASSWORD)


@pytest.fixture
async def world(tmp_path: Path, password_hash: str) -> AsyncIterator[World]:
    async with opened(tmp_path) as made:
        await populate(made, password_hash)
        yield made
