"""Which captures are told something while a snapshot is taken: what it says of them may be old already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class UnderWay:
    """One for each adapter. A snapshot asks many questions one after the other, and commands go on meanwhile:
    a capture that was unmasked after it was looked at must not be held for masked, nor one that was opened
    after the list was made for gone."""

    def __init__(self) -> None:
        self._now: Counter[str] = Counter()
        self._watchers: list[set[str]] = []

    @contextmanager
    def telling(self, capture_id: str) -> Iterator[None]:
        """From the sending of a command about this capture until its answer."""
        self._now[capture_id] += 1
        for unsure in self._watchers:
            unsure.add(capture_id)
        try:
            yield
        finally:
            self._now[capture_id] -= 1
            self._now += Counter()  # without those that are at none

    @contextmanager
    def watching(self) -> Iterator[set[str]]:
        """Around the taking of a snapshot: the ids of those captures, as they become known."""
        unsure = set(self._now)
        self._watchers.append(unsure)
        try:
            yield unsure
        finally:
            self._watchers.remove(unsure)
