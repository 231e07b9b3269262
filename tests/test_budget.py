"""What a run with a limit of time does: nothing is begun after it, and that is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from .longest import by_length

TESTS = Path(__file__).parent
SHORT, LONG, LONGER = "core/test_leases.py", "web/test_formats.py", "web/test_axe.py"


def test_what_there_is_no_time_for_is_skipped_and_counted() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--until", "1", "-p", "no:cacheprovider", str(TESTS / SHORT)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert " passed" not in done.stdout
    tried = done.stdout.rpartition("NOT TRIED: ")[2]
    assert int(tried.split()[0]) > 10
    assert SHORT in tried


def _in_order(turn: str | None) -> list[str]:
    items: Any = [SimpleNamespace(path=TESTS / name) for name in (LONG, SHORT, LONGER)]
    return [str(item.path.relative_to(TESTS)) for item in by_length(items, TESTS, turn=turn)]


def test_what_takes_longest_is_first_or_by_turns_last() -> None:
    assert _in_order(None) == [LONGER, LONG, SHORT]
    orders = {tuple(_in_order(str(turn))) for turn in range(20)}
    assert orders == {(SHORT, LONG, LONGER), (SHORT, LONGER, LONG)}
