"""``tapeline proof | evidence | verify`` as people use them, against a catalog and a store of their own."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from controller.catalog import SqlCatalog, open_database
from controller.cli import app
from controller.core.errors import TapelineError
from controller.media.store import LocalStore

from .bundles import Parts
from .conftest import World


class Tapeline:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = f"sqlite+aiosqlite:///{folder}/tapeline.db"
        self.environ = {
            "TAPELINE_DATABASE__URL": self.url,
            "TAPELINE_STORAGE__PATH": str(folder / "store"),
            "TAPELINE_PROOF__KEY_FILE": str(folder / "proof.key"),
            "COLUMNS": "60",
        }

    def run(self, *words: str, code: int = 0) -> str:
        result = CliRunner().invoke(app, list(words), env=self.environ)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result.output

    def refused(self, *words: str) -> str:
        with pytest.raises(TapelineError) as caught:
            self.run(*words)
        return str(caught.value)

    def within(self, work: Callable[[World], Awaitable[Any]]) -> None:
        async def run() -> None:
            database = await open_database(self.url)
            world = World(SqlCatalog(database), LocalStore(self.folder / "store"), self.folder / "proof.key")
            world.catalog._now = world.now
            try:
                await work(world)
            finally:
                await database.close()

        asyncio.run(run())


@pytest.fixture
def tapeline(tmp_path: Path) -> Tapeline:
    made = Tapeline(tmp_path)

    async def fill(world: World) -> None:
        await world.recording("r1")
        await world.recording("r2")
        await world.recording("blue1", tenant="blue.test")
        await world.heard("r2")

    made.within(fill)
    return made


def test_from_the_key_to_the_verdict(tapeline: Tapeline, tmp_path: Path) -> None:
    key = tapeline.run("proof", "key").strip()
    assert len(key) == 64
    assert "BEGIN PUBLIC KEY" in tapeline.run("proof", "key", "--pem")
    out = str(tmp_path / "bundle.zip")
    assert "2 recordings of acme.test" in tapeline.run("evidence", "export", "r1", "r2", "-o", out)
    heads = tapeline.run("proof", "head").splitlines()
    assert [h.rsplit(":", 2)[:2] for h in heads] == [["acme.test", "6"], ["blue.test", "2"]]
    file = tmp_path / "heads"
    file.write_text("\n".join(heads) + "\n")
    said = tapeline.run("verify", out, "--key", key, "--anchor-file", str(file))
    assert said.startswith("Everything is as it was sealed: 2 recordings, 4 files, 6 entries")
    assert "is there already" in tapeline.refused("evidence", "export", "r1", "-o", out)
    parts = Parts.of(Path(out))
    parts["report.txt"] = b"x"
    parts.write(Path(out))
    assert "BAD  report.txt: it was changed" in tapeline.run("verify", out, code=1)
    assert json.loads(tapeline.run("verify", out, "--json", code=1))["sound"] is False
    assert "no anchor" in tapeline.refused("verify", out, "--anchor", "x")
    assert "say what to verify" in tapeline.refused("verify")
    assert "cannot read" in tapeline.refused("verify", out + "x")


def test_by_time_and_only_of_one_tenant(tapeline: Tapeline, tmp_path: Path) -> None:
    out = str(tmp_path / "b.zip")
    words = ("evidence", "export", "-o", out)
    assert "make one for each" in tapeline.refused(*words, "r1", "blue1")
    assert "there is no recording 'nope'" in tapeline.refused(*words, "nope")
    assert "there is no recording" in tapeline.refused(*words, "blue1", "--tenant", "acme.test")
    assert "say which recordings" in tapeline.refused(*words)
    assert "is no time" in tapeline.refused(*words, "--tenant", "acme.test", "--from", "x")
    when = ("--tenant", "acme.test", "--from", "2026-11-22", "--to", "2026-11-23")
    tapeline.run(*words, *when)
    assert json.loads(Parts.of(Path(out))["manifest.json"])["recordings"] == ["r1", "r2"]
    assert "no recording of that time" in tapeline.refused(
        *words, "--force", *when[:2], "--from", "2027-01-01"
    )


def test_the_running_system_is_checked(tapeline: Tapeline) -> None:
    tapeline.run("proof", "seal")
    head = tapeline.run("proof", "head").split()
    anchors = [word for h in head for word in ("--anchor", h)]
    assert "3 recordings, 6 files, 6 entries" in tapeline.run("verify", "--catalog", *anchors)
    (tapeline.folder / "store/acme.test/2026/11/22/r1.1.wav").write_bytes(b"x")
    said = tapeline.run("verify", "--catalog", *anchors, code=1)
    assert "recording r1, segment 1: acme.test/2026/11/22/r1.1.wav was changed" in said


def test_a_key_is_rotated_in_every_chain(tapeline: Tapeline, tmp_path: Path) -> None:
    old = tapeline.run("proof", "key").strip()
    tapeline.run("proof", "seal")
    new = tapeline.run("proof", "rotate").splitlines()
    assert new[1] == "took over in 2 chains"
    assert tapeline.run("proof", "key").strip() == new[0] != old
    out = str(tmp_path / "b.zip")
    tapeline.run("evidence", "export", "r1", "-o", out)
    for key in (old, new[0]):
        tapeline.run("verify", out, "--key", key)
    assert "none of it is signed" in tapeline.run("verify", out, "--key", "ab" * 32, code=1)
