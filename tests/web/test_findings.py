"""What `tapeline doctor` finds is shown in the reader's language, and none of it is forgotten."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog

import controller
from controller.config import load
from controller.doctor import examine
from controller.web.language import extracting, language_of
from controller.web.language.findings import assigned

from .pseudo import pseudo, unmarked

PACKAGE = Path(controller.__file__).parent
HOLE = re.compile(r"%\((\w+)\)s")
#: Arguments of a finding that are data only: paths, and what another layer says (an error, a setting).
DATA = {
    "str(error)", "error.mend", "text", "source.too_open", "str(error).partition(': ')[2]",
    "f'{config.spool}: {error.strerror}'",
}  # fmt: skip


@pytest.fixture(scope="module")
def template() -> Catalog:
    return extracting.extracted()


def sources() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        if "Check(" in source and "class Check" not in source:
            yield path.relative_to(PACKAGE).as_posix(), ast.parse(source)


def said_by(value: ast.expr) -> bool:
    called = ast.unparse(value.func) if isinstance(value, ast.Call) else ""
    return bool(extracting.texts_of(value)) or called in (
        "exposed",
        "mend_of",
        "shutil.which",
        "settings.get",
    )


def values_of(argument: ast.expr, given: dict[str, list[ast.expr]]) -> list[ast.expr]:
    """The argument, and all that the names in it are given, in two steps."""
    found = [argument]
    for _ in range(2):
        names = [n.id for value in found for n in ast.walk(value) if isinstance(n, ast.Name)]
        found += [value for name in names for value in given.get(name, []) if value not in found]
    return found


def of_findings(template: Catalog) -> list[str]:
    """The texts that stand in a file in which findings are made."""
    files = {f"controller/{name}" for name, _ in sources()}
    return [m.id for m in template if isinstance(m.id, str) and files & {p for p, _ in m.locations}]


def test_every_argument_of_every_finding_is_a_text_or_known_data(template: Catalog) -> None:
    looked, lost = 0, []
    for name, tree in sources():
        given = assigned(ast.walk(tree))
        for call in ast.walk(tree):
            if not (
                isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Check"
            ):
                continue
            for argument in [a for n, a in enumerate(call.args) if n != 1] + [k.value for k in call.keywords]:
                looked += 1
                if not any(map(said_by, values_of(argument, given))) and ast.unparse(argument) not in DATA:
                    lost.append(f"{name}:{call.lineno}: {ast.unparse(argument)}")
    assert looked > 150
    assert lost == []


def test_each_is_known_again_with_whatever_stands_in_its_holes(template: Catalog) -> None:
    """With real values the German sentence comes out, and not that of another one."""
    german, wrong = language_of("de"), []
    texts = of_findings(template)
    for english in texts:
        values = {name: f"/q{n}/x" for n, name in enumerate(HOLE.findall(english))}
        said = german.said(english % values if values else english)
        wanted = german.texts[english] % values if values else german.texts[english]
        if said != wanted:
            wrong.append(f"{english!r}: {said!r}, not {wanted!r}")
    assert len(texts) > 150
    assert wrong == []


async def test_what_is_found_on_this_machine_is_said_in_german(tmp_path: Path, template: Catalog) -> None:
    """A switch that is not there, a store that cannot be, a key that is missing, a machine as it is."""
    (tmp_path / "headers").touch(mode=0o600)
    (tmp_path / "headers").chmod(0o644)
    file = tmp_path / "tapeline.toml"
    file.write_text(
        f"""
        [database]
        url = "sqlite+aiosqlite:///{tmp_path}/catalog.db"
        [storage]
        path = "{tmp_path}/recordings"
        [traces]
        endpoint = "http://127.0.0.1:9"
        headers_file = "{tmp_path}/headers"
        [[sealing]]
        name = "qq3"
        tenants = ["*"]
        key_file = "{tmp_path}/sealing.keys"
        [[switches]]
        kind = "asterisk"
        name = "qq1"
        host = "127.0.0.1"
        port = 9
        password = "x"
        spool = "{tmp_path}/spool"
        [[switches]]
        kind = "freeswitch"
        name = "qq2"
        host = "127.0.0.1"
        port = 9
        password = "x"
        spool = "{tmp_path}/spool2"
        """
    )
    found = await examine(load(file, {}))
    assert sum(not check.ok for _, checks in found for check in checks) >= 2
    (keys,) = dict(found)["sealing qq3"]
    assert "kann nicht gelesen werden" in language_of("de").said(keys.found)
    collector, secret = dict(found)["traces"]
    assert "ist nicht zu erreichen" in language_of("de").said(collector.found)
    assert "jeder auf diesem Rechner" in language_of("de").said(secret.found)
    assert left(found, template) == {}


def left(found: list[tuple[str, list[object]]], template: Catalog) -> dict[str, list[str]]:
    """Text → its words that are in no language and no data either."""
    one, lost = pseudo(template), {}
    for about, checks in found:
        for text in [about, *(t for c in checks for t in (c.what, c.found, c.mend))]:  # type: ignore[attr-defined]
            rest = " ".join(unmarked(one.said(text)))
            if words := [w for w in re.findall(r"[^\W\d_]{3,}", NAMES.sub(" ", rest))]:
                lost[text] = words
    return lost


#: What stands in the holes: paths, addresses, modules, names, and what the operating system says.
NAMES = re.compile(
    r"('[^']*'|(dialplan)?/\S+|\b(qq\d|asterisk|freeswitch|opencore|ffmpeg|flac|opus|mp3|mp4|amr|H264"
    r"|\w+_\w+|acme|other|test|tapeline(-\w+)?|DynamicFeature|[a-z]+(-[a-z]+)+|release|dfsg\S*|cs6\S*"
    r"|switches|password|username|external|internal|soft|true|default|public"
    r"|No such file or directory|Authentication failed|Connect call failed|Connection refused"
    r"|ConnectionRefusedError|Errno)\b)"
)
