"""The fields that every rule has (audio, video, directions, sample), out of a form and into one."""

from __future__ import annotations

from typing import Any

from ...core.direction import Direction
from ...core.rules import PolicyRule, Setting
from ...engine.reading import SystemSettings, TenantSettings, UserSettings
from .forms import Sheet


def shown(settings: SystemSettings | TenantSettings | UserSettings | PolicyRule) -> dict[str, Any]:
    return {
        "audio": settings.audio,
        "video": settings.video,
        "directions": [d for d in Direction if d in settings.directions],
    }


def read(sheet: Sheet) -> dict[str, Any]:
    """For dataclasses.replace; faults stay in the sheet."""
    return {
        "audio": sheet.choice("audio", Setting, Setting.INHERIT),
        "video": sheet.choice("video", Setting, Setting.INHERIT),
        "directions": sheet.choices("directions", Direction),
    }
