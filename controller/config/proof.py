"""The configuration's part about proof: ``[proof]``."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field


class ProofConfig(BaseModel):
    """The chain of proof: see [proof](proof.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    key_file: Path = Field(
        Path("data/proof.key"),
        description="The private keys that sign the chain (PEM, the last one signs); made, for this user "
        "only, at the first start. Keep a copy: without it a chain cannot go on.",
    )
    key_command: tuple[str, ...] = Field(
        (),
        description="A program with its arguments that prints the same to its output, instead of the file.",
    )
