"""What is changed on the command line is in the audit, with the operating system's user as the doer."""

from __future__ import annotations

import getpass
import inspect
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from controller.cli import importing
from controller.engine.ports import DirectoryUser
from controller.engine.reading import Scope
from tests.command_tree import command_tree

from .conftest import Tapeline

WHO = f"{getpass.getuser()} (command line)"

#: Words of a command → the last line that it leaves: its tenant, subject and a part of its detail.
CHANGES = [
    (["policy", "system", "--external"], (None, "system", "record_external: off → on")),
    (["policy", "tenant", "acme", "--audio"], ("acme", "tenant acme", "audio: on")),
    (["policy", "user", "acme", "101", "--audio"], ("acme", "user 101@acme", "audio: on")),
    (["rule", "set", "system", "--audio", "on"], (None, "system", "audio: inherit → on")),
    (["rule", "set", "tenant", "acme", "--video", "off"], ("acme", "tenant acme", "video: off")),
    (["rule", "set", "user", "101", "--tenant", "acme", "--mode", "never"],
     ("acme", "user 101@acme", "mode: never")),
    (["rule", "set", "queue", "vip", "--tenant", "acme", "--audio", "on"],
     ("acme", "queue vip@acme", "audio: on")),
    (["tenant", "option", "set", "acme", "beep_every_s=15"],
     ("acme", "tenant acme", "beep_every_s: 15")),
]  # fmt: skip

#: Commands that change nothing that is anybody's: they read, run a server, make a key file, or do at once
#: what a running controller does by itself.
READS = {
    "backup", "restore",  # of the whole machine, audit included; who may do that is the machine's own
    "calculate disk", "demo", "doctor", "evidence export", "explain", "hold list", "jobs list", "jobs nodes",
    "jobs show", "nodes", "note list", "policy show", "proof head", "proof key", "proof seal",
    "retention preview", "retention rules", "rule list", "sealing key new", "sealing run", "sealing status",
    "serve", "store list",
    "tag list", "tenant option list", "token list", "trash list", "user list", "verify", "version",
    "webhook list", "webhook log", "worker",
}  # fmt: skip


#: Their changes are made by a server, which writes the line.
OVER_THE_API = {"controller.cli.online", "controller.cli.recordings", "controller.cli.remote"}


def commands(group: Any, before: tuple[str, ...] = ()) -> Iterator[tuple[str, Callable[..., object]]]:
    """(its words, its function) of every command."""
    if hasattr(group, "commands"):  # typer has a click of its own
        for name, command in group.commands.items():
            yield from commands(command, (*before, name))
    else:
        assert group.callback is not None
        yield " ".join(before), inspect.unwrap(group.callback)


def test_every_command_that_changes_says_who_did_it() -> None:
    """A new command is either named above, or its module puts the operating system's user somewhere."""
    found = dict(commands(command_tree()))
    assert set(found) >= READS
    silent = [
        words for words, function in found.items()
        if words not in READS
        and function.__module__ not in OVER_THE_API
        and not re.search(r"changes\.|audited\(|_note\(|operator\(|_each\(|_keep\(|make_retainer|_sweep\(",
                          inspect.getsource(function))
    ]  # fmt: skip
    assert silent == []


def lines(tapeline: Tapeline) -> list[tuple[str, str | None, str, str, str]]:
    log = tapeline.within(lambda catalog: catalog.audit_entries(Scope(None)))
    return [(e.account, e.tenant, e.action, e.subject, e.detail) for e in log]


@pytest.mark.parametrize(("words", "left"), CHANGES, ids=lambda v: " ".join(map(str, v)))
def test_a_setting_is_a_line(tapeline: Tapeline, words: list[str], left: tuple[str | None, str, str]) -> None:
    tapeline.run(*words)
    [(who, tenant, action, subject, detail)] = lines(tapeline)
    assert (who, tenant, action, subject) == (WHO, left[0], "setting", left[1])
    assert left[2] in detail


def test_a_rule_that_goes_is_a_line_and_the_second_change_says_what_it_changed(tapeline: Tapeline) -> None:
    tapeline.run("rule", "set", "queue", "vip", "--tenant", "acme", "--audio", "on")
    tapeline.run("rule", "set", "queue", "vip", "--tenant", "acme", "--audio", "off")
    tapeline.run("rule", "remove", "queue", "vip", "--tenant", "acme")
    removed, changed, _ = lines(tapeline)
    assert changed[4] == "audio: on → off"
    assert removed[3] == "queue vip@acme"
    assert removed[4].startswith("removed: audio: off")


def test_an_import_is_a_line_for_each_user_that_it_made_or_named(
    tapeline: Tapeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "tapeline.toml"
    (tmp_path / "password").write_text("x")
    config.write_text(
        '[[switches]]\nkind = "freeswitch"\nname = "pbx"\n'
        f'password_file = "{tmp_path}/password"\nspool = "{tmp_path}"\n'
    )

    class OnSwitch:
        async def users(self) -> list[DirectoryUser]:
            return [DirectoryUser("acme", "101", "Anna"), DirectoryUser("acme", "102", "Bela")]

    monkeypatch.setattr(importing, "make_directory", lambda section: OnSwitch())
    tapeline.run("policy", "user", "acme", "102")
    before = len(lines(tapeline))
    tapeline.run("import", "--switch", "pbx", "--dry-run", "--config", str(config))
    assert len(lines(tapeline)) == before
    tapeline.run("import", "--switch", "pbx", "--config", str(config))
    named, made = lines(tapeline)[:-before]
    assert made[:4] == (WHO, "acme", "setting", "user 101@acme")
    assert made[4].startswith("imported from pbx; new: ")
    assert named[3:] == ("user 102@acme", "imported from pbx; name: none → Bela")
    tapeline.run("import", "--switch", "pbx", "--config", str(config))
    assert len(lines(tapeline)) == before + 2
