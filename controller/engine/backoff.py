"""How long to wait before the next attempt."""

from __future__ import annotations

import random

FIRST_S = 0.5
LONGEST_S = 15.0


class Backoff:
    """0.5 s, doubled each time up to 15 s, spread by a quarter so that nobody marches in step."""

    def __init__(self) -> None:
        self._attempts = 0

    def reset(self) -> None:
        self._attempts = 0

    def next(self) -> float:
        delay = min(LONGEST_S, FIRST_S * 2.0 ** min(self._attempts, 10))
        self._attempts += 1
        return delay * random.uniform(0.75, 1.25)
