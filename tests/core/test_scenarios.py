"""Every scenario of tests/core/scenarios: what the switch is told, row by row, and what is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import notation

SCENARIOS = sorted((Path(__file__).parent / "scenarios").glob("*.txt"))


def test_there_are_scenarios() -> None:
    assert len(SCENARIOS) >= 25


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda p: p.stem)
def test_scenario(path: Path) -> None:
    scenario = notation.read(path)
    stage = notation.Stage(scenario.policy, scenario.switch)
    for row in scenario.rows:
        assert stage.play(row) == row.told, f"{path.name}: at {row.at}, {row.happens}"
        running = [r.partition(".")[0] for r in stage.switch.captures if r != "forgotten.1"]
        assert len(running) == len(set(running)) or "refused_close" in path.stem
    assert stage.recordings() == list(scenario.left), scenario.why
    if not stage.switch.legs:
        assert not list(stage.desk.book), "the call is over and still in the book"
