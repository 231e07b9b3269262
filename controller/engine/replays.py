"""Answers kept for a day, so that a request that is sent again is not carried out again."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

#: So long an answer is given again.
KEPT_FOR = timedelta(hours=24)
#: So long one that has no answer yet counts as under way: its process may have died.
UNDER_WAY = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Replay:
    """``fingerprint`` is of the request; ``status`` 0: it is under way; ``sealed`` is the answer."""

    fingerprint: str
    status: int
    sealed: bytes


class ReplayStore(Protocol):
    """By ``caller`` (an account with the permissions that it has) and the key that it chose."""

    async def claim_replay(self, caller: str, key: str, fingerprint: str, now: datetime) -> Replay | None:
        """None: it is the caller's to carry out. Otherwise what is known of the key already."""

    async def keep_replay(self, caller: str, key: str, status: int, sealed: bytes) -> None: ...

    async def release_replay(self, caller: str, key: str) -> None:
        """It was not carried out: it may be tried again."""
