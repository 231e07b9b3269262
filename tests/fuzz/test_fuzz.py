"""A short run of every target, and that a defect would be noticed."""

from __future__ import annotations

import pytest

from .making import made_up
from .seeds import SEEDS
from .targets import TARGETS

CASES = 1500


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_made_up_is_read_or_refused(name: str) -> None:
    for case in made_up(name, CASES, seed=7):
        try:
            TARGETS[name](case)
        except Exception as error:
            raise AssertionError(f"{type(error).__name__}: {error}: {case!r}") from error


def test_every_target_begins_with_cases_that_are_read_differently() -> None:
    assert set(SEEDS) == set(TARGETS)
    for name in TARGETS:
        cases = list(made_up(name, 300, seed=1))
        assert cases == list(made_up(name, 300, seed=1))
        assert len(set(cases)) > 200, name


def test_a_defect_is_found(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from . import __main__, targets

    def broken(case: bytes) -> None:
        case.decode("ascii")

    monkeypatch.setitem(targets.TARGETS, "sip", broken)
    monkeypatch.setattr("sys.argv", ["fuzz", "sip", "--cases", "5000"])
    assert __main__.main() == 1
    assert "UnicodeDecodeError" in capsys.readouterr().err
