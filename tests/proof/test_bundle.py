"""A bundle is as it was sealed, or what is wrong with it is found and named."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from controller.engine.media_ports import MediaState
from controller.proof import signing
from controller.proof.bundle_check import verify_bundle
from controller.proof.errors import ProofError
from controller.proof.signing import ENTRY, Signer, keyring, new_key
from controller.proof.verdict import Anchor

from .bundles import Parts, export, findings
from .conftest import World

AUDIO = "recordings/r1/segment-1.wav"


@pytest.fixture
async def sealed(world: World, tmp_path: Path) -> Path:
    """Two recordings of a tenant's four, among other entries and with a key that was rotated."""
    for n in (1, 2, 3):
        await world.recording(f"r{n}")
    await world.recording("thrown", state=MediaState.DISCARDED)
    await world.sealer().drain()
    await world.heard("r1")
    await world.heard("r3", action="download")
    await world.recording("theirs", tenant="blue.test")
    await world.sealer().drain()
    signing.rotate(world.key_file)
    await world.heard("r2")
    return await export(world, tmp_path / "bundle.zip", "r1", "thrown")


def test_a_bundle_is_sound_and_any_unzip_opens_it(sealed: Path, world: World) -> None:
    key = world.keys().signers[0].public
    verdict = verify_bundle(sealed, key=key)
    assert verdict.lines()[-1].startswith("Everything is as it was sealed: 2 recordings, 2 files, 11 entries")
    assert verify_bundle(sealed, key=world.keys().current.public).sound
    with zipfile.ZipFile(sealed) as archive:
        assert archive.testzip() is None
        text, page = archive.read("report.txt").decode(), archive.read("report.html").decode()
        raw = archive.read(AUDIO)
        chain = archive.read("chain.jsonl").decode()
    assert raw == world.store.path("acme.test/2026/11/22/r1.1.wav").read_bytes()
    for said in ("RECORDING r1", "asked for 2026-11-22T09:00:00.200000Z by 101@acme.test (feature_code)"):
        assert said in text
    assert "in effect 2026-11-22T09:00:00.250000Z" in page
    # Nothing of what it is not about: not its id, not who listened to it.
    for other in ("r2", "r3", "theirs", "blue.test", "download"):
        assert f'"{other}"' not in chain
        assert other not in text
    assert '"listen"' in chain


