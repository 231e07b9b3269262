"""Whatever is done to a bundle's bytes is found; garbage is refused clearly and in little memory."""

from __future__ import annotations

import asyncio
import io
import random
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from controller.catalog import SqlCatalog, open_database
from controller.media.store import LocalStore
from controller.proof.archive import ArchiveReader, ArchiveWriter, Unreadable
from controller.proof.bundle_check import verify_bundle
from controller.proof.errors import ProofError

from .bundles import Parts, export, findings
from .conftest import World

# ── any change whatever ───────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = tmp_path_factory.mktemp("original")

    async def make() -> Path:
        database = await open_database(f"sqlite+aiosqlite:///{folder}/tapeline.db")
        world = World(SqlCatalog(database), LocalStore(folder / "store"), folder / "proof.key")
        world.catalog._now = world.now
        try:
            await world.recording("r1")
            await world.recording("r2")
            await world.heard("r1")
            return await export(world, folder / "bundle.zip", "r1")
        finally:
            await database.close()

    path = asyncio.run(make())
    assert findings(path) == []
    return path.read_bytes()


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[bytes], bytes]:
    what = draw(st.sampled_from(["flip", "set", "delete", "insert", "cut", "swap", "copy", "append"]))
    a, b = draw(st.floats(0, 1, exclude_max=True)), draw(st.floats(0, 1, exclude_max=True))
    length, byte = draw(st.integers(1, 300)), draw(st.integers(0, 255))
    extra = draw(st.binary(min_size=1, max_size=50))

    def mutate(raw: bytes) -> bytes:
        at, to = int(a * len(raw)), int(b * len(raw))
        if what == "flip":
            return raw[:at] + bytes([raw[at] ^ (1 << byte % 8)]) + raw[at + 1 :]
        if what == "set":
            return raw[:at] + bytes([byte]) + raw[at + 1 :]
        if what == "delete":
            return raw[:at] + raw[at + length :]
        if what == "insert":
            return raw[:at] + extra + raw[at:]
        if what == "cut":
            return raw[:at]
        if what == "swap":
            low, high = sorted((at, to))
            length_ = min(length, high - low)
            return (
                raw[:low] + raw[high : high + length_] + raw[low + length_ : high] + raw[low : low + length_]
                + raw[high + length_ :]
            )  # fmt: skip
        if what == "copy":
            return raw[:at] + raw[to : to + length] + raw[at + length :]
        return raw + extra

    return mutate


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(mutation=mutations())
def test_any_mutation_of_the_bytes_is_found(
    original: bytes, tmp_path: Path, mutation: Callable[[bytes], bytes]
) -> None:
    changed = mutation(original)
    path = tmp_path / "m.zip"
    path.write_bytes(changed)
    verdict = verify_bundle(path)
    assert verdict.sound == (changed == original)


@pytest.mark.slow
def test_each_byte_flipped_is_found(original: bytes, tmp_path: Path) -> None:
    """Every 13th byte of the whole file, which meets every kind of structure in it."""
    raw = bytearray(original)
    path = tmp_path / "m.zip"
    missed = []
    for at in range(0, len(raw), 13):
        raw[at] ^= 1 << (at % 8)
        path.write_bytes(raw)
        if verify_bundle(path).sound:
            missed.append(at)
        raw[at] ^= 1 << (at % 8)
    assert missed == []


# ── garbage ───────────────────────────────────────────────────────────────────────────────────


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(raw=st.binary(max_size=2000), tail=st.booleans())
def test_garbage_is_refused_clearly(tmp_path: Path, raw: bytes, tail: bool) -> None:
    path = tmp_path / "g.zip"
    end = b"PK\5\6" + random.Random(len(raw)).randbytes(16) + b"\0\0"
    path.write_bytes(raw + (end if tail else b""))
    verdict = verify_bundle(path)
    assert not verdict.sound
    assert verdict.lines()


