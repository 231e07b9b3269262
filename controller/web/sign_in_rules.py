"""What the operator has chosen of the sign-in, as plain values; bootstrap fills them in."""

from __future__ import annotations

from dataclasses import dataclass

from ..config.sign_in import SignInConfig
from ..core.errors import TapelineError
from ..core.roles import Role
from .passwords import MIN_LENGTH


@dataclass(frozen=True, slots=True)
class ClaimRule:
    """Who has ``value`` in ``claim`` (a text, or a list that holds it) gets the role. ``tenant`` may be
    a claim's name behind a ``$``: then the claim's text is the tenant. ``extension_claim``: where a user's
    extension stands."""

    claim: str
    value: str
    role: Role
    tenant: str | None = None
    extension_claim: str = ""


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """``name`` stands on the button. ``create``: make accounts for whom a rule fits; otherwise only
    those who have one here come in. ``rules``: the first that fits counts."""

    issuer: str
    client_id: str
    client_secret: str
    name: str = "single sign-on"
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    create: bool = False
    login_claim: str = "email"
    rules: tuple[ClaimRule, ...] = ()
    redirect_uri: str = ""


@dataclass(frozen=True, slots=True)
class SignInRules:
    """The operator's choices. ``local``: whether passwords are taken; ``second_factor_for``: the roles
    that need one whatever their tenant has chosen."""

    local: bool = True
    least_password: int = MIN_LENGTH
    second_factor_for: frozenset[Role] = frozenset()
    oidc: OidcSettings | None = None


class SecretMissing(TapelineError):
    """sign_in.oidc.client_secret_file cannot be read."""


def rules_of(config: SignInConfig) -> SignInRules:
    """Raises SecretMissing."""
    oidc = config.oidc
    if oidc is None:
        return SignInRules(config.local, config.least_password, frozenset(config.second_factor_for))
    secret = oidc.client_secret
    if oidc.client_secret_file is not None:
        try:
            secret = oidc.client_secret_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SecretMissing(
                f"sign_in.oidc.client_secret_file: cannot read {oidc.client_secret_file}: {error.strerror}"
            ) from error
    settings = OidcSettings(
        issuer=oidc.issuer,
        client_id=oidc.client_id,
        client_secret=secret or "",
        redirect_uri=oidc.redirect_uri,
        name=oidc.name,
        scopes=oidc.scopes,
        create=oidc.create,
        login_claim=oidc.login_claim,
        rules=tuple(ClaimRule(r.claim, r.value, r.role, r.tenant, r.extension_claim) for r in oidc.rules),
    )
    return SignInRules(config.local, config.least_password, frozenset(config.second_factor_for), settings)
