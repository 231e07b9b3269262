"""The command line: ``tapeline serve | worker | doctor | demo | sweep | explain | user``, and more."""

from __future__ import annotations

import importlib
import sys
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperGroup

from .. import __version__
from ..core.errors import TapelineError

#: Each command's or group's module and what it is there. A module is imported when its command is wanted:
#: all of them together cost seconds of processor time, the one that is wanted mostly a fraction.
COMMANDS = {
    "serve": ("serve", "serve_command"),
    "doctor": ("examine", "doctor_command"),
    "demo": ("..demo.cli", "demo"),
    "worker": ("worker", "worker_command"),
    "nodes": ("nodes", "nodes_command"),
    "user": ("people", "people"),
    "token": ("people", "tokens"),
    "policy": ("policy", "settings"),
    "rule": ("rules", "rule"),
    "tenant": ("options", "tenants"),
    "explain": ("explain", "explain_command"),
    "import": ("importing", "import_command"),
    "store": ("store", "store"),
    "jobs": ("jobs", "jobs"),
    "calculate": ("disk", "calculate"),
    "sealing": ("sealing", "sealing"),
    "proof": ("proof", "proof"),
    "evidence": ("proof", "evidence_commands"),
    "verify": ("proof", "verify_command"),
    "retention": ("retention", "retention"),
    "trash": ("trash", "trash"),
    "hold": ("trash", "hold"),
    "erase": ("trash", "erase_command"),
    "sweep": ("sweep", "sweep_command"),
    "backup": ("backup", "backup_command"),
    "restore": ("backup", "restore_command"),
    "webhook": ("webhooks", "webhooks"),
    "tag": ("tags", "tag"),
    "note": ("tags", "note"),
    "transcribe": ("transcripts", "transcribe_command"),
    "redact": ("redact", "redact_command"),
    "find": ("transcripts", "find_command"),
    "recordings": ("recordings", "recordings"),
    "calls": ("recordings", "calls"),
    "live": ("online", "live"),
    "share": ("online", "shares"),
    "audit": ("online", "audit"),
    "group": ("online", "groups"),
    "report": ("online", "report_command"),
    "api": ("online", "call_command"),
}  # fmt: skip


class _Commands(TyperGroup):
    """The commands of `COMMANDS`, each made when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(dict.fromkeys([*COMMANDS, *self.commands]))

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in self.commands and cmd_name in COMMANDS:
            module, name = COMMANDS[cmd_name]
            found = getattr(
                importlib.import_module(module if "." in module else f".{module}", __name__), name
            )
            if isinstance(found, typer.Typer):
                self.commands[cmd_name] = made = typer.main.get_group(found)
                made.name = cmd_name
            else:
                alone = typer.Typer(add_completion=False)
                alone.command(cmd_name)(found)
                self.commands[cmd_name] = typer.main.get_command(alone)
        return self.commands.get(cmd_name)


app = typer.Typer(cls=_Commands, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)


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
