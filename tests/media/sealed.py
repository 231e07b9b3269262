"""Keys and stores of tests that seal."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from controller.config import SealingConfig
from controller.media.seal_keys import Keyring, new_key
from controller.media.shelves import Destination, Shelf, Stores
from controller.media.store import LocalStore

KEY = 32


def key_file(folder: Path, name: str = "sealing.keys", count: int = 1) -> Path:
    file = folder / name
    file.write_text("".join(new_key() for _ in range(count)))
    file.chmod(0o600)
    return file


def section(file: Path, *tenants: str, name: str = "all") -> SealingConfig:
    return SealingConfig(name=name, tenants=tenants or ("*",), key_file=file)


def sealing_stores(
    home: LocalStore,
    folder: Path,
    shelves: Mapping[str, Shelf] | None = None,
    destinations: list[Destination] | None = None,
    *sections: SealingConfig,
    **more: Any,
) -> Stores:
    """Stores of which every tenant's recordings are sealed, with the keys in ``folder``."""
    file = folder / "sealing.keys"
    if not sections and not file.exists():
        key_file(folder)
    keys = Keyring(sections or (section(file),))
    return Stores(home, shelves or {}, destinations or [], keys, **more)
