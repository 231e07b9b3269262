"""`tapeline sealing`: keys, what is sealed, rotation; and a running controller that waits for its key."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from controller.catalog import SqlCatalog
from controller.config import load
from controller.engine.media_ports import FileRole, MediaState, StoredFile
from controller.media.seal_keys import key_id
from controller.media.sealing import MAGIC
from tests.catalog.story import Story
from tests.catalog.test_media_rows import talking

from .conftest import Tapeline

CONTENT = b"sound" * 40_000
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "tapeline.toml"
    file.write_text(
        f'[storage]\npath = "home"\n[database]\nurl = "sqlite+aiosqlite:///{tmp_path}/tapeline.db"\n'
        '[web]\nport = 0\nsecret_file = "session.key"\n[proof]\nkey_file = "proof.key"\n'
        '[[stores]]\nkind = "local"\nname = "archive"\npath = "archive"\n'
        '[[sealing]]\nname = "everybody"\ntenants = ["*"]\nkey_file = "keys"\n'
    )
    return file


@pytest.fixture
def names(tapeline: Tapeline, tmp_path: Path) -> list[str]:
    """Two recordings of red.example, plain at home, for a long time."""

    async def make(catalog: SqlCatalog) -> list[str]:
        catalog._now = lambda: LONG_AGO
        story = Story()
        ids = [talking(story, leg).recording_id for leg in "ab"]
        story.hang_up("ax", "a", "bx", "b")
        await story.save(catalog)
        sha256 = hashlib.sha256(CONTENT).hexdigest()
        for name in ids:
            path = tmp_path / "home" / "red" / f"{name}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(CONTENT)
            await catalog.add_file(
                StoredFile(
                    name, FileRole.RENDITION, 0, f"red/{name}.wav", "wav", len(CONTENT), sha256, 1, 1, 8000
                )
            )
            await catalog.set_media_state(name, MediaState.AVAILABLE)
        return ids

    return tapeline.within(make)


def failed(tapeline: Tapeline, *words: str) -> str:
    with pytest.raises(AssertionError) as caught:
        tapeline.run(*words)
    return str(caught.value)


def sealings(tapeline: Tapeline) -> list[str]:
    async def work(catalog: SqlCatalog) -> list[str]:
        return [x.file.sealing for x in await catalog.sealings()]

    return tapeline.within(work)


def test_a_life_of_keys(tapeline: Tapeline, config: Path, names: list[str], tmp_path: Path) -> None:
    given = ("--config", str(config))
    move = ("store", "move", "--from", "home", "--to", "archive", *given)
    assert "there is no [[sealing]] section 'nobody'" in tapeline.refused(
        "sealing", "key", "new", "nobody", *given
    )
    # Without a key: told, and kept at home.
    told = failed(tapeline, "sealing", "status", *given)
    assert "0 files (0.0 MiB) sealed, 2 files (0.4 MiB) plain" in told
    assert "sealing key new everybody" in told
    assert "2 files stay plain" in failed(tapeline, "sealing", "run", *given)
    assert "not sealed yet, as its tenant demands" in failed(tapeline, *move)
    assert not list((tmp_path / "archive").rglob("*.wav*"))
    # With one.
    first = tapeline.run("sealing", "key", "new", "everybody", *given).split()[0]
    secret = (tmp_path / "keys").read_text().split()[1]
    tapeline.run("sealing", "run", *given)
    told = tapeline.run("sealing", "status", *given)
    assert "2 files (0.4 MiB) sealed, 0 files (0.0 MiB) plain" in told
    assert f"key {first} of everybody: 2 files" in told
    assert [p.read_bytes()[:8] for p in (tmp_path / "home/red").iterdir()] == [MAGIC] * 2
    tapeline.run(*move)
    assert [p.read_bytes()[:8] for p in (tmp_path / "archive/red").iterdir()] == [MAGIC] * 2
    assert list((tmp_path / "home/red").iterdir()) == []
    # Another one takes over.
    second = tapeline.run("sealing", "key", "new", "everybody", *given).split()[0]
    rotate = ("sealing", "rotate", *given)
    assert "2 sealed files, 2 data keys would be wrapped anew, 0 not" in tapeline.run(*rotate, "--dry-run")
    assert [key_id(s) for s in sealings(tapeline)] == [first] * 2
    assert "2 sealed files, 2 data keys wrapped anew, 0 not" in tapeline.run(*rotate)
    assert "2 sealed files, 0 data keys wrapped anew, 0 not" in tapeline.run(*rotate)
    assert [key_id(s) for s in sealings(tapeline)] == [second] * 2
    report = tapeline.json("sealing", "status", *given)
    assert report["keys"] == {
        first: {"section": "everybody", "files": 0}, second: {"section": "everybody", "files": 2}
    }  # fmt: skip
    lines = (tmp_path / "keys").read_text().splitlines()
    (tmp_path / "keys").write_text(lines[1] + "\n")
    assert tapeline.json("sweep", *given)["damaged"] == []
    # And one that is lost is named.
    (tmp_path / "keys").write_text(lines[0] + "\n")
    told = failed(tapeline, "sealing", "status", *given)
    assert f"key {second} IS MISSING: 2 files cannot be opened" in told
    assert second in failed(tapeline, *rotate)
    assert secret not in told
    printed = tapeline.run("sealing", "key", "new", "everybody", "--print", *given)
    assert len(printed.split()) == 2
    assert (tmp_path / "keys").read_text() == lines[0] + "\n"


def test_evidence_of_a_sealed_recording_is_plain_and_verifies(
    tapeline: Tapeline, config: Path, names: list[str], tmp_path: Path
) -> None:
    given = ("--config", str(config))
    tapeline.run("sealing", "key", "new", "everybody", *given)
    tapeline.run("sealing", "run", *given)
    bundle = tmp_path / "bundle.zip"
    tapeline.run("evidence", "export", names[0], "-o", str(bundle), *given)
    assert "broken" not in tapeline.run("verify", str(bundle))
    tapeline.run("verify", "--catalog", *given)


def test_a_controller_seals_once_its_key_is_there(
    tapeline: Tapeline, config: Path, names: list[str], tmp_path: Path
) -> None:
    assert load(config).sealing
    said = tmp_path / "said"
    with said.open("wb") as out:
        serving = subprocess.Popen(
            [sys.executable, "-m", "controller", "serve", "--config", str(config)],
            env=os.environ | tapeline.environ, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        wait(lambda: "shall be sealed lie plain" in said.read_text(), said)
        assert sealings(tapeline) == []
        tapeline.run("sealing", "key", "new", "everybody", "--config", str(config))
        wait(lambda: len(sealings(tapeline)) == 2, said)
        wait(lambda: len(list((tmp_path / "home/red").iterdir())) == 2, said)
    finally:
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(30) == 0
    assert [p.read_bytes()[:8] for p in (tmp_path / "home/red").iterdir()] == [MAGIC] * 2


def wait(condition: object, said: Path) -> None:
    deadline = time.monotonic() + 60
    assert callable(condition)
    while not condition():
        assert time.monotonic() < deadline, said.read_text()[-2000:]
        time.sleep(0.1)
