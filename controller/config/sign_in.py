"""The configuration's part about signing in: ``[sign_in]`` and ``[sign_in.oidc]``."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from ..core.roles import NEEDS_EXTENSION, NEEDS_TENANT, Role


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OidcRuleConfig(_Section):
    """Whom the provider's people are here. The first rule that fits counts."""

    claim: str = Field(description="The claim that is looked at, such as `groups`.")
    value: str = Field(description="The claim is this text, or a list with it.")
    role: Role = Field(description="The role that this gives.")
    tenant: str | None = Field(
        None,
        description="The tenant; `$NAME` takes the text of the claim NAME. Not for system_administrator.",
    )
    extension_claim: str = Field("", description="The claim with a user's extension.")

    @model_validator(mode="after")
    def _whole(self) -> OidcRuleConfig:
        if (self.role in NEEDS_TENANT) != bool(self.tenant):
            raise ValueError("every role but system_administrator needs a tenant, and that one has none")
        if (self.role in NEEDS_EXTENSION) != bool(self.extension_claim):
            raise ValueError("extension_claim goes with the role user, and that needs it")
        return self


class OidcConfig(_Section):
    """Signing in by an OpenID provider: see [access](access.md#openid-connect)."""

    issuer: str = Field(description="The provider's issuer URL; all else is found by its discovery document.")
    client_id: str = Field(description="What the provider calls Tapeline.")
    client_secret: str | None = Field(None, description="The client's secret.", repr=False)
    client_secret_file: Path | None = Field(None, description="A file with the secret, instead.")
    redirect_uri: str = Field(
        description="The address of /sign-in/provider/back as browsers see it, registered at the provider."
    )
    name: str = Field(
        "single sign-on", max_length=60, description="What the button says after “Sign in with”."
    )
    scopes: tuple[str, ...] = Field(("openid", "email", "profile"), description="What is asked for.")
    create: bool = Field(
        False,
        description="Make an account at the first sign-in of whom a rule fits; else only those who have one.",
    )
    login_claim: str = Field(
        "email", description="The claim that becomes the login of an account that is made."
    )
    rules: tuple[OidcRuleConfig, ...] = Field((), description="Which claims give which role and tenant.")

    @field_validator("issuer", "redirect_uri")
    @classmethod
    def _https(cls, value: str) -> str:
        local = value.startswith(("http://127.", "http://localhost", "http://[::1]"))
        if not value.startswith("https://") and not local:
            raise ValueError("must begin with https://")
        return value

    @model_validator(mode="after")
    def _one_secret(self) -> OidcConfig:
        if (self.client_secret is None) == (self.client_secret_file is None):
            raise ValueError("give client_secret or client_secret_file, one of the two")
        return self


class SignInConfig(_Section):
    """Who gets in, and by what: see [access](access.md)."""

    local: bool = Field(True, description="Whether passwords are taken.")
    least_password: int = Field(
        15, ge=8, le=64,
        description="The least characters of a new password. NIST SP 800-63B-4: 15 where it is the only "
        "factor, 8 where a second one is required.",
    )  # fmt: skip
    second_factor_for: tuple[Role, ...] = Field(
        (), description="The roles that need a second factor, whatever their tenant's options say."
    )
    oidc: OidcConfig | None = Field(None, description="An OpenID provider: the section `[sign_in.oidc]`.")

    @model_validator(mode="after")
    def _a_way_in(self) -> SignInConfig:
        if not self.local and self.oidc is None:
            raise ValueError("local = false needs [sign_in.oidc]: else nobody comes in")
        return self


def anchored_sign_in(config: SignInConfig, folder: Path) -> SignInConfig:
    """The same with its relative path made absolute."""
    if config.oidc is None or config.oidc.client_secret_file is None:
        return config
    file = folder / config.oidc.client_secret_file
    return config.model_copy(update={"oidc": config.oidc.model_copy(update={"client_secret_file": file})})
