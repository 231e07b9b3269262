"""The examples in the documents run: TOML is loaded, commands are parsed, links lead somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from controller.config import load
from tests.command_tree import command_tree

from .documents import PROJECT, anchors, blocks, every_document, links, name_of, prose

DOCUMENTS = every_document()

#: Made by `python -m benchmarks report`, from numbers that somebody has taken.
PERFORMANCE = PROJECT / "docs/performance.md"

#: Hosts that a document may name: examples (RFC 2606, RFC 5737), this machine, and standards.
ALLOWED_HOSTS = re.compile(
    r"localhost|127\.\d+\.\d+\.\d+|192\.0\.2\.\d+|.*\.(test|example|invalid)|semver\.org|www\.rfc-editor\.org"
)
#: Words of a command's usage that stand for one of several, and one of them.
STANDS_FOR = {"SCOPE": "queue"}
#: Where things lie on somebody's own machine, which a document for everybody cannot know.
MACHINE_PATHS = re.compile(r"/(work|var/tmp|home|root|Users)/")


def toml_examples() -> list[Any]:
    return [
        pytest.param(block.text, id=f"{name_of(path)}:{block.line}")
        for path in DOCUMENTS
        for block in blocks(path.read_text(encoding="utf-8"))
        if block.language == "toml"
    ]


def commands() -> list[Any]:
    """Every command line of ours: lines of code blocks, and code in the prose."""
    found = []
    for path in DOCUMENTS:
        document = path.read_text(encoding="utf-8")
        lines = [
            line
            for block in blocks(document)
            if block.language in ("", "sh", "console", "bash")
            for line in block.text.replace("\\\n", " ").splitlines()
        ]
        lines += re.findall(r"`(tapeline(?: [^`]*)?)`", prose(document).replace("\n", " "))
        for line in lines:
            words = re.search(r"(?:^|\$ |bin/|sudo -u \S+ |&& )tapeline(?= |$)(.*)", line.strip())
            if words:
                found.append(pytest.param(words[1], id=f"{name_of(path)}:{words[1].strip()}"))
        for arguments in re.findall(r'make demo ARGS="([^"]*)"', document):
            found.append(pytest.param(f"demo {arguments}", id=f"{name_of(path)}:make demo {arguments}"))
    return found


@pytest.mark.parametrize("text", toml_examples())
def test_toml_is_a_configuration(text: str, tmp_path: Path) -> None:
    secrets = tmp_path / "credentials"  # what a service manager hands over
    secrets.mkdir()
    for name in re.findall(r"\$CREDENTIALS_DIRECTORY/([a-z.-]+)", text):
        (secrets / name).write_text("x")
    file = tmp_path / "tapeline.toml"
    file.write_text(text, encoding="utf-8")
    assert load(file, {"CREDENTIALS_DIRECTORY": str(secrets)}).model_fields_set


@pytest.mark.parametrize("line", commands())
def test_commands_are_accepted(line: str) -> None:
    """Parsed by the command's own parser, and not carried out."""
    words = shlex.split(line.replace("[OPTIONS]", ""), comments=True)
    command: Any = command_tree()
    while getattr(command, "commands", None) is not None:
        if not words:
            return  # the group alone is named
        assert words[0] in command.commands, f"there is no command {words[0]!r}"
        command = command.commands[words.pop(0)]
    words = [STANDS_FOR.get(word, word) for word in words]
    if words and "[OPTIONS]" in line:  # which stands for those that have to be given, too
        for option in command.params:
            words += [option.opts[0], "x"] if option.required and option.opts[0].startswith("--") else []
    if words:  # a command that is only named needs no arguments
        command.make_context("tapeline", words)


def test_commands_are_found_and_a_wrong_one_is_noticed() -> None:
    assert len(commands()) > 20
    with pytest.raises(AssertionError):
        test_commands_are_accepted("sevre --config x.toml")
    with pytest.raises(Exception, match="--confg"):
        test_commands_are_accepted("serve --confg x.toml")


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_somewhere(path: Path) -> None:
    for link in links(path.read_text(encoding="utf-8")):
        if urlsplit(link).scheme:
            continue
        target, _, anchor = link.partition("#")
        there = (path.parent / target).resolve() if target else path
        assert there.is_relative_to(PROJECT), f"{link} leads out of the project"
        assert there.exists() or there == PERFORMANCE, f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(there.read_text(encoding="utf-8")), f"{link}: no such heading"


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_nothing_of_a_build_machine_is_named(path: Path) -> None:
    document = path.read_text(encoding="utf-8")
    assert not (found := MACHINE_PATHS.search(document)), f"a path of a machine: {found}"
    for url in re.findall(r"https?://[^\s`)\"'<>|]+", document):
        host = urlsplit(url).hostname or ""
        assert ALLOWED_HOSTS.fullmatch(host), f"{url} names a host"


def test_every_document_can_be_reached_from_the_readme() -> None:
    reached, waiting = set(), [PROJECT / "README.md"]
    while waiting:
        path = waiting.pop()
        if path in reached or path.suffix != ".md" or not path.exists():
            continue
        reached.add(path)
        for link in links(path.read_text(encoding="utf-8")):
            target = link.partition("#")[0]
            if target and not urlsplit(link).scheme:
                waiting.append((path.parent / target).resolve())
    assert set(DOCUMENTS) - reached == set()
