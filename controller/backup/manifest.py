"""A backup's list of itself: what is in it, with hashes, of which moment, signed by the proof key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..proof import signing
from .errors import BackupError

NAME, FORMAT = "manifest.json", 1
#: What is signed begins with it, so that no signature of another thing serves here.
PURPOSE = b"tapeline-backup-1:"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class FileEntry:
    name: str
    size: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    made_at: str
    version: str
    way: str
    revision: str
    files: list[FileEntry]
    anchors: list[str]
    counts: dict[str, int]
    keys: list[str] = field(default_factory=list)
    format: int = FORMAT


def entry_of(path: Path, name: str) -> FileEntry:
    digest = hashlib.sha256()
    with path.open("rb") as source:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
    return FileEntry(name, path.stat().st_size, digest.hexdigest())


def write(folder: Path, manifest: Manifest, signer: signing.Signer) -> None:
    body = json.dumps(asdict(manifest), indent=1, sort_keys=True)
    signature = signer.sign(PURPOSE, hashlib.sha256(body.encode()).digest())
    whole = {"manifest": body, "key": signer.public, "signature": signature}
    (folder / NAME).write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")


def read(folder: Path, trusted: str | None) -> tuple[Manifest, str]:
    """The list, and the public key that signed it. Raises BackupError if it is not as it was signed."""
    path = folder / NAME
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
        body, public, signature = (str(whole[name]) for name in ("manifest", "key", "signature"))
    except OSError as error:
        raise BackupError(f"{folder} is no backup: {NAME} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise BackupError(f"{path} is damaged: this backup is not whole") from error
    if not signing.verified(public, PURPOSE, hashlib.sha256(body.encode()).digest(), signature):
        raise BackupError(f"{path} was changed: its signature does not fit")
    if trusted is not None and public != trusted:
        raise BackupError(f"{path} is signed by {public}, not by the key that you trust")
    found: dict[str, Any] = json.loads(body)
    if found.get("format") != FORMAT:
        raise BackupError(f"{path} is of format {found.get('format')}: restore it with a newer version")
    found["files"] = [FileEntry(**entry) for entry in found["files"]]
    return Manifest(**found), public


def check(folder: Path, entry: FileEntry) -> None:
    """Raises BackupError, by name, if a file is not as the list says."""
    path = folder / entry.name
    if not path.is_file():
        raise BackupError(f"{entry.name} is missing: this backup is not whole")
    if path.stat().st_size != entry.size:
        raise BackupError(
            f"{entry.name} has {path.stat().st_size} bytes instead of {entry.size}: it was cut off"
        )
    if entry_of(path, entry.name).sha256 != entry.sha256:
        raise BackupError(f"{entry.name} was changed: its SHA-256 is not the list's")
