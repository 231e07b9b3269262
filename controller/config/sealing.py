"""The configuration's part about whose recordings are sealed, and with which keys: ``[[sealing]]``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from .storage import Section

#: Stands for every tenant that no other section names.
EVERYBODY = "*"


class SealingConfig(Section):
    """Tenants whose recordings lie encrypted, and where their keys are: see [sealing](sealing.md)."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")] = Field(
        description="Your name for these keys; alarms and `tapeline sealing` use it."
    )
    tenants: tuple[str, ...] = Field(
        (),
        description="The tenants whose recordings are sealed with the newest of these keys; `*` is all that "
        "no other section names. None: the keys only open what was sealed with them.",
    )
    key_file: Path | None = Field(
        None, description="The file with the keys; `tapeline sealing key new` makes it and adds to it."
    )
    key_command: tuple[str, ...] = Field(
        (),
        description="A program with its arguments that prints the same to its output, instead of the file.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> SealingConfig:
        if (self.key_file is None) == (not self.key_command):
            raise ValueError("give key_file or key_command, one of the two")
        return self


def check_sealing(sections: tuple[SealingConfig, ...]) -> None:
    """Raises ValueError for two sections of one name, and for a tenant of two sections."""
    names = [section.name for section in sections]
    tenants = [tenant for section in sections for tenant in section.tenants]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two sections of [[sealing]] are called {name!r}")
    for tenant in tenants:
        if tenants.count(tenant) > 1:
            raise ValueError(f"[[sealing]] names the tenant {tenant!r} twice")


def anchored_sealing(section: SealingConfig, folder: Path) -> SealingConfig:
    """The same with its relative path made absolute."""
    file = section.key_file
    return section.model_copy(update={"key_file": folder / file}) if file else section
