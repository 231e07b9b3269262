"""Links to recordings: making, revoking and following them, each use in the audit."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NoReturn

from fastapi import Request, Response
from itsdangerous import BadSignature, URLSafeSerializer

from ..core.options import ShareLinks
from ..engine.reading import Account, AuditEntry, RecordingDetail, Scope
from ..engine.sharing import Audience, Share, ShareStore
from .access import address_of, identify, known_id, token_digest
from .changes import note
from .problems import Problem, not_found
from .services import Services, web_of

LONGEST = timedelta(days=365)
MOST_RECORDINGS = 100
#: So long a browser that has opened a link goes on with that one use.
VISIT = timedelta(hours=2)
#: Who is in the audit when nobody is signed in.
SOMEBODY = "somebody with the link"


def store(parts: Services) -> ShareStore:
    if parts.shares is None:
        raise not_found("link")
    return parts.shares


async def make(
    request: Request, parts: Services, me: Account, recordings: Sequence[RecordingDetail], *,
    label: str, expires_at: datetime, audience: Audience, download: bool, names: bool,
    most_uses: int | None, password: str,
) -> tuple[Share, str]:  # fmt: skip
    """The share, and its address, which is not to be had again. ``recordings`` were found in the
    account's reach. Raises Problem."""
    now = parts.now()
    tenants = {detail.row.tenant for detail in recordings}
    if len(tenants) != 1:
        raise Problem(422, "A link is to recordings of one tenant.")
    if not now < expires_at <= now + LONGEST:
        raise Problem(422, "A link ends within a year, and not in the past.")
    (tenant,) = tenants
    allowed = await links_of(parts, tenant)
    if allowed is ShareLinks.OFF or (audience is Audience.PUBLIC and allowed is not ShareLinks.PUBLIC):
        what = "no links" if allowed is ShareLinks.OFF else "no public links"
        raise Problem(403, f"The tenant allows {what} (Company › General › Options).")
    text = secrets.token_urlsafe(32)
    share = Share(
        parts.new_id(), tenant, me.account_id, me.login, label, now, expires_at, audience, download, names,
        most_uses, password_hash=await web_of(request).passwords.hash(password) if password else "",
        recordings=tuple(detail.row.recording_id for detail in recordings),
    )  # fmt: skip
    await store(parts).add_share(share, token_digest(text))
    for recording_id in share.recordings:
        await note(
            parts, me, "share made", f"recording {recording_id}", _said(share), address_of(request), tenant
        )
    return share, f"{request.base_url}s/{text}"


def _said(share: Share) -> str:
    limits = [
        str(share.audience).replace("_", " "),
        "download" if share.download else "listen only",
        f"until {share.expires_at:%Y-%m-%d %H:%M}",
        *([f"{share.most_uses} uses"] if share.most_uses else []),
        *(["password"] if share.password_hash else []),
    ]
    return f"share {share.share_id}: {', '.join(limits)}"


async def revoke(request: Request, parts: Services, me: Account, share_id: str, *, own: bool) -> None:
    """``own``: only one that the account has made. Raises 404."""
    account_id = me.account_id if own else None
    share_id = known_id(share_id, "link")
    share = await store(parts).revoke_share(me.scope, share_id, account_id, me.login, parts.now())
    if share is None:
        raise not_found("link")
    await note(
        parts, me, "share revoked", f"share {share_id}", share.label, address_of(request), share.tenant
    )


async def links_of(parts: Services, tenant: str) -> ShareLinks:
    """Which links the tenant allows now."""
    found = await parts.settings.tenants(Scope(tenant))
    return next((t.options.share_links for t in found if t.tenant == tenant), ShareLinks.PRIVATE)


# ── following one ─────────────────────────────────────────────────────────────────────────────


async def follow(request: Request, parts: Services, token: str) -> tuple[Share, Account | None]:
    """The share of a link that is still good, and who follows it where they have to be signed in.

    Raises 404 with the same words for whatever is wrong with it, NotSignedIn where a sign-in helps.
    """
    share = await store(parts).share_by_token(token_digest(token)) if 20 <= len(token) <= 200 else None
    if share is None or share.over(parts.now()):
        _gone()
    allowed = await links_of(parts, share.tenant)
    if allowed is ShareLinks.OFF or (share.audience is Audience.PUBLIC and allowed is not ShareLinks.PUBLIC):
        _gone()
    if share.audience is Audience.PUBLIC:
        return share, None
    account = await identify(request)
    if account.tenant not in (None, share.tenant):
        _gone()
    return share, account


def _gone() -> NoReturn:
    raise Problem(404, "This link leads nowhere (any more).")


class Visits:
    """A signed cookie for each link that a browser has opened: further pages and ranges are that use."""

    def __init__(self, request: Request) -> None:
        web = web_of(request)
        self._request, self._now = request, web.services.now
        self._secure = web.sessions.secure
        self._signer = URLSafeSerializer(
            web.services.secret, salt="tapeline.visit", signer_kwargs={"digest_method": hashlib.sha256}
        )

    def of(self, share: Share) -> str:
        """The visit's name; "" if this browser has not opened the link, or too long ago."""
        try:
            share_id, visit, began = self._signer.loads(self._request.cookies.get(self._cookie(share), ""))
        except (BadSignature, ValueError, TypeError):
            return ""
        age = self._now().timestamp() - began
        return str(visit) if share_id == share.share_id and 0 <= age + 60 < VISIT.total_seconds() + 60 else ""

    def begin(self, response: Response, share: Share) -> None:
        value = self._signer.dumps([share.share_id, secrets.token_urlsafe(9), int(self._now().timestamp())])
        response.set_cookie(
            self._cookie(share), str(value), max_age=int(VISIT.total_seconds()), path="/",
            secure=self._secure, httponly=True, samesite="lax",
        )  # fmt: skip

    def _cookie(self, share: Share) -> str:
        return f"{'__Host-' if self._secure else ''}tapeline_s_{share.share_id}"


async def note_use(
    request: Request,
    parts: Services,
    share: Share,
    who: Account | None,
    action: str,
    subject: str,
    detail: str = "",
) -> None:
    """In the tenant's audit, by whoever is signed in or has the link."""
    text = f"share {share.share_id}" + (f", {detail}" if detail else "")
    await parts.accounts.audit(
        AuditEntry(
            parts.now(),
            who.login if who else SOMEBODY,
            share.tenant,
            action,
            subject,
            text,
            address_of(request),
        )
    )
