"""Slowing down whoever guesses passwords.

Three counters over the last fifteen minutes: a login from one address (5), an address over all
logins (30), a login over all addresses (50; high, so that a stranger cannot easily lock somebody
out). An attempt counts before its password is checked, so attempts at once do not slip through;
a success takes back its own and clears the login's count from that address.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=15)
LIMITS = {"pair": 5, "address": 30, "login": 50}
MOST_REMEMBERED = 20_000

_Key = tuple[str, str, str]


class Lockout:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._attempts: OrderedDict[_Key, deque[datetime]] = OrderedDict()

    def attempt(self, login: str, address: str) -> int:
        """Count an attempt. 0 if it may go on, else the seconds to wait (then nothing is counted)."""
        at = self._now()
        keys = self._keys(login, address)
        wait = max(self._wait(key, at) for key in keys)
        if wait:
            return wait
        for key in keys:
            self._attempts.setdefault(key, deque()).append(at)
            self._attempts.move_to_end(key)
        while len(self._attempts) > MOST_REMEMBERED:
            self._attempts.popitem(last=False)
        return 0

    def succeeded(self, login: str, address: str) -> None:
        pair, *others = self._keys(login, address)
        self._attempts.pop(pair, None)
        for key in others:
            if self._attempts.get(key):
                self._attempts[key].pop()

    @staticmethod
    def _keys(login: str, address: str) -> tuple[_Key, _Key, _Key]:
        login = login.casefold()[:200]
        return ("pair", login, address), ("address", "", address), ("login", login, "")

    def _wait(self, key: _Key, at: datetime) -> int:
        attempts = self._attempts.get(key)
        if not attempts:
            return 0
        while attempts and at - attempts[0] >= WINDOW:
            attempts.popleft()
        if len(attempts) < LIMITS[key[0]]:
            return 0
        return max(1, int((attempts[0] + WINDOW - at).total_seconds()))
