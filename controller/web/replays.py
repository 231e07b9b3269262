"""``Idempotency-Key``: a POST of the API that is sent again is answered again, and not done again.

A key belongs to who sent it (the account with the permissions that the token leaves it), for 24 hours.
The same request gets the same answer with ``Idempotency-Replayed: true``; another one under the same key
gets 422, one that is still under way 409. What was refused before anything was done (401, 403, 429) and
what failed (5xx) is not kept: it may be tried again with the same key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import Request, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..engine.replays import ReplayStore
from .access import check_form, identify
from .problems import Fault, Problem, answer_of
from .services import Web

HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
#: Refusals before anything was done.
_NOT_DONE = frozenset({401, 403, 429})
_KEPT_HEADERS = (b"content-type", b"location", b"etag")
MOST_KEPT = 1_000_000


class Sealing:
    """Answers may hold a new token or secret: the database alone does not give them away."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(HKDF(SHA256(), 32, salt=None, info=b"tapeline.replays").derive(secret))
        self._mac = HKDF(SHA256(), 32, salt=None, info=b"tapeline.replays.mac").derive(secret)

    def seal(self, name: str, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
        nonce = secrets.token_bytes(12)
        head = json.dumps([[k.decode("latin-1"), v.decode("latin-1")] for k, v in headers]).encode()
        plain = len(head).to_bytes(4, "big") + head + body
        return nonce + self._cipher.encrypt(nonce, plain, name.encode())

    def open(self, name: str, sealed: bytes) -> tuple[dict[str, str], bytes]:
        plain = self._cipher.decrypt(sealed[:12], sealed[12:], name.encode())
        end = 4 + int.from_bytes(plain[:4], "big")
        return dict(json.loads(plain[4:end])), plain[end:]

    def fingerprint(self, request: Request, body: bytes) -> str:
        """Keyed, because a body may hold a password, which could be guessed from a plain hash."""
        said = f"{request.method} {request.url.path}?{request.url.query}\n".encode() + body
        return hmac.new(self._mac, said, hashlib.sha256).hexdigest()


class Replaying:
    """The middleware. Without the header a request goes straight through."""

    def __init__(self, app: ASGIApp, *, web: Web, most: int) -> None:
        self._app, self._web, self._most = app, web, most
        self._sealing = Sealing(web.services.secret)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        store = self._web.services.replays
        if scope["type"] != "http" or scope["method"] != "POST" or not scope["path"].startswith("/api/v1/"):
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        key = request.headers.get(HEADER)
        if key is None or store is None:
            await self._app(scope, receive, send)
            return
        if not _KEY.fullmatch(key):
            fault = Fault(where=f"header.{HEADER}", problem="1 to 200 printable characters without blanks")
            await answer_of(request, Problem(422, "The idempotency key is none.", errors=[fault]))(
                scope, receive, send
            )
            return
        caller = await self._caller(request)
        body = await _whole(request, self._most) if caller else None
        if caller is None or body is None:
            # Nobody, or too much: the gate says so.
            await self._app(scope, _again(body, receive), send)
            return
        await self._once(store, caller, key, request, body, send)

    async def _caller(self, request: Request) -> str | None:
        """None for whom the gate will not let in."""
        try:
            me = await identify(request)
            if request.state.session is not None:
                await check_form(request, request.state.session.nonce)
        except Problem:
            return None
        scopes = request.state.scopes
        who = [me.account_id, me.role, me.tenant, me.extension, None if scopes is None else sorted(scopes)]
        return hashlib.sha256(json.dumps(who).encode()).hexdigest()

    async def _once(
        self, store: ReplayStore, caller: str, key: str, request: Request, body: bytes, send: Send
    ) -> None:
        scope, name = request.scope, f"{caller} {key}"
        known = await store.claim_replay(
            caller, key, self._sealing.fingerprint(request, body), self._web.services.now()
        )
        if known is not None:
            answer = self._known(request, name, known.fingerprint, known.status, known.sealed, body)
            await answer(scope, request.receive, send)
            return
        status, headers, parts, size = 0, list[tuple[bytes, bytes]](), list[bytes](), 0

        async def watch(message: Message) -> None:
            nonlocal status, headers, size
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [(k, v) for k, v in message["headers"] if k.lower() in _KEPT_HEADERS]
            elif size <= MOST_KEPT:
                parts.append(message.get("body", b""))
                size += len(parts[-1])
            await send(message)

        try:
            await self._app(scope, _again(body, request.receive), watch)
        except BaseException:
            await store.release_replay(caller, key)
            raise
        if status in _NOT_DONE or status >= 500 or not status or size > MOST_KEPT:
            await store.release_replay(caller, key)
        else:
            await store.keep_replay(caller, key, status, self._sealing.seal(name, headers, b"".join(parts)))

    def _known(
        self, request: Request, name: str, fingerprint: str, status: int, sealed: bytes, body: bytes
    ) -> Response:
        if not hmac.compare_digest(fingerprint, self._sealing.fingerprint(request, body)):
            problem = Problem(422, "Another request was sent with this idempotency key: take a new one.")
            return answer_of(request, problem)
        if not status:
            wait = Problem(
                409, "A request with this key is under way; ask again.", headers={"retry-after": "1"}
            )
            return answer_of(request, wait)
        headers, kept = self._sealing.open(name, sealed)
        return Response(kept, status, {**headers, "idempotency-replayed": "true"})


async def _whole(request: Request, most: int) -> bytes | None:
    """The body; None if it is too long, and then it is not read to its end."""
    parts, size = list[bytes](), 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            return None
        parts.append(part)
    return b"".join(parts)


def _again(body: bytes | None, receive: Receive) -> Receive:
    """The body once more, then whatever else comes (that the client has gone)."""
    if body is None:
        return receive
    given = False

    async def read() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return read
