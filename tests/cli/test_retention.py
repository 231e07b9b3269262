"""Rules, the trash, holds and an erasure on the command line, with real files in the configured store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controller.catalog import SqlCatalog
from controller.engine.reading import Scope
from tests.retention.conftest import OUTSIDE, RED, House

from .conftest import Tapeline


@pytest.fixture
def recordings(tapeline: Tapeline, tmp_path: Path) -> list[str]:
    """Two of 40 days ago and three of today, in the store that the configuration names."""
    from controller.config.storage import StorageConfig
    from controller.media.shelves import make_stores

    tapeline.environ["TAPELINE_STORAGE__PATH"] = str(tmp_path / "home")
    tapeline.environ["TAPELINE_PROOF__KEY_FILE"] = str(tmp_path / "proof.key")

    async def work(catalog: SqlCatalog) -> list[str]:
        stores = make_stores(StorageConfig(path=tmp_path / "home"), [])
        house = House(tmp_path, catalog.database, stores, datetime.now(UTC) - timedelta(hours=1))
        return [await house.record(age_days=age) for age in (40, 40, 1, 1, 1)]

    return tapeline.within(work)


def files(tmp_path: Path) -> int:
    return len([p for p in (tmp_path / "home").rglob("*.wav")])


def test_a_rule_is_previewed_set_run_and_its_trash_emptied(
    tapeline: Tapeline, recordings: list[str], tmp_path: Path
) -> None:
    words = tapeline.run(
        "retention", "set", "tenant", "--tenant", RED, "--delete-after-days", "30", "--dry-run"
    )
    assert "of 5 recordings 2 go now" in words
    assert tapeline.json("retention", "rules") == {"rules": [], "waiting": []}
    tapeline.run("retention", "set", "tenant", "--tenant", RED, "--delete-after-days", "30")
    preview = tapeline.json("retention", "preview")
    assert [(g["recording_id"]) for g in preview[RED]["first"]] == recordings[:2]
    assert tapeline.json("retention", "run")["trashed"] == 2
    listed = tapeline.json("trash", "list")
    assert {one["recording"] for one in listed} == set(recordings[:2])
    assert files(tmp_path) == 10
    tapeline.run("trash", "restore", recordings[0], "--tenant", RED)
    tapeline.run("trash", "empty", recordings[1], "--tenant", RED)
    assert files(tmp_path) == 8
    assert "not in the trash" in tapeline.refused("trash", "restore", recordings[1], "--tenant", RED)
    tapeline.run("retention", "remove", "tenant", "--tenant", RED)
    assert "no rule deletes anything" in tapeline.run("retention", "preview")


def test_a_rule_that_deletes_half_waits(tapeline: Tapeline, recordings: list[str]) -> None:
    words = tapeline.run("retention", "set", "tenant", "--tenant", RED, "--delete-after-days", "1")
    assert "More than half" in words
    assert tapeline.json("retention", "run")["trashed"] == 0
    assert [w["would_go"] for w in tapeline.json("retention", "rules")["waiting"]] == [5]
    assert "5 of 5" in tapeline.run("retention", "confirm", "--tenant", RED)
    assert "nothing waits" in tapeline.refused("retention", "confirm", "--tenant", RED)
    assert tapeline.json("retention", "run")["trashed"] == 5
    assert len(recordings) == 5


def test_a_hold_and_an_erasure(tapeline: Tapeline, recordings: list[str], tmp_path: Path) -> None:
    named = ("--name", "case 7", "--reason", "the court", "--recording", recordings[0])
    hold_id = tapeline.run("hold", "add", "--tenant", RED, *named).strip()
    assert "say what it covers" in tapeline.refused("hold", "add", "--tenant", RED, *named[:4])
    (hold,) = tapeline.json("hold", "list")
    assert (hold["hold_id"], hold["recordings"]) == (hold_id, 1)
    tapeline.run("trash", "put", recordings[1], "--tenant", RED, "--why", "a test")
    dry = tapeline.json("erase", "--tenant", RED, "--person", OUTSIDE)
    assert (dry["erased"], [g["recording_id"] for g in dry["going"]]) == (False, recordings[1:])
    assert dry["held"] == {recordings[0]: "kept by the legal hold “case 7”"}
    assert files(tmp_path) == 10
    assert "nothing was erased" in tapeline.run("erase", "--tenant", RED, "--person", OUTSIDE)
    done = tapeline.json("erase", "--tenant", RED, "--person", OUTSIDE, "--yes", "--why", "request 12")
    assert (done["erased"], done["left"]) == (True, {})
    assert files(tmp_path) == 2
    tapeline.run("verify", "--catalog")
    tapeline.run("hold", "lift", hold_id, "--why", "closed")
    tapeline.json("erase", "--tenant", RED, "--person", OUTSIDE, "--yes")
    assert files(tmp_path) == 0
    tapeline.run("verify", "--catalog")


def test_tags_and_notes(tapeline: Tapeline, recordings: list[str]) -> None:
    one, two, *_ = recordings
    tapeline.run("tag", "add", one, two, "--tag", "Call  Back", "--tenant", RED)
    assert tapeline.json("tag", "list", "--tenant", RED) == ["call back"]
    note = tapeline.run("note", "add", one, "--text", "asks [b]again[/b]", "--tenant", RED).strip()
    found = tapeline.json("note", "list", one, "--tenant", RED)
    assert found["tags"] == ["call back"]
    assert [(n["note_id"], n["text"]) for n in found["notes"]] == [(note, "asks [b]again[/b]")]
    assert "asks [b]again[/b]" in tapeline.run("note", "list", one, "--tenant", RED)
    for words in (
        ("tag", "add", one, "--tag", "x"), ("note", "add", one, "--text", "x"), ("note", "list", one),
        ("note", "remove", one, note),
    ):  # fmt: skip
        assert "no " in tapeline.refused(*words, "--tenant", "blue.example")
    assert "tag:" in tapeline.refused("tag", "add", one, "--tag", "a/b", "--tenant", RED)
    tapeline.run("tag", "remove", one, "--tag", "call back", "--tenant", RED)
    tapeline.run("note", "remove", one, note, "--tenant", RED)
    found = tapeline.json("note", "list", one, "--tenant", RED)
    assert (found["tags"], found["notes"]) == ([], [])
    assert tapeline.json("note", "list", two, "--tenant", RED)["tags"] == ["call back"]


def test_a_clock_that_is_believed_needs_nobody_s_word(
    tapeline: Tapeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where no controller has ever run
    assert "nothing to do" in tapeline.run("retention", "trust-clock")
    assert tapeline.within(lambda catalog: catalog.audit_entries(Scope(None))) == []
    assert list(tmp_path.glob("**/clock.json")) == []
