"""The configuration's part about retention: ``[retention]``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RetentionConfig(BaseModel):
    """When what is due is deleted: see [retention](retention.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    every_minutes: int = Field(
        60, ge=1, le=1440, description="How often the rules are carried out and the trash is emptied."
    )
    confirm_above: int = Field(
        10_000,
        ge=1,
        description="More recordings of a tenant than this, or more than half of them, are not deleted at "
        "once because of a changed rule before an administrator has confirmed it.",
    )
    batch: int = Field(100, ge=1, le=1000, description="So many go into the trash in one transaction.")
