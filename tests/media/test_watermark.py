"""Alarms before a disk is full."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from controller.config import Config
from controller.media.shelves import home_only
from controller.media.store import LocalStore
from controller.media.watermark import Level, Watermark
from controller.working import watermark_of

GIB = 2**30


def at(used: int, free: int = 100) -> Watermark:
    return Watermark({"spool": Path("/")}, 80, 95, lambda path: (used + free, used * GIB, free * GIB))


def test_from_which_level_it_is_told() -> None:
    assert at(390).look() == []
    assert at(400).look() == [Level("spool", 80, 102_400, critical=False)]
    assert at(1900).look() == [Level("spool", 95, 102_400, critical=True)]
    assert at(400).look()[0].text == "80% full, 102,400 MiB free"


def test_a_disk_that_cannot_be_asked_hides_no_other() -> None:
    def usage(path: Path) -> tuple[int, int, int]:
        if path == Path("/gone"):
            raise FileNotFoundError(path)
        return 100, 99, 1

    found = Watermark({"gone": Path("/gone"), "here": Path("/")}, 80, 95, usage).look()
    assert [(level.place, level.critical) for level in found] == [("here", True)]


def test_each_change_is_logged_once() -> None:
    mark = at(0)
    warned, critical = Level("spool", 85, 5, critical=False), Level("spool", 96, 1, critical=True)
    with capture_logs() as logs:
        for levels in ([], [warned], [warned], [critical], [critical], [warned], [], []):
            mark.tell(levels)
    assert [entry["log_level"] for entry in logs] == ["warning", "error", "warning", "info"]


def test_a_full_store_is_told_and_loses_nothing() -> None:
    full = Watermark(
        {"spool": Path("/s")}, 80, 95, lambda path: (100, 99, 1), stores={"store shelf": Path("/x")}
    )
    assert [(x.place, x.critical) for x in full.look()] == [("spool", True), ("store shelf", False)]


def test_every_local_store_is_looked_at(tmp_path: Path) -> None:
    shelf = {"kind": "local", "name": "shelf", "path": str(tmp_path / "shelf")}
    bucket = {"kind": "s3", "name": "far", "bucket": "tapes", "endpoint": "http://127.0.0.1:1"}
    told = Config.model_validate(
        {
            "storage": {"path": str(tmp_path / "home"), "alarm_percent": 1},
            "stores": [shelf, bucket],
            # Else below the folder that the tests are started in, where there may be one.
            "database": {"url": f"sqlite+aiosqlite:///{tmp_path}/nowhere/tapeline.db"},
        }
    )
    mark = watermark_of(told, home_only(LocalStore(tmp_path / "home")))
    (tmp_path / "shelf").mkdir()
    assert {"store shelf", "storage.path"} >= {x.place for x in mark.look()} >= {"store shelf"}
