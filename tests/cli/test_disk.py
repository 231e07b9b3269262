"""``tapeline calculate disk``: the table, JSON, refusals, rates of the catalog."""

from __future__ import annotations

import pytest

from controller.core.disk import DiskPlan, amount, disk_use

from .conftest import Tapeline


def test_the_numbers_are_the_cores(tapeline: Tapeline) -> None:
    words = (
        "calculate",
        "disk",
        "--users",
        "50",
        "--minutes",
        "60",
        "--format",
        "mp3",
        "--retention-days",
        "365",
    )
    use = disk_use(DiskPlan(50, 60, "mp3", 2, 365))
    found = tapeline.json(*words)
    assert found["use"]["kept"] == pytest.approx(use.kept)
    assert [f["format"] for f in found["formats"]] == ["wav", "flac", "mp3", "opus", "amr", "mp4"]
    said = tapeline.run(*words)
    assert f"kept {amount(use.kept or 0)} in 365 days" in said
    assert "for ever" in tapeline.run("calculate", "disk", "--retention-days", "0")


def test_what_cannot_be_is_refused(tapeline: Tapeline) -> None:
    assert tapeline.refused("calculate", "disk", "--users", "0").startswith("users: want 1 to")
    assert tapeline.refused("calculate", "disk", "--format", "ogg").startswith("format: want one of wav")


def test_without_recordings_measured_is_the_same(tapeline: Tapeline) -> None:
    assert tapeline.json("calculate", "disk", "--measured") == tapeline.json("calculate", "disk")
