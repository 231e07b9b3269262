"""The command line, ``tapeline``: its commands are made when they are wanted (index.py)."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperCommand, TyperGroup

from .. import __version__
from ..core.errors import TapelineError
from ..engine.garbage import uncollected
from .index import COMMANDS, PANELS

_HELP = "Call recording for FreeSWITCH and Asterisk: decides, controls, catalogues."


class _Commands(TyperGroup):
    """The commands of `index`, each made when it is asked for, and listed without being made."""

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        # All names, also of what is not made yet: they are looked through for what somebody mistyped.
        self.commands: dict[str, Any] = {**dict.fromkeys(COMMANDS), **self.commands}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name in COMMANDS and self.commands[cmd_name] is None:
            module, name, _ = COMMANDS[cmd_name]
            with uncollected():
                there = importlib.import_module(module if "." in module else f".{module}", __name__)
            found = getattr(there, name)
            if isinstance(found, typer.Typer):
                self.commands[cmd_name] = made = typer.main.get_group(found)
                made.name = cmd_name
            else:
                alone = typer.Typer(add_completion=False)
                alone.command(cmd_name)(found)
                self.commands[cmd_name] = typer.main.get_command(alone)
        return self.commands.get(cmd_name)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        _Listed(name=self.name, help=self.help, params=self.params).format_help(ctx, formatter)


class _Listed(TyperGroup):
    """What `_Commands` prints as help: every command is its line, in its panel."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        (panel,) = (title for title, commands in PANELS.items() if cmd_name in commands)
        return TyperCommand(name=cmd_name, help=COMMANDS[cmd_name].line, rich_help_panel=panel)


app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False, help=_HELP)


def _version(asked: bool) -> None:
    if asked:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command("version")
def _version_command() -> None:
    """Print the version."""
    _version(True)


def main() -> NoReturn:
    """The console script: our own errors are told in one sentence, without a traceback."""
    try:
        app()
    except* TapelineError as group:
        for error in _leaves(group):
            Console(stderr=True).print(f"tapeline: {error}", markup=False, highlight=False)
        sys.exit(2)
    sys.exit(0)


def _leaves(group: BaseExceptionGroup[TapelineError]) -> list[TapelineError]:
    found: list[TapelineError] = []
    for error in group.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found
