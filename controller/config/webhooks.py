"""The configuration's part about webhooks: ``[webhooks]``."""

from __future__ import annotations

from ipaddress import ip_network

from pydantic import Field, field_validator

from .storage import Section


class WebhooksConfig(Section):
    """What is told to other systems: see [webhooks](webhooks.md)."""

    enabled: bool = Field(
        True, description="This controller delivers; false leaves that to another one on the same catalog."
    )
    allow_networks: tuple[str, ...] = Field(
        (),
        description='Networks that are not public and may be told all the same, such as `"10.1.0.0/16"`; a '
        "webhook to any other private, loopback or link-local address is refused.",
    )
    keep_days: int = Field(14, ge=1, le=3650, description="How long the log of deliveries is kept.")

    @field_validator("allow_networks")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for text in value:
            ip_network(text)
        return value
