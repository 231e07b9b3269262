"""The decoder in docs/reference/sealing.md opens what Tapeline seals, with nothing of Tapeline's."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controller.engine.media_ports import FileRole, StoredFile
from controller.media.seal_keys import SealKey
from controller.media.sealing import CHUNK
from controller.media.shelves import place_of
from controller.media.store import LocalStore
from tests.media.sealed import sealing_stores

from .documents import DOCS, blocks

SEALING = DOCS / "reference/sealing.md"


@pytest.fixture
def decoder(tmp_path: Path) -> Path:
    [example] = [b for b in blocks(SEALING.read_text(encoding="utf-8")) if b.language == "python"]
    assert "controller" not in example.text
    file = tmp_path / "decoder.py"
    file.write_text(example.text, encoding="utf-8")
    return file


@pytest.mark.parametrize("size", [0, 1, CHUNK, 2 * CHUNK + 77])
def test_it_opens_what_was_sealed(tmp_path: Path, decoder: Path, size: int) -> None:
    home = LocalStore(tmp_path / "store")
    stores = sealing_stores(home, tmp_path)
    content = os.urandom(size)
    sha256 = hashlib.sha256(content).hexdigest()
    file = StoredFile("r1", FileRole.SEGMENT, 1, "acme/r1.1.wav", "wav", size, sha256, 0, 1, 8000)
    home.put_blocks(iter([content]), file.key)
    key: SealKey = stores.keys.newest("acme")
    sealing = key.wrap(os.urandom(32), os.urandom(16))
    stores.put_sealed(file, sealing)
    copy = StoredFile(**{**{f: getattr(file, f) for f in file.__slots__}, "sealing": sealing})
    path = stores.path(place_of(copy))
    secret = base64.b64encode(key.secret).decode()
    done = subprocess.run(
        [sys.executable, "-I", decoder, path, sealing, sha256, secret],
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stdout == content
    # And not with the name of the file's bytes, or anything else, changed.
    wrong = subprocess.run(
        [sys.executable, "-I", decoder, path, sealing, "ab" * 32, secret], capture_output=True, timeout=60
    )
    assert wrong.returncode != 0
    assert wrong.stdout == b""
