"""The one gate: who is asking, and whether they may. Deny by default.

Every route but a handful is behind `gate`, which refuses a route that declares no permission
(`needs`; web.permits has them ready), even to the system administrator.

An API token (``Authorization: Bearer``) or a session cookie. What a session changes must bring
the session's form token, because a browser sends cookies for other sites too; a token needs none.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant

from ..core.roles import NEEDS_EXTENSION, NEEDS_TENANT, Permission, Role, allows
from ..engine.entry import Bearer, SessionRow, Stage
from ..engine.log_context import bind
from ..engine.reading import Account, AuditEntry
from .language.choosing import prefer
from .problems import NotSignedIn, Problem, not_found
from .services import web_of

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")

#: The cookie with the one tenant that a system administrator has chosen to see. It narrows what they
#: see and gives nobody anything, so that it need not be signed.
LOOKING_AT = "tapeline_tenant"


async def identify(request: Request) -> Account:
    """Whoever is asking. Raises NotSignedIn."""
    account, session, bearer = await _who(request)
    if account is None or not sound(account) or (session and session.stage is not Stage.FULL):
        raise NotSignedIn
    account = _looking(account, session, request)
    request.state.account, request.state.session = account, session
    prefer(request.url.path, account.language)
    request.state.scopes = None if bearer is None else bearer.token.scopes
    return account


async def gate(request: Request) -> Account:
    """Whoever is asking. Raises NotSignedIn, or Problem 403 for a forged form, and for a route that
    does not say what it is for."""
    # For whatever is logged while this request is worked on.
    bind(call=request.path_params.get("call_id", ""), recording=request.path_params.get("recording_id", ""))
    account = await identify(request)
    session: SessionRow | None = request.state.session
    if declared(request.scope.get("route")) is None:
        raise Problem(403, "Nobody may do this: the route declares no permission.")
    if session is not None and request.method not in SAFE_METHODS:
        await check_form(request, session.nonce)
    return account


Me = Annotated[Account, Depends(gate)]


class Needs:
    """A route's declaration of its permission, and the check of it."""

    def __init__(self, permission: Permission, *, session: bool = False) -> None:
        self.permission, self.session = permission, session

    async def __call__(self, request: Request, me: Me) -> Account:
        if not may(request, self.permission):
            await _note_refusal(request, me, self.permission)
            raise Problem(403, f"This needs the permission {self.permission}.")
        if self.session and request.state.session is None:
            raise Problem(403, "This needs a session; an API token is not enough.")
        return me


async def _note_refusal(request: Request, me: Account, permission: Permission) -> None:
    """Whoever tries what they may not is in the audit, once in a while for each permission."""
    web = web_of(request)
    subject = f"refused {permission}"
    if not web.heard.is_new(me.account_id, subject):
        return
    detail = f"{request.method} {request.url.path}"[:300]
    await web.services.accounts.audit(
        AuditEntry(
            web.services.now(), me.login, me.tenant, "refused", str(permission), detail, address_of(request)
        )
    )
    web.heard.note(me.account_id, subject)


def needs(permission: Permission, *, session: bool = False) -> Any:
    """For a route's signature: ``me: Annotated[Account, needs(Permission.LISTEN)]``. ``session``: for
    what an API token may not do, such as making another token."""
    return Depends(Needs(permission, session=session))


def may(request: Request, permission: Permission) -> bool:
    """Whether whoever the gate has let in has the permission: their role, and their token's scopes."""
    account: Account | None = getattr(request.state, "account", None)
    return account is not None and allows(account.role, permission, getattr(request.state, "scopes", None))


def declared(route: object) -> Permission | None:
    """The permission that a route declares in its signature; None without one."""
    dependant = getattr(route, "dependant", None)
    return _declared(dependant) if isinstance(dependant, Dependant) else None


def session_only(route: object) -> bool:
    """Whether an API token is not enough for it."""
    dependant = getattr(route, "dependant", None)
    found = _needed(dependant) if isinstance(dependant, Dependant) else None
    return found is not None and found.session


