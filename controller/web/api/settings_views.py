"""Settings as the API answers them: the same members as the bodies that change them."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import BaseModel, Field

from ...core.direction import Direction
from ...core.rules import Mode, PolicyRule, PolicyScope, Setting
from ...engine.reading import SystemSettings, TenantSettings, UserSettings
from .settings_bodies import OptionsBody


class SystemView(BaseModel):
    record_external: bool
    audio: Setting
    video: Setting
    directions: list[Direction]

    @classmethod
    def of(cls, settings: SystemSettings) -> SystemView:
        return cls(
            record_external=settings.record_external, audio=settings.audio, video=settings.video,
            directions=in_order(settings.directions),
        )  # fmt: skip


class TenantView(BaseModel):
    tenant: str
    audio: Setting
    video: Setting
    directions: list[Direction]
    options: OptionsBody

    @classmethod
    def of(cls, settings: TenantSettings) -> TenantView:
        return cls(
            tenant=settings.tenant, audio=settings.audio, video=settings.video,
            directions=in_order(settings.directions),
            options=OptionsBody.model_validate(settings.options.as_mapping()),
        )  # fmt: skip


class UserView(BaseModel):
    tenant: str
    user: str
    name: str
    audio: Setting
    video: Setting
    directions: list[Direction]
    mode: Mode
    sample_percent: float

    @classmethod
    def of(cls, settings: UserSettings) -> UserView:
        return cls(
            tenant=settings.tenant, user=settings.user, name=settings.name, audio=settings.audio,
            video=settings.video, directions=in_order(settings.directions), mode=settings.mode,
            sample_percent=settings.sample_percent,
        )  # fmt: skip


class RuleView(BaseModel):
    scope: PolicyScope
    tenant: str | None = Field(description="Null for the system's.")
    name: str
    audio: Setting
    video: Setting
    directions: list[Direction]
    mode: Mode = Field(description="Only a user's says something.")
    sample_percent: float

    @classmethod
    def of(cls, rule: PolicyRule) -> RuleView:
        return cls(
            scope=rule.scope, tenant=rule.tenant, name=rule.name, audio=rule.audio, video=rule.video,
            directions=in_order(rule.directions), mode=rule.mode, sample_percent=rule.sample_percent,
        )  # fmt: skip


def in_order(directions: Iterable[Direction]) -> list[Direction]:
    wanted = set(directions)
    return [d for d in Direction if d in wanted]
