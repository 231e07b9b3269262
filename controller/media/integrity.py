"""SHA-256 of files, streaming."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

#: What is read at once. More is no faster, and each worker would hold a few of them, as numbers too.
BLOCK = 1 << 18


@dataclass(frozen=True, slots=True)
class Digest:
    """``sha256`` in lower-case hex, ``size`` in bytes."""

    sha256: str
    size: int


def digest(path: Path) -> Digest:
    """The digest of a file as it is on disk. Raises OSError. Blocking: call it in a thread."""
    hasher = hashlib.sha256()
    size = 0
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK):
            hasher.update(block)
            size += len(block)
    return Digest(hasher.hexdigest(), size)
