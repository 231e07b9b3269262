"""Links to recordings: who made one, for whom, until when, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from .people import Scope


class Audience(StrEnum):
    PUBLIC = "public"  # whoever has the link
    SIGNED_IN = "signed_in"  # whoever has it and is signed in at the same tenant


@dataclass(frozen=True, slots=True)
class Share:
    """A link as it is listed; its secret part is shown once, when it is made. ``uses`` counts how often
    it was opened, ``most_uses`` None: as often as anybody likes. ``recordings`` in the order given."""

    share_id: str
    tenant: str
    account_id: str
    made_by: str
    label: str
    created_at: datetime
    expires_at: datetime
    audience: Audience
    download: bool
    names: bool
    most_uses: int | None = None
    uses: int = 0
    last_used_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str = ""
    password_hash: str = ""
    recordings: tuple[str, ...] = ()

    def over(self, now: datetime) -> str:
        """Why it is followed no longer; "" if it is."""
        if self.revoked_at is not None:
            return "revoked"
        if self.expires_at <= now:
            return "expired"
        return ""


class ShareStore(Protocol):
    async def add_share(self, share: Share, token_sha256: str) -> None: ...

    async def share_by_token(self, token_sha256: str) -> Share | None:
        """Whatever state it is in, but for one whose maker is disabled or gone: None."""

    async def use_share(self, share_id: str, now: datetime) -> bool:
        """Count an opening; False if there is none left. Two at once never take the same one."""

    async def shared_recordings(self, share_id: str) -> list[str]:
        """Those of its recordings that may still be heard by it: not in the trash, not deleted, and not
        under a legal hold."""

    async def shares(
        self, scope: Scope, account_id: str | None = None, limit: int = 200, *,
        before: tuple[datetime, str] | None = None, share_id: str | None = None,
    ) -> list[Share]:  # fmt: skip
        """The newest first; of one account, or all that an administrator sees. ``before``: those that come
        after the one made then, of that id."""

    async def revoke_share(
        self, scope: Scope, share_id: str, account_id: str | None, by: str, now: datetime
    ) -> Share | None:
        """The share as it was revoked; None if there is none (of this account) that could be."""