def test_it_runs_on_its_own(sealed: Path, world: World) -> None:
    """Without database, configuration, and any of the libraries that the controller is made of."""
    script = (
        "import sys, runpy\n"
        "class Refuse:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('sqlalchemy', 'fastapi', 'pydub', 'numpy', 'gevent'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Refuse())\n"
        "runpy.run_module('controller.proof.verify', run_name='__main__')\n"
    )
    key = world.keys().current.public
    done = subprocess.run(
        [sys.executable, "-c", script, str(sealed), "--key", key], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    parts = Parts.of(sealed)
    parts[AUDIO] = parts[AUDIO][:-1] + bytes([parts[AUDIO][-1] ^ 1])
    broken = parts.write(sealed.with_name("broken.zip"))
    done = subprocess.run([sys.executable, "-c", script, str(broken)], capture_output=True, text=True)
    assert done.returncode == 1
    assert f"BAD  {AUDIO}: it was changed" in done.stdout
    done = subprocess.run([sys.executable, "-c", script, str(sealed) + "x"], capture_output=True, text=True)
    assert done.returncode == 2


def flip(raw: bytes, at: int = -5) -> bytes:
    copy = bytearray(raw)
    copy[at] ^= 1
    return bytes(copy)


def drop_line(parts: Parts, number: int) -> None:
    parts.set_lines([line for n, line in enumerate(parts.lines, 1) if n != number])


def swap_lines(parts: Parts, a: int, b: int) -> None:
    lines = parts.lines
    lines[a - 1], lines[b - 1] = lines[b - 1], lines[a - 1]
    parts.set_lines(lines)


def change_line(parts: Parts, number: int, change: Callable[[dict[str, object]], None]) -> None:
    lines = parts.lines
    change(lines[number - 1])
    parts.set_lines(lines)


def entry_of(parts: Parts, kind: str) -> int:
    return next(n for n, x in enumerate(parts.lines, 1) if x["content"] and x["content"]["kind"] == kind)


def forge_facts(parts: Parts) -> None:
    """The chain says something else, and the metadata agrees."""
    number = entry_of(parts, "recording")

    def change(line: dict) -> None:  # type: ignore[type-arg]
        line["content"]["payload"]["reason"] = "another one"

    change_line(parts, number, change)
    metadata = json.loads(parts["recordings/r1/metadata.json"])
    metadata["facts"]["reason"] = "another one"
    parts["recordings/r1/metadata.json"] = signing_dumps(metadata)


def signing_dumps(value: object) -> bytes:
    from controller.proof.canonical import dumps

    return dumps(value)


def resign_entry(parts: Parts) -> None:
    """Somebody else's signature below an unchanged entry, and their key in its header."""
    import hashlib

    forger = keyring(new_key(), "")
    lines = parts.lines
    header = lines[3]["header"]
    header["key"] = forger.current.public
    digest = hashlib.sha256(signing_dumps(header)).digest()
    lines[3]["signature"] = forger.current.sign(ENTRY, digest)
    parts.set_lines(lines)


TAMPERINGS: dict[str, tuple[Callable[[Parts], None], str]] = {
    "audio": (lambda p: p.__setitem__(AUDIO, flip(p[AUDIO])), f"{AUDIO}: it was changed: its SHA-256"),
    "metadata": (
        lambda p: p.__setitem__(
            "recordings/r1/metadata.json", p["recordings/r1/metadata.json"].replace(b"inbound", b"outward")
            .replace(b"external", b"internal")
        ),
        "recordings/r1/metadata.json: it does not say what entry 2 says about direction",
    ),
    "what an entry says": (forge_facts, "entry 2: what it says was changed after it was sealed"),
    "an entry's header": (
        lambda p: change_line(p, 4, lambda x: x["header"].__setitem__("sealed_at", "2020")),
        "entry 4: its signature is not that of its key",
    ),
    "a signature": (
        lambda p: change_line(p, 5, lambda x: x.__setitem__("signature", "ab" * 64)),
        "entry 5: its signature is not that of its key",
    ),
    "a foreign key": (resign_entry, "entry 4: it is signed with another key"),
    "an entry removed": (lambda p: drop_line(p, 5), "entry 5: missing: entry 6 follows entry 4"),
    "several removed": (
        lambda p: (drop_line(p, 5), drop_line(p, 5)), "entries 5 to 6: missing: entry 7 follows entry 4",
    ),
    "the first removed": (lambda p: drop_line(p, 1), "entry 1: missing: entry 2 follows entry 0"),
    "the end cut off": (lambda p: p.set_lines(p.lines[:-2]), "the chain: it ends with entry 9; when"),
    "reordered": (lambda p: swap_lines(p, 4, 5), "entry 4: out of order: it comes after entry 5"),
    "twice": (lambda p: p.set_lines(p.lines[:4] + p.lines[3:]), "entry 4: it comes twice"),
    "no JSON": (
        lambda p: p.__setitem__("chain.jsonl", p["chain.jsonl"].replace(b"{", b"[", 1)),
        "entry 1: cannot be read",
    ),
    "a file missing": (
        lambda p: p.files.remove((AUDIO, p[AUDIO])), f"{AUDIO}: it is missing; entry 2 seals it",
    ),
    "a file added": (
        lambda p: p.files.append(("recordings/r1/segment-2.wav", b"x")),
        "recordings/r1/segment-2.wav: entry 2 knows nothing of this file",
    ),
    "a file elsewhere": (
        lambda p: p.files.append(("recordings/r9/x.wav", b"x")), "r9/x.wav: it belongs to no recording",
    ),
    "files reordered": (lambda p: p.files.insert(0, p.files.pop(3)), "the bundle: its files stand in an"),
    "a file twice": (lambda p: p.files.append(p.files[0]), "it is in the bundle twice"),
    "the report": (lambda p: p.__setitem__("report.txt", b"innocent"), "report.txt: it was changed after"),
    "the list": (
        lambda p: p.__setitem__("manifest.json", p["manifest.json"].replace(b"a test", b"a jest")),
        "manifest.json: its signature does not fit",
    ),
    "the list's signature": (
        lambda p: p.__setitem__("manifest.sig", flip(p["manifest.sig"], -5)), "manifest.",
    ),
    "no list": (
        lambda p: p.files.remove(("manifest.json", p["manifest.json"])), "manifest.json: it is missing",
    ),
    "no chain": (
        lambda p: p.files.remove(("chain.jsonl", p["chain.jsonl"])), "chain.jsonl: it is missing from",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERINGS)
@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_tampering_is_found_and_named(sealed: Path, name: str) -> None:
    tamper, said = TAMPERINGS[name]
    parts = Parts.of(sealed)
    tamper(parts)
    found = findings(parts.write(sealed.with_name("t.zip")))
    assert any(said in f for f in found), found


@pytest.mark.parametrize("name", [n for n in TAMPERINGS if "list" not in n])
@pytest.mark.parametrize("kind", ["sqlite"])
def test_a_list_signed_anew_by_a_forger_does_not_help(sealed: Path, name: str) -> None:
    """Even then it is named: most by the chain itself, and the forger's key in any case."""
    tamper, said = TAMPERINGS[name]
    parts = Parts.of(sealed)
    tamper(parts)
    forger: Signer = keyring(new_key(), "").current
    parts.sign(forger)
    found = findings(parts.write(sealed.with_name("t.zip")))
    assert any("that is not the chain's" in f for f in found), found
    if name not in ("the report", "files reordered", "no chain", "a file twice"):
        assert any(said in f for f in found), found


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_another_tenants_entry(sealed: Path, world: World) -> None:
    theirs = Parts.of(await export(world, sealed.with_name("theirs.zip"), "theirs", tenant="blue.test"))
    parts = Parts.of(sealed)
    lines = parts.lines
    lines[4] = theirs.lines[4 - 1]
    parts.set_lines(lines)
    found = findings(parts.write(sealed.with_name("t.zip")))
    assert any("belongs to another chain, that of tenant 'blue.test'" in f for f in found), found


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_a_bundle_of_a_forger_from_beginning_to_end(world: World, tmp_path: Path) -> None:
    """It agrees with itself, so only the key that one has from elsewhere tells; and that is said."""
    await world.recording("r1")
    path = await export(world, tmp_path / "forged.zip", "r1")
    verdict = verify_bundle(path)
    assert verdict.sound
    assert any("no key was given" in n for n in verdict.notes)
    trusted = keyring(new_key(), "").current.public
    assert any("none of it is signed with the key that you trust" in f for f in findings(path, key=trusted))


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_an_anchor_notices_a_chain_that_was_cut_or_written_anew(world: World, tmp_path: Path) -> None:
    await world.recording("r1")
    await world.sealer().drain()
    early = await world.catalog.chain_head("acme.test")
    await world.heard("r1")
    path = await export(world, tmp_path / "b.zip", "r1")
    head = await world.catalog.chain_head("acme.test")
    assert early is not None
    assert head is not None
    good = [Anchor.read(f"acme.test:{row.number}:{row.hash}") for row in (early, head)]
    assert findings(path, anchors=good) == []
    parts = Parts.of(path)
    lines = parts.lines[:-1]
    parts.set_lines(lines)
    cut = {"hash": early.hash, "number": 3}
    parts.sign(world.keys().current, lambda m: m.__setitem__("chain", cut))  # by whoever has the key
    path = parts.write(tmp_path / "cut.zip")
    assert any("its end was cut off" in f for f in findings(path, anchors=good))
    other = Anchor("acme.test", 2, "0" * 64)
    assert any("the chain was written anew" in f for f in findings(path, anchors=[other]))
    assert any("another tenant" in f for f in findings(path, anchors=[Anchor("x", 2, "0" * 64)]))
    with pytest.raises(ProofError):
        Anchor.read("acme.test:x:1")


@pytest.mark.parametrize("kind", ["sqlite"])
async def test_what_was_broken_before_the_export_is_in_the_report(world: World, tmp_path: Path) -> None:
    await world.recording("r1")
    await world.recording("r2")
    await world.sealer().drain()
    world.store.path("acme.test/2026/11/22/r1.1.wav").write_bytes(b"other")
    world.store.path("acme.test/2026/11/22/r2.1.wav").unlink()
    path = await export(world, tmp_path / "b.zip", "r1", "r2")
    report = Parts.of(path)["report.txt"].decode()
    assert "ATTENTION: recordings/r1/segment-1.wav: it is not the file that was sealed" in report
    assert "ATTENTION: recordings/r2/segment-1.wav: cannot be read" in report
    found = findings(path)
    assert any("r1/segment-1.wav: it was changed" in f for f in found)
    assert any("r2/segment-1.wav: it is missing; entry" in f for f in found)
