"""Who has listened to what lately, so that one listening is one line in the audit.

A player fetches a file in many ranges. The first fetch counts whatever its range is (nobody gets
at a recording unseen by leaving out its first byte); more within ten minutes are the same one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime, timedelta

SAME_LISTENING = timedelta(minutes=10)
MOST_REMEMBERED = 10_000


class Heard:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._seen: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def is_new(self, account_id: str, subject: str) -> bool:
        """Whether this is to be written down."""
        at = self._now()
        seen = self._seen.get((account_id, subject))
        return seen is None or at - seen >= SAME_LISTENING

    def note(self, account_id: str, subject: str) -> None:
        """It has been written down; called only after the audit has it."""
        self._seen[account_id, subject] = self._now()
        self._seen.move_to_end((account_id, subject))
        while len(self._seen) > MOST_REMEMBERED:
            self._seen.popitem(last=False)
