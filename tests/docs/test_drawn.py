"""What is written about the configuration and the command line is what they are."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel

from controller.config import Config, load

from .documents import DOCS, MARK, blocks
from .draw import DRAWN, SECTION_KEYS, SECTIONS, whole


@pytest.mark.parametrize("document", DRAWN, ids=lambda p: p.name)
def test_the_reference_is_drawn_from_this_source(document: Path) -> None:
    assert document.read_text(encoding="utf-8") == whole(document), "run python -m tests.docs.draw"


def test_every_section_of_the_configuration_is_drawn() -> None:
    """A new section that nobody has added to SECTIONS would be missing without a word."""

    def sections(kind: object, found: set[type[BaseModel]]) -> set[type[BaseModel]]:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found.add(kind)
            for field in kind.model_fields.values():
                sections(field.annotation, found)
        for inner in getattr(kind, "__args__", ()):
            sections(inner, found)
        return found

    assert sections(Config, set()) == {section for _, _, section in SECTIONS}


def test_every_key_has_a_row() -> None:
    drawn = (DOCS / "reference/configuration.md").read_text(encoding="utf-8").partition(MARK)[2]
    for title, _, section in SECTIONS:
        part = drawn.partition(f"## {title}\n")[2].partition("\n## ")[0]
        keys = set(section.model_fields)
        if section is Config:
            keys -= set(SECTION_KEYS)
        assert keys == {line.split("`")[1] for line in part.splitlines() if line.startswith("| `")}, title


def test_the_whole_file_in_the_reference_sets_every_section(tmp_path: Path) -> None:
    [example] = [
        b for b in blocks((DOCS / "reference/configuration.md").read_text(encoding="utf-8"))
        if b.language == "toml"
    ]  # fmt: skip
    file = tmp_path / "tapeline.toml"
    file.write_text(example.text, encoding="utf-8")
    config = load(file, {})
    assert {s.kind for s in config.switches} == {"freeswitch", "asterisk"}
    assert config.model_fields_set == set(Config.model_fields)
