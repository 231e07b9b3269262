"""What the routes of retention, holds and erasures work with, and the word that an erasure needs."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

from ..core.retention import RetentionRule
from ..engine.erasing import Erasure
from ..engine.outlook import Outlook, outlook
from ..engine.people import Account, Scope
from .ports import RetentionDesk
from .problems import Problem
from .services import Services

#: So long what a preview has shown may be confirmed.
WORD_S = 900


def desk_of(parts: Services) -> RetentionDesk:
    """Raises Problem 503 where there is none."""
    if parts.retention is None:
        raise Problem(503, "This server keeps no retention.")
    return parts.retention


async def outlook_of(
    parts: Services, tenant: str, changed: RetentionRule | None = None, *, most: int = 50_000
) -> Outlook:
    """What will be deleted, with one rule changed or as the rules are."""
    desk = desk_of(parts)
    rules = await desk.retention_rules(Scope(tenant))
    if changed is not None:
        rules = [r for r in rules if (r.scope, r.name) != (changed.scope, changed.name)] + [changed]
    return await outlook(desk, tenant, rules, parts.now(), most=most)


def word_for(parts: Services, me: Account, found: Erasure, at: datetime) -> str:
    """What has to be sent back to erase exactly this: nobody else's, and not for long."""
    until = int(at.timestamp()) + WORD_S
    return f"{until}.{_seal(parts, me, found, until)}"


def word_fits(parts: Services, me: Account, found: Erasure, word: str) -> bool:
    text, _, seal = word.partition(".")
    if not text.isascii() or not text.isdigit() or len(text) > 12 or int(text) < parts.now().timestamp():
        return False
    return hmac.compare_digest(seal.encode(), _seal(parts, me, found, int(text)).encode())


def _seal(parts: Services, me: Account, found: Erasure, until: int) -> str:
    said = "\n".join(("erasure", me.account_id, found.tenant, found.person, str(until), *sorted(found.ids)))
    return hmac.new(parts.secret, said.encode("utf-8", "replace"), hashlib.sha256).hexdigest()
