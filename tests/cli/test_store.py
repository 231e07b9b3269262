"""`tapeline store`: what lies where, and moving it to a folder and back."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from controller.catalog import SqlCatalog
from controller.engine.media_ports import FileRole, MediaState, StoredFile
from tests.catalog.story import Story
from tests.catalog.test_media_rows import talking

from .conftest import Tapeline

CONTENT = b"sound" * 40_000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "tapeline.toml"
    file.write_text(
        '[storage]\npath = "home"\n[[stores]]\nkind = "local"\nname = "archive"\npath = "archive"\n'
        'tenants = ["blue.example"]\n'
    )
    return file


@pytest.fixture
def names(tapeline: Tapeline, tmp_path: Path) -> list[str]:
    """Two recordings of red.example, at home."""

    async def make(catalog: SqlCatalog) -> list[str]:
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


def files(tapeline: Tapeline, config: Path) -> dict[str, int]:
    found = tapeline.json("store", "list", "--config", str(config))
    return {name: amount["files"] for name, amount in found.items()}


def test_there_and_what_would_be(tapeline: Tapeline, config: Path, names: list[str], tmp_path: Path) -> None:
    move = ("store", "move", "--from", "home", "--to", "archive", "--config", str(config))
    assert files(tapeline, config) == {"home": 2, "archive": 0}
    assert "would move 2 files (0.4 MiB) from home to archive" in tapeline.run(*move, "--dry-run")
    assert "would move 0 files" in tapeline.run(*move, "--dry-run", "--tenant", "blue.example")
    assert files(tapeline, config) == {"home": 2, "archive": 0}
    assert "moved 2 files (0.4 MiB) from home to archive" in tapeline.run(*move)
    assert "moved 0 files" in tapeline.run(*move)
    assert files(tapeline, config) == {"home": 0, "archive": 2}
    for name in names:
        assert (tmp_path / "archive" / "red" / f"{name}.wav").read_bytes() == CONTENT
        assert not (tmp_path / "home" / "red" / f"{name}.wav").exists()


def test_a_damaged_file_is_named_and_ends_with_1(
    tapeline: Tapeline, config: Path, names: list[str], tmp_path: Path
) -> None:
    (tmp_path / "home" / "red" / f"{names[0]}.wav").write_bytes(b"x" * len(CONTENT))
    with pytest.raises(AssertionError, match=rf"not moved: red/{names[0]}\.wav"):  # its exit code is not 0
        tapeline.run("store", "move", "--from", "home", "--to", "archive", "--config", str(config))
    assert files(tapeline, config) == {"home": 1, "archive": 1}


def test_what_cannot_be(tapeline: Tapeline, config: Path) -> None:
    def refused(source: str, to: str) -> str:
        return tapeline.refused("store", "move", "--from", source, "--to", to, "--config", str(config))

    assert "there is no store 'cloud'; there are: home, archive" in refused("home", "cloud")
    assert "the same store" in refused("home", "home")
    assert "they would go back at once" in refused("archive", "home")
