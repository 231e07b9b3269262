"""Puts what the demo starts switches with, and the run-book, into the wheel; a checkout has them already."""

from __future__ import annotations

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROJECT_PATHS = ("dialplan", "freeswitch-conf", "docs/how-to/alarms.md")


class ProjectFolders(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        # An editable install runs from the checkout and finds the folders there.
        if version != "editable":
            build_data["force_include"].update(
                {name: f"controller/_project/{name}" for name in PROJECT_PATHS}
            )
