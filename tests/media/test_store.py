"""The store: a key with all its bytes, or no key."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from controller.media.errors import HostileName, StoreAway, StoreError
from controller.media.integrity import Digest, digest
from controller.media.shelves import LocalShelf
from controller.media.store import LocalStore
from tests.disks import fill, small_disk

from .doubles import write

CONTENT = os.urandom(3_000_001)


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "store")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write(tmp_path / "source.wav", CONTENT)


def everything(root: Path) -> list[str]:
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def test_a_digest_is_the_files_sha_256(source: Path) -> None:
    assert digest(source) == Digest(hashlib.sha256(CONTENT).hexdigest(), len(CONTENT))


def test_put_get_delete(store: LocalStore, source: Path) -> None:
    assert not store.exists("a/2026/03/04/r.1.wav")
    assert store.put(source, "a/2026/03/04/r.1.wav") == digest(source)
    assert store.path("a/2026/03/04/r.1.wav").read_bytes() == CONTENT
    assert list(store.keys()) == everything(store.root) == ["a/2026/03/04/r.1.wav"]
    store.delete("a/2026/03/04/r.1.wav")
    store.delete("a/2026/03/04/r.1.wav")
    assert everything(store.root) == []
    assert source.read_bytes() == CONTENT


def test_the_same_again_changes_nothing_and_other_bytes_replace_the_whole(
    store: LocalStore, source: Path
) -> None:
    store.put(source, "r.wav")
    first = store.path("r.wav").stat().st_ino
    store.put(source, "r.wav")
    assert store.path("r.wav").stat().st_ino == first
    source.write_bytes(b"\0" * len(CONTENT))
    with store.path("r.wav").open("rb") as listener:
        store.put(source, "r.wav")
        assert listener.read() == CONTENT  # whoever was reading reads on: nothing is written over
    assert store.path("r.wav").read_bytes() == b"\0" * len(CONTENT)
    assert everything(store.root) == ["r.wav"]


def test_a_link_is_the_same_bytes_and_outlives_the_first_name(store: LocalStore, source: Path) -> None:
    store.put(source, "r.1.wav")
    store.link("r.1.wav", "r.wav")
    store.link("r.1.wav", "r.wav")
    store.delete("r.1.wav")
    assert store.path("r.wav").read_bytes() == CONTENT
    assert everything(store.root) == ["r.wav"]


HOSTILE = [
    "", "/etc/passwd", "../x", "a/../../x", "a//b", "a/", "/", ".", "..", "a/..", "a/./b", "a b", "a\nb",
    "a\n", "a\0b", "a\\b", "ä", ".scratch/x", "a/.hidden", "~/x", "a" * 300, "a/" * 600 + "b",
    "x..y", "%2e%2e/x", "$x",
]  # fmt: skip


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_keys_are_refused(store: LocalStore, source: Path, key: str) -> None:
    for act in (store.path, store.exists, store.delete, lambda k: store.put(source, k)):
        with pytest.raises(HostileName):
            act(key)


FULL = """
import resource, signal, sys
from pathlib import Path
from controller.media.errors import StoreError
from controller.media.shelves import LocalShelf
from controller.media.store import LocalStore
from tests.disks import fill, small_disk
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, 1_500_000))
try:
    LocalStore(Path(sys.argv[1])).put(Path(sys.argv[2]), "t/r.1.wav")
except StoreError as error:
    print(error)
    sys.exit(7)
"""


def test_a_disk_that_fills_up_midway(store: LocalStore, source: Path) -> None:
    """The kernel refuses to let the file grow: the same path as ENOSPC, for real."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(store.root), str(source)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 7, done.stderr
    assert "free some space" in done.stdout
    assert "storage.path" in done.stdout
    assert everything(store.root) == []
    assert source.read_bytes() == CONTENT
    store.put(source, "t/r.1.wav")  # with room again


@pytest.fixture
def locked() -> Iterator[Path]:
    """A folder in which this process may not write, whoever runs the tests."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    yield folder
    if root:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_folder_that_forbids_writing(locked: Path) -> None:
    with tempfile.NamedTemporaryFile() as source, pytest.raises(StoreError, match="writable for the user"):
        LocalStore(locked / "store").put(Path(source.name), "r.wav")


def test_a_disk_that_reads_back_something_else(
    store: LocalStore, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_some = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write_some(fd, b"\x55" * len(data)))
    with pytest.raises(StoreError, match="reads back differently"):
        store.put(source, "r.wav")
    monkeypatch.undo()
    assert everything(store.root) == []


def test_a_crash_leaves_nothing_or_everything(
    store: LocalStore, source: Path, at_crash_point: Callable[[Callable[[str], None]], None]
) -> None:
    class Killed(BaseException):
        pass

    def die(at: str) -> Callable[[str], None]:
        def hook(name: str) -> None:
            if name == at:
                raise Killed

        return hook

    at_crash_point(die("store.copied"))
    with pytest.raises(Killed):
        store.put(source, "r.wav")
    assert not store.exists("r.wav")
    at_crash_point(die("store.renamed"))
    with pytest.raises(Killed):
        store.put(source, "r.wav")
    assert store.path("r.wav").read_bytes() == CONTENT


def test_only_old_work_in_progress_is_stale(store: LocalStore) -> None:
    fresh, old = write(store.scratch(), b"x"), write(store.scratch(), b"x")
    os.utime(old, (1, 1))
    assert list(store.stale(3600)) == [old]
    assert fresh.exists()
    assert list(store.keys()) == []


def test_a_store_on_a_full_disk_is_away_as_a_whole(tmp_path: Path) -> None:
    """Not each file by itself: nobody would be told."""
    with small_disk(tmp_path / "disk", 1) as disk:
        shelf = LocalShelf("disk", LocalStore(disk))
        ballast = fill(disk)
        with pytest.raises(StoreAway, match=r"store disk: .*No space left on device"):
            shelf.put("a/r.wav", iter([bytes(100_000)]), 100_000)
        ballast.unlink()
        shelf.put("a/r.wav", iter([bytes(100_000)]), 100_000)
        assert shelf.size("a/r.wav") == 100_000
