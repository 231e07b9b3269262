"""A backup is made: the catalog of one moment, the keys sealed, the list written last."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from .. import __version__
from ..catalog.dumping import Progress, dump
from ..config import Config
from ..proof import signing
from ..proof.verdict import Anchor
from . import manifest
from .errors import BackupError
from .keybox import Keys

KEYS, PARTIAL = "keys.sealed", ".partial"

Seal = Callable[[Keys], bytes]


def key_files(config: Config) -> dict[str, Path]:
    """Setting → file, of every key that is kept in one; those that a command prints are not among them."""
    found = {"web.secret_file": config.web.secret_file}
    if not config.proof.key_command:
        found["proof.key_file"] = config.proof.key_file
    found |= {f"sealing.{s.name}.key_file": s.key_file for s in config.sealing if s.key_file}
    return found


async def make(
    config: Config, folder: Path, seal: Seal | None, at: datetime, told: Progress
) -> manifest.Manifest:
    """``seal`` None leaves the keys out. The folder appears when it is whole.

    Raises BackupError, DumpError.
    """
    if folder.exists():
        raise BackupError(f"{folder} is there already: a backup is made in a folder of its own; name another")
    signer = signing.load(config.proof.key_file, config.proof.key_command).current
    work = folder.with_name(folder.name + PARTIAL)
    try:
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(parents=True, mode=0o700)
        dumped = await dump(config.database.url, work, told)
        names = list(dumped.files)
        kept: list[str] = []
        if seal is not None:
            # After the catalog: a key is made before what is sealed with it, so none can be missing here.
            keys = _keys(config)
            kept = sorted(keys)
            (work / KEYS).write_bytes(seal(keys))
            names.append(KEYS)
        entries = []
        for number, name in enumerate(names):
            told("hashes", number, len(names))
            entries.append(manifest.entry_of(work / name, name))
        made = manifest.Manifest(
            made_at=at.isoformat(), version=__version__, way=dumped.way, revision=dumped.revision,
            files=entries, anchors=[str(Anchor(*head)) for head in dumped.heads],
            counts=dict(dumped.counts), keys=kept,
        )  # fmt: skip
        manifest.write(work, made, signer)
        work.rename(folder)
    except OSError as error:
        raise BackupError(f"{folder} cannot be written: {error.strerror or error}") from error
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return made


def _keys(config: Config) -> Keys:
    found = {}
    for setting, path in key_files(config).items():
        try:
            found[setting] = path.read_bytes()
        except FileNotFoundError:
            continue  # made when it is first needed
        except OSError as error:
            raise BackupError(f"{setting}: cannot read {path}: {error.strerror}") from error
    return found
