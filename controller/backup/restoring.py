"""A backup is put back: looked through first, then the catalog, then the keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

from ..catalog import schema
from ..catalog.dumping import Progress, restore
from ..config import Config
from . import manifest
from .errors import BackupError
from .making import KEYS, key_files

Open = Callable[[bytes], Mapping[str, bytes]]


def inspect(folder: Path, trusted: str | None, told: Progress) -> tuple[manifest.Manifest, str]:
    """The list of a backup that is whole and as it was made, and who signed it. Raises BackupError."""
    found, public = manifest.read(folder, trusted)
    for number, entry in enumerate(found.files):
        told("reading", number, len(found.files))
        manifest.check(folder, entry)
    if not schema.knows(found.revision):
        raise BackupError(
            f"this backup's schema ({found.revision}) is of a newer version than this one: it was made by "
            f"{found.version}; restore it with that"
        )
    return found, public


async def put_back(
    config: Config, folder: Path, found: manifest.Manifest, opened: Open | None, *, replace: bool,
    at: datetime, told: Progress,
) -> list[str]:  # fmt: skip
    """The keys that were put in place. Nothing is touched before all of it could be read.

    ``opened`` None leaves the keys as they are. Raises BackupError, DumpError.
    """
    keys: Mapping[str, bytes] = {}
    if opened is not None:
        if not found.keys:
            raise BackupError("this backup holds no keys: say --no-keys, and put them in place by hand")
        keys = opened((folder / KEYS).read_bytes())
    places = key_files(config)
    for setting in keys:
        if setting not in places:
            raise BackupError(f"the backup holds {setting}, which this configuration does not name: add it")
        _may_put(setting, places[setting], keys[setting], replace)
    await restore(config.database.url, folder, found.way, found.revision, replace=replace, told=told)
    try:
        return [s for s, value in sorted(keys.items()) if _put(places[s], value, f"{at:%Y%m%dT%H%M%SZ}")]
    except OSError as error:
        raise BackupError(f"a key cannot be put in place: {error.filename}: {error.strerror}") from error


def _may_put(setting: str, path: Path, value: bytes, replace: bool) -> None:
    if path.exists() and path.read_bytes() != value and not replace:
        raise BackupError(
            f"{setting}: {path} holds another key: nothing was changed. Move it away, or say --replace, "
            "which keeps the old one beside it"
        )


def _put(path: Path, value: bytes, stamp: str) -> bool:
    """For this user only; a different one that is there is kept under another name."""
    if path.exists():
        if path.read_bytes() == value:
            return False
        path.rename(path.with_name(f"{path.name}.before-{stamp}"))
    path.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(value)
        out.flush()
        os.fsync(out.fileno())
    return True
