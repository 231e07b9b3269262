"""Which files of tests take longest: they begin first, so that no worker is left alone with one at the end.
Where time may be over before all is tried, they come last: in the time of one a hundred others are tried.
Which of them are, the turn decides, so that each is in one run or another.

pytest-xdist would begin with those that have most tests, which is nearly the reverse. The order is by what
they took together; `PYTEST_ADDOPTS="--durations=0 --durations-min=0.5" make test` shows how it is now.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

_AFTER = """
web/test_axe media/test_video backup/test_backup media/test_film jobs/test_killed test_canaries
web/test_languages jobs/test_killed_tasks retention/test_buckets test_serve web/test_schemathesis
proof/test_killed test_serve_refused retention/test_killed web/test_player media/test_encode
web/test_access_browser catalog/test_migrations web/test_disk web/test_list_browser web/test_formats
web/test_languages_browser transcripts/test_rows retention/test_trash web/test_transcript_browser
catalog/test_scale cli/test_sealing retention/test_erasure media/test_buckets web/test_player_times
web/test_retention_pages web/test_levels_browser proof/test_two_sealers jobs/test_workers cli/test_import
web/test_findings jobs/test_house jobs/test_outage
"""
_CALLS = """
e2e/test_crash_points e2e/test_distant_spool e2e/test_restart e2e/test_takeover e2e/test_standby
demo/test_demo e2e/test_external e2e/test_first_run e2e/test_call_ids e2e/test_parties_hear e2e/test_levels
e2e/test_database_away e2e/test_all_full e2e/test_everything e2e/test_routes e2e/test_explained
e2e/test_freeswitch_controls e2e/test_store_away
"""
_LONGEST = [f"{name}.py" for name in (*_CALLS.split(), *_AFTER.split())]


def by_length(items: Sequence[pytest.Item], tests: Path, *, turn: str | None) -> list[pytest.Item]:
    """The longest first; with a ``turn``, last and in an order that this text decides. Otherwise as they
    were. Raises LookupError for a file that is not there (any more)."""
    if missing := [name for name in _LONGEST if not (tests / name).exists()]:
        raise LookupError(f"tests/longest.py names what is not there: {', '.join(missing)}")
    names = list(_LONGEST)
    if turn is not None:
        random.Random(turn).shuffle(names)
    places = {name: place for place, name in enumerate(names)}
    others = len(names) if turn is None else -1
    return sorted(items, key=lambda item: places.get(str(item.path.relative_to(tests)), others))
