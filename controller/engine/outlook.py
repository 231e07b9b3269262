"""What retention will delete: now, and within the next days. The same for previews and for the deed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from ..core.retention import Fate, Hold, Kept, RetentionRule, Verdict, decide
from .retention import RetentionStore

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Going:
    """A recording that will be deleted at ``at``."""

    recording_id: str
    started_at: datetime
    at: datetime
    reason: str


@dataclass(slots=True)
class Outlook:
    """``due`` would go now, ``soon`` within the next days; ``first`` names the first of both, in order.
    ``held``: of those that are old enough for it, so many are under a legal hold. ``whole`` is False if
    there were too many to look at all of them: then it is at least so many."""

    total: int = 0
    due: int = 0
    soon: int = 0
    held: int = 0
    whole: bool = True
    first: list[Going] = field(default_factory=list)

    @property
    def most(self) -> bool:
        """More than half of all."""
        return self.due * 2 > self.total


async def fates(
    store: RetentionStore, tenant: str, rules: Sequence[RetentionRule], holds: Collection[Hold],
    now: datetime, horizon: datetime,
) -> AsyncIterator[tuple[Kept, Fate]]:  # fmt: skip
    """Every recording that a rule could delete until ``horizon``, oldest first, and what becomes of it."""
    spans = [rule.delete_after_days for rule in rules if rule.delete_after_days]
    if not spans:
        return
    after: tuple[datetime, str] | None = None
    until = horizon - timedelta(days=min(spans))
    while page := await store.kept_page(tenant, until, after, _PAGE):
        for recording in page:
            yield recording, decide(recording, rules, holds, now)
        after = page[-1].started_at, page[-1].recording_id
        await asyncio.sleep(0)  # calls share this event loop


async def outlook(
    store: RetentionStore, tenant: str, rules: Sequence[RetentionRule], now: datetime,
    *, days: int = 7, name: int = 100, most: int = 200_000,
) -> Outlook:  # fmt: skip
    """What these rules would do, in force or not. ``most`` recordings are looked at."""
    horizon = now + timedelta(days=days)
    holds = await store.holds_in_force(tenant)
    found, looked = Outlook(total=await store.kept_count(tenant)), 0
    async for recording, fate in fates(store, tenant, rules, holds, now, horizon):
        looked += 1
        if looked > most:
            found.whole = False
            break
        if fate.verdict is Verdict.HELD:
            found.held += 1
            continue
        if fate.keep_until is None or fate.keep_until > horizon:
            continue
        if fate.verdict is Verdict.DUE:
            found.due += 1
        else:
            found.soon += 1
        if len(found.first) < name:
            found.first.append(
                Going(recording.recording_id, recording.started_at, fate.keep_until, fate.reason)
            )
    found.first.sort(key=lambda going: (going.at, going.recording_id))
    return found
