"""The configuration's part about this controller among several ones: ``[node]``."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, field_validator

from .storage import Section


class Part(StrEnum):
    """What a process of `tapeline serve` does."""

    SWITCHES = "switches"
    WEB = "web"
    WORK = "work"
    COLLECT = "collect"


class NodeConfig(Section):
    """This controller among several ones: see [several controllers](../how-to/several-controllers.md)."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,40}$")] = Field(
        "", description="What this machine is called, here and in `spool_on`; empty: its host name."
    )
    roles: tuple[Part, ...] = Field(
        (Part.SWITCHES, Part.WEB, Part.WORK),
        description="What this process does: `switches` controls those that no other controller has, `web` "
        "serves the pages and the API, `work` does all work on recordings, `collect` only that on those "
        "whose spool is on this machine.",
    )
    address: str = Field(
        "",
        description="Where the other controllers reach this one, `http://192.0.2.1:8080`; empty: "
        "`web.host` and `web.port`, which is enough on one machine.",
    )
    prefer: tuple[str, ...] = Field(
        (), description="The switches that this controller is meant to have, as long as it lives."
    )

    @field_validator("roles")
    @classmethod
    def _something_to_do(cls, value: tuple[Part, ...]) -> tuple[Part, ...]:
        if not value:
            raise ValueError("name at least one of switches, web, work and collect")
        return tuple(dict.fromkeys(value))

    @field_validator("address")
    @classmethod
    def _an_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must begin with http:// or https://")
        return value.rstrip("/")

    def does(self, part: Part) -> bool:
        return part in self.roles
