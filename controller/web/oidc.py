"""Signing in by an OpenID provider: authorization code with PKCE (RFC 7636), state and nonce.

The code is exchanged by us, over TLS, with the client's secret; the ID token is checked by the provider's
published keys for issuer, audience, time and nonce (OpenID Connect Core 1.0, 3.1.3.7). What belongs to one
attempt is in a signed cookie of the browser that began it, for ten minutes.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from itsdangerous import BadSignature, URLSafeSerializer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from ..core.errors import TapelineError
from .sign_in_rules import OidcSettings

ATTEMPT = timedelta(minutes=10)
TIMEOUT_S = 10
#: Signatures only: a token under "none" or under a shared secret is nobody's.
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
#: Metadata and keys are asked for anew after this.
FRESH = timedelta(hours=1)


class Refused(TapelineError):
    """The provider did not let somebody in, or what it said cannot be trusted. Not for the browser."""


class TooLate(Refused):
    """There is no attempt of this browser, or it began too long ago."""


@dataclass(frozen=True, slots=True)
class Arrived:
    """Who the provider says has come, and where they wanted to go."""

    subject: str
    claims: Mapping[str, Any]
    next: str

    @property
    def verified_email(self) -> str:
        """ "" unless the provider itself says that it is theirs."""
        email = self.claims.get("email")
        return email if isinstance(email, str) and self.claims.get("email_verified") is True else ""


class Provider:
    def __init__(self, settings: OidcSettings, secret: bytes, now: Callable[[], datetime]) -> None:
        self.settings = settings
        self._now = now
        self._signer = URLSafeSerializer(
            secret, salt="tapeline.oidc", signer_kwargs={"digest_method": hashlib.sha256}
        )
        self._metadata: tuple[datetime, dict[str, Any]] | None = None
        self._keys: tuple[datetime, KeySet] | None = None

    async def begin(self, next: str) -> tuple[str, str]:
        """(the provider's address to go to, the cookie of the attempt). Raises Refused."""
        metadata = await self.metadata()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        async with self._client() as client:
            url, _ = client.create_authorization_url(
                metadata["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
            )
        began = int(self._now().timestamp())
        return str(url), str(self._signer.dumps([state, nonce, verifier, next, began]))

    async def finish(self, cookie: str, query: Mapping[str, str]) -> Arrived:
        """Whoever came back with this. Raises Refused, TooLate."""
        state, nonce, verifier, next, began = self._attempt(cookie)
        if not secrets.compare_digest(query.get("state", "").encode(), state.encode()):
            raise Refused("the state is another attempt's")
        if not 0 <= self._now().timestamp() - began + 60 <= ATTEMPT.total_seconds() + 60:
            raise TooLate("the attempt began too long ago")
        # RFC 9207: a provider that names itself must be this one.
        if query.get("iss", self.settings.issuer) != self.settings.issuer:
            raise Refused("another provider has answered")
        if "code" not in query:
            raise Refused(f"the provider says {query.get('error', 'nothing')[:80]}")
        metadata = await self.metadata()
        try:
            async with self._client() as client:
                token = await client.fetch_token(
                    metadata["token_endpoint"], code=query["code"], code_verifier=verifier
                )
                claims = await self._claims(str(token.get("id_token", "")), nonce)
                claims = await self._with_userinfo(client, metadata, claims)
        except (OAuthError, httpx2.HTTPError, ValueError) as error:
            raise Refused(f"the provider's answer: {type(error).__name__}: {str(error)[:200]}") from error
        return Arrived(str(claims["sub"]), claims, next)

    async def metadata(self) -> dict[str, Any]:
        """The provider's discovery document. Raises Refused."""
        if self._metadata is None or self._now() - self._metadata[0] > FRESH:
            found = await self._json(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
            if found.get("issuer") != self.settings.issuer:
                raise Refused(f"the provider calls itself {str(found.get('issuer'))[:100]!r}")
            for key in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not isinstance(found.get(key), str):
                    raise Refused(f"the provider does not say its {key}")
            self._metadata = self._now(), found
        return self._metadata[1]

    async def _claims(self, id_token: str, nonce: str) -> dict[str, Any]:
        """What a sound ID token says."""
        try:
            claims = await self._decoded(id_token)
            checks: dict[str, Any] = {
                "iss": {"essential": True, "value": self.settings.issuer},
                "aud": {"essential": True, "value": self.settings.client_id},
                "sub": {"essential": True},
                "exp": {"essential": True},
                "iat": {"essential": True},
                "nonce": {"essential": True, "value": nonce},
            }
            registry = jwt.JWTClaimsRegistry(now=int(self._now().timestamp()), leeway=60, **checks)
            registry.validate(claims)
        except JoseError as error:
            raise Refused(f"the ID token: {error}") from error
        party = claims.get("azp", self.settings.client_id)
        if party != self.settings.client_id:
            raise Refused("the ID token is for another party")
        return claims

    async def _decoded(self, id_token: str) -> dict[str, Any]:
        try:
            return dict(jwt.decode(id_token, await self._key_set(), algorithms=ALGORITHMS).claims)
        except (JoseError, ValueError):
            # It may be signed by a key that is newer than what we know.
            keys = await self._key_set(anew=True)
            return dict(jwt.decode(id_token, keys, algorithms=ALGORITHMS).claims)

    async def _key_set(self, *, anew: bool = False) -> KeySet:
        if anew or self._keys is None or self._now() - self._keys[0] > FRESH:
            found = await self._json((await self.metadata())["jwks_uri"])
            self._keys = self._now(), KeySet.import_key_set({"keys": list(found.get("keys", []))})
        return self._keys[1]

    async def _with_userinfo(
        self, client: AsyncOAuth2Client, metadata: dict[str, Any], claims: dict[str, Any]
    ) -> dict[str, Any]:
        """Providers that put little into the ID token tell the rest here."""
        wanted = {"email", self.settings.login_claim, *(r.claim for r in self.settings.rules)}
        endpoint = metadata.get("userinfo_endpoint")
        if not isinstance(endpoint, str) or wanted <= set(claims):
            return claims
        answer = await client.get(endpoint)
        answer.raise_for_status()
        more = answer.json()
        if not isinstance(more, dict) or more.get("sub") != claims["sub"]:
            raise Refused("the provider tells of somebody else")
        return more | claims

    def _attempt(self, cookie: str) -> tuple[str, str, str, str, int]:
        try:
            state, nonce, verifier, next, began = self._signer.loads(cookie)
        except (BadSignature, ValueError, TypeError) as error:
            raise TooLate("this browser has begun no attempt") from error
        return str(state), str(nonce), str(verifier), str(next), int(began)

    def _client(self) -> AsyncOAuth2Client:
        settings = self.settings
        return AsyncOAuth2Client(
            settings.client_id, settings.client_secret, scope=" ".join(settings.scopes),
            redirect_uri=settings.redirect_uri, code_challenge_method="S256", timeout=TIMEOUT_S,
        )  # fmt: skip

    async def _json(self, url: str) -> dict[str, Any]:
        try:
            async with httpx2.AsyncClient(timeout=TIMEOUT_S) as client:
                answer = await client.get(url)
                answer.raise_for_status()
                found = answer.json()
        except (httpx2.HTTPError, ValueError) as error:
            raise Refused(f"{url}: {type(error).__name__}: {str(error)[:200]}") from error
        if not isinstance(found, dict):
            raise Refused(f"{url} is no JSON object")
        return found
