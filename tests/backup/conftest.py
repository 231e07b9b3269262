"""A running world to be backed up, and a fresh place to put it back into."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from controller.config import Config
from tests.catalog.conftest import catalog, database, empty_url, kind, postgres, server, url
from tests.proof.conftest import World, world

__all__ = ["catalog", "database", "empty_url", "kind", "postgres", "server", "url", "world"]


@dataclass
class Places:
    """Two configurations: where it ran, and where it is to run again."""

    old: Config
    fresh: Config
    folder: Path


def configuration(url: str, folder: Path) -> Config:
    values: dict[str, Any] = {
        "database": {"url": url},
        "storage": {"path": folder / "store"},
        "web": {"secret_file": folder / "keys/session.key"},
        "proof": {"key_file": folder / "keys/proof.key"},
        "sealing": [{"name": "everybody", "tenants": ["*"], "key_file": folder / "keys/sealing.keys"}],
    }
    return Config.model_validate(values)


@pytest.fixture
def places(url: str, empty_url: str, world: World, tmp_path: Path) -> Places:
    world.keys()
    (tmp_path / "keys/session.key").write_bytes(b"s" * 48)
    (tmp_path / "keys/sealing.keys").write_text("k1 " + "A" * 43 + "=\n")
    return Places(configuration(url, tmp_path), configuration(empty_url, tmp_path / "fresh"), tmp_path)
