"""The configuration's part about the work on recordings: ``[jobs]``."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .storage import Section


class JobsConfig(Section):
    """The work on recordings after the call: see [jobs](jobs.md)."""

    in_controller: bool = Field(
        True,
        description="The process that `tapeline serve` starts beside itself works on recordings; false "
        "leaves that to `tapeline worker`: it only looks after their files then.",
    )
    nice: int = Field(
        10, ge=0, le=19, description="How far that work gives way to everything else on the machine."
    )
    memory_mb: int = Field(
        4000,
        ge=500,
        le=1_048_576,
        description="The memory that such a process may have for its data; what needs more fails.",
    )
    at_once: int = Field(
        4, ge=1, le=64, description="How many recordings' files one process works on at once."
    )
    finishing_at_once: int = Field(
        2, ge=1, le=64, description="How many finished recordings it encodes, transcribes or seals at once."
    )
    per_tenant: int = Field(
        8,
        ge=1,
        le=10_000,
        description="How many of one tenant's recordings are worked on at once, by all processes.",
    )
    tenants: dict[str, Annotated[int, Field(ge=1)]] = Field(
        default_factory=dict, description="Another limit for some tenants, by name."
    )
    switches: tuple[str, ...] = Field(
        (),
        description="The switches whose spools this process sees, so whose recordings it takes; "
        "empty: all that are configured.",
    )
    node: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,40}$")] = Field(
        "", description="What this machine is called in the list of jobs; empty: its host name."
    )
    keep_days: int = Field(
        2, ge=1, le=3650, description="How long what was done is remembered in the list of jobs."
    )
