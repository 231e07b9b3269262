"""Which files of tests take longest: they begin first, so that no worker is left alone with one at the end.

pytest-xdist would begin with those that have most tests, which is nearly the reverse. The order is by what
they took together; `PYTEST_ADDOPTS="--durations=0 --durations-min=0.5" make test` shows how it is now.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

_AFTER = """
web/test_axe test_canaries web/test_languages_browser retention/test_buckets media/test_video
jobs/test_killed web/test_player web/test_schemathesis web/test_large_files jobs/test_killed_tasks
media/test_film backup/test_backup web/test_access_browser catalog/test_scale proof/test_killed
web/test_languages web/test_browser test_serve test_serve_refused cli/test_import web/test_player_times
web/test_list_browser web/test_formats cli/test_sealing media/test_encode proof/test_two_sealers
web/test_levels_browser retention/test_trash media/test_buckets catalog/test_migrations
web/test_retention_pages retention/test_killed jobs/test_house web/test_findings media/test_redact_film
jobs/test_workers jobs/test_outage
"""
_CALLS = """
e2e/test_crash_points e2e/test_distant_spool e2e/test_restart e2e/test_takeover e2e/test_standby
demo/test_demo
e2e/test_external e2e/test_first_run e2e/test_call_ids e2e/test_parties_hear e2e/test_levels
e2e/test_database_away e2e/test_all_full e2e/test_everything e2e/test_routes e2e/test_explained
e2e/test_recording e2e/test_transfers e2e/test_freeswitch_controls e2e/test_store_away e2e/test_control
e2e/test_hostile e2e/test_policy e2e/test_link
"""
_PLACES = {f"{name}.py": place for place, name in enumerate((*_CALLS.split(), *_AFTER.split()))}


def longest_first(items: Sequence[pytest.Item], tests: Path) -> list[pytest.Item]:
    """Otherwise as they were. Raises LookupError for a file that is not there (any more)."""
    if missing := [name for name in _PLACES if not (tests / name).exists()]:
        raise LookupError(f"tests/longest.py names what is not there: {', '.join(missing)}")
    return sorted(items, key=lambda item: _PLACES.get(str(item.path.relative_to(tests)), len(_PLACES)))
