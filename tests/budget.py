"""How much time there is. A run that must not take longer (``TESTS_UNTIL``, see scripts/test) begins no test
after its time: what was not tried counts as skipped, and the summary says loudly how much that is."""

from __future__ import annotations

import time

import pytest

NO_TIME = "NO TIME LEFT: not tried"


class Budget:
    """Begins no test once ``until`` (seconds since 1970) is over."""

    def __init__(self, until: float) -> None:
        self._until = until

    # Before any fixture: those take time as well.
    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        if time.time() > self._until:
            pytest.skip(NO_TIME)


def tell_what_was_not_tried(reporter: pytest.TerminalReporter) -> None:
    skipped = reporter.stats.get("skipped", [])
    if untried := [report for report in skipped if NO_TIME in str(report.longrepr)]:
        files = sorted({report.nodeid.partition("::")[0] for report in untried})
        reporter.section("TIME WAS OVER", red=True, bold=True)
        reporter.line(f"NOT TRIED: {len(untried)} tests of {', '.join(files)}", red=True)
