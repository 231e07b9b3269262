"""The command line as a tree."""

from __future__ import annotations

from typing import Any

import typer

from controller.cli import app


def command_tree() -> Any:
    """The root group with all of its commands, which are otherwise made when they are wanted."""
    root: Any = typer.main.get_command(app)
    for name in root.list_commands(None):
        root.get_command(None, name)
    return root
