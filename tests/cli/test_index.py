"""The list of all commands, which imports none of them."""

from __future__ import annotations

import subprocess
import sys

from typer.testing import CliRunner

from controller.cli import app
from controller.cli.index import COMMANDS
from tests.command_tree import command_tree


def test_every_command_is_listed_with_its_line() -> None:
    said = CliRunner().invoke(app, ["--help"], env={"COLUMNS": "160", "NO_COLOR": "1"}).output
    for name, command in COMMANDS.items():
        assert any(row.split()[1:2] == [name] and command.line in row for row in said.splitlines()), name


def test_every_command_of_the_list_can_be_made() -> None:
    tree = command_tree()
    assert {name: tree.commands[name].name for name in COMMANDS} == {name: name for name in COMMANDS}


def test_the_list_costs_no_import_of_what_is_listed() -> None:
    script = (
        "import sys; from controller.cli import app\n"
        "try: app(['--help'])\n"
        "except SystemExit: pass\n"
        "print('imported:', *sorted({'sqlalchemy', 'fastapi', 'numpy', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].strip() == "imported:", done.stdout[-300:]


def test_a_name_that_is_mistyped_is_told_with_the_nearest() -> None:
    done = CliRunner().invoke(app, ["rul"], env={"COLUMNS": "160", "NO_COLOR": "1"})
    assert done.exit_code == 2
    assert "Did you mean 'rule'?" in done.output