def _declared(dependant: Dependant) -> Permission | None:
    found = _needed(dependant)
    return None if found is None else found.permission


def _needed(dependant: Dependant) -> Needs | None:
    for one in dependant.dependencies:
        found = one.call if isinstance(one.call, Needs) else _needed(one)
        if found is not None:
            return found
    return None


def sound(account: Account) -> bool:
    """Whether the account may do anything at all. One without the tenant or extension that its
    role needs would see more than it should, so it sees nothing."""
    if account.disabled:
        return False
    if account.role in NEEDS_TENANT and not account.tenant:
        return False
    return bool(account.extension) or account.role not in NEEDS_EXTENSION


def own_tenant(me: Account, tenant: str) -> str:
    """The tenant, if the account reaches it. Raises 404 otherwise."""
    if me.tenant is not None and tenant != me.tenant:
        raise not_found("tenant")
    return tenant


def address_of(request: Request) -> str:
    """Where the request came from. Behind a proxy the server must be told to trust it."""
    return request.client.host if request.client else ""


_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def known_id(text: str, what: str) -> str:
    """An id that could be one of ours; anything else does not exist."""
    if not _ID.fullmatch(text):
        raise not_found(what)
    return text


class CameBy:
    """What a request came in with, to ask again later whether it still opens."""

    def __init__(self, request: Request) -> None:
        self._web = web_of(request)
        self._cookie = request.cookies.get(self._web.sessions.cookie, "")
        self._bearer = _bearer_text(request)
        self._request = request

    async def account(self) -> Account | None:
        """The account as it is now, for a stream that outlives the request that began it."""
        if self._bearer is None:
            found = await self._web.sessions.read(self._cookie)
            if found is None or found[0].stage is not Stage.FULL:
                return None
            account = _looking(found[1], found[0], self._request)
        else:
            services = self._web.services
            bearer = await services.accounts.bearer(token_digest(self._bearer), services.now())
            if bearer is None:
                return None
            account = bearer.account
        return account if sound(account) else None


def _looking(account: Account, session: SessionRow | None, request: Request) -> Account:
    """A token says what it wants in its queries; whoever goes from page to page has chosen once."""
    chosen = request.cookies.get(LOOKING_AT, "")
    if session is None or account.role is not Role.SYSTEM or not chosen:
        return account
    return replace(account, looking_at=chosen[:253])


async def check_form(request: Request, nonce: str) -> None:
    """Raises 403 unless the request comes from a page of ours."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Problem(403, "The request came from another site.")
    token = request.headers.get("x-csrf-token", "")
    if not token and _is_form(request):
        field = (await request.form()).get("csrf")
        token = field if isinstance(field, str) else ""
    if not web_of(request).sessions.form_token_fits(nonce, token):
        raise Problem(403, "The form is out of date. Load the page again and repeat.")


def _is_form(request: Request) -> bool:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return content_type in ("application/x-www-form-urlencoded", "multipart/form-data")


async def _who(request: Request) -> tuple[Account | None, SessionRow | None, Bearer | None]:
    web = web_of(request)
    token = _bearer_text(request)
    if token is not None:
        bearer = await web.services.accounts.bearer(token_digest(token), web.services.now())
        return (None if bearer is None else bearer.account), None, bearer
    found = await web.sessions.read(request.cookies.get(web.sessions.cookie, ""))
    return (None, None, None) if found is None else (found[1], found[0], None)


def _bearer_text(request: Request) -> str | None:
    """The token of the Authorization header; "" of one that is no bearer's; None without the header.
    No falling back on the cookie where there is one: what was sent is what counts."""
    authorization = request.headers.get("authorization")
    if authorization is None:
        return None
    scheme, _, token = authorization.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def token_digest(token: str) -> str:
    """What is stored of an API token. It has 256 random bits, so a plain hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
