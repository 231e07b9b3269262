"""Slowing down whoever guesses passwords and codes.

Three counters over the last fifteen minutes: a login from one address (5), an address over all
logins (30), a login over all addresses (50; high, so that a stranger cannot easily lock somebody
out). A browser that the account has signed in with before (web.devices) has a count of its own
(5) and only that one: whatever strangers do, and from wherever, its owner can go on. An attempt counts
before its password is checked, so attempts at once do not slip through; a success takes back its own
and clears the login's count from that address.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime, timedelta

WINDOW = timedelta(minutes=15)
LIMITS = {"pair": 5, "address": 30, "login": 50, "device": 5, "code": 10}
MOST_REMEMBERED = 20_000

_Key = tuple[str, str, str]


class Lockout:
    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._attempts: OrderedDict[_Key, deque[datetime]] = OrderedDict()

    def attempt(self, login: str, address: str, device: str = "") -> int:
        """Count an attempt. 0 if it may go on, else the seconds to wait (then nothing is counted)."""
        return self._count(self._keys(login, address, device))

    def succeeded(self, login: str, address: str, device: str = "") -> None:
        first, *others = self._keys(login, address, device)
        self._attempts.pop(first, None)
        for key in others:
            if self._attempts.get(key):
                self._attempts[key].pop()

    def attempt_code(self, account_id: str) -> int:
        """The same for the second factor. Only who knows the password comes here, so that counting by
        account alone locks nobody out whose password is still a secret."""
        return self._count((("code", account_id, ""),))

    def code_succeeded(self, account_id: str) -> None:
        self._attempts.pop(("code", account_id, ""), None)

    def _count(self, keys: tuple[_Key, ...]) -> int:
        at = self._now()
        wait = max(self._wait(key, at) for key in keys)
        if wait:
            return wait
        for key in keys:
            self._attempts.setdefault(key, deque()).append(at)
            self._attempts.move_to_end(key)
        while len(self._attempts) > MOST_REMEMBERED:
            self._attempts.popitem(last=False)
        return 0

    @staticmethod
    def _keys(login: str, address: str, device: str) -> tuple[_Key, ...]:
        login = login.casefold()[:200]
        if device:
            return (("device", login, device),)
        return ("pair", login, address), ("address", "", address), ("login", login, "")

    def _wait(self, key: _Key, at: datetime) -> int:
        attempts = self._attempts.get(key)
        if not attempts:
            return 0
        # Those of the future too: a clock that is set back locks nobody out until it has caught up.
        while attempts and abs(at - attempts[0]) >= WINDOW:
            attempts.popleft()
        if len(attempts) < LIMITS[key[0]]:
            return 0
        return max(1, int((attempts[0] + WINDOW - at).total_seconds()))