def packed(*files: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, raw in files:
            archive.writestr(name, raw)
    return out.getvalue()


def bounded(path: Path, most: int = 40 << 20) -> list[str]:
    tracemalloc.start()
    try:
        found = findings(path)
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()
    return found


def test_zip_bombs_and_names_that_lead_out(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    path.write_bytes(packed(("manifest.json", b"\0" * (200 << 20)), compression=zipfile.ZIP_DEFLATED))
    [found] = bounded(path)
    assert "compressed" in found
    for name in ("../../etc/passwd", "/etc/passwd", "a\\..\\b", "a/../b", "C:x", "a\x1b[31m"):
        path.write_bytes(packed((name, b"x")))
        [found] = bounded(path)
        assert "no name that a bundle has" in found
        assert "\x1b" not in found


def archived(path: Path, *files: tuple[str, bytes]) -> Path:
    return Parts(list(files)).write(path)


def test_huge_numbers_and_deep_nesting(tmp_path: Path) -> None:
    path = tmp_path / "b.zip"
    for raw in (
        b'{"a":' + b"9" * 5_000_000 + b"}", b"[" * 1_000_000, b'{"a":1e999}', b'{"a":NaN}', b"\xff\xfe",
        b'{"a":1,"a":2}', b'{"a":"\\ud800"}', b"[" + b"[],[]," * 5_000_000 + b"[]]",
    ):  # fmt: skip
        found = bounded(archived(path, ("manifest.json", raw), ("chain.jsonl", raw)), 120 << 20)
        assert any(f.startswith("manifest.json: it was changed") for f in found), found
    raw = bytearray(archived(path, ("a", b"x")).read_bytes())
    raw[-12:-8] = b"\xff\xff\xff\x7f"
    path.write_bytes(raw)
    assert "bundle" in bounded(path)[0]


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_a_line_without_end_and_wrong_types_everywhere(world: World, tmp_path: Path) -> None:
    await world.recording("r1")
    sealed = await export(world, tmp_path / "b.zip", "r1")
    path = sealed.with_name("t.zip")
    signer = world.keys().current
    parts = Parts.of(sealed)
    parts["chain.jsonl"] = parts["chain.jsonl"] + b"x" * (9 << 20)
    assert any("has no end" in f for f in bounded(parts.write(path)))
    wrong = [None, 1, "x", [], {}, [[]], {"a": 1}, True, -1, "0" * 64]
    rng = random.Random(1)
    for _ in range(300):
        parts = Parts.of(sealed)
        lines = parts.lines
        node, path_ = lines[rng.randrange(len(lines))], []
        while True:
            key = rng.choice(list(node))
            path_.append(key)
            if isinstance(node[key], dict) and node[key] and rng.random() < 0.8:
                node = node[key]
                continue
            was, node[key] = node[key], rng.choice(wrong)
            if key == "content" and node[key] is None:
                node[key] = 0  # left out by who has the key: that is allowed
            break
        parts.set_lines(lines)
        parts.sign(signer)
        assert bool(findings(parts.write(path))) or was == node[key], path_


def test_over_four_gigabytes_and_many_files(tmp_path: Path) -> None:
    """A hole in a sparse file is as good as four gigabytes; unzip programs read it, too."""
    path = tmp_path / "big.zip"
    size = (4 << 30) + 5

    class Sparse(io.FileIO):
        def write(self, block) -> int:  # type: ignore[no-untyped-def, override]
            if len(block) == 1 << 20 and not any(block[:64]):
                self.seek(len(block), 1)
                return len(block)
            return super().write(block)

    zeros = bytes(1 << 20)
    with Sparse(path, "w") as out:
        archive = ArchiveWriter(out)  # type: ignore[arg-type]
        archive.add("big", (zeros[: min(1 << 20, size - at)] for at in range(0, size, 1 << 20)), size)
        archive.add("behind", [b"abc"])
        archive.close()
    with path.open("rb") as file:
        reader = ArchiveReader(file)
        assert [(m.name, m.size) for m in reader.members] == [("big", size), ("behind", 3)]
        assert all(reader.envelope_intact(m) for m in reader.members)
        assert b"".join(reader.blocks(reader.members[1])) == b"abc"
    with zipfile.ZipFile(path) as other:
        assert other.read("behind") == b"abc"
        assert other.getinfo("big").file_size == size
    with path.open("wb") as out:
        archive = ArchiveWriter(out)
        for n in range(70_000):
            archive.add(f"f/{n}", [b"x"])
        archive.close()
    with path.open("rb") as file:
        assert len(ArchiveReader(file).members) == 70_000
    with zipfile.ZipFile(path) as other:
        assert len(other.infolist()) == 70_000


def test_what_cannot_be_read_to_its_end_leaves_no_trace(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"

    def breaks() -> Iterator[bytes]:
        yield b"some"
        raise OSError("the disk")

    with path.open("wb") as out:
        archive = ArchiveWriter(out)
        archive.add("a", [b"abc"])
        with pytest.raises(OSError, match="the disk"):
            archive.add("b", breaks())
        with pytest.raises(ProofError, match="no name"):
            archive.add("../a", [])
        with pytest.raises(ProofError, match="instead of"):
            archive.add("c", [b"x"], 1 << 32)
        assert archive.add("d", [b"de", b"f"]) == 3
        archive.close()
    assert Parts.of(path).files == [("a", b"abc"), ("d", b"def")]
    path.write_bytes(b"")
    with pytest.raises(Unreadable), path.open("rb") as file:
        ArchiveReader(file)
