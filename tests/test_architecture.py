"""The architecture as it is enforced: layers, what core may import, small files, named purposes."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from importlinter.cli import EXIT_STATUS_SUCCESS, lint_imports

ROOT = Path(__file__).parents[1]
MODULES = sorted((ROOT / "controller").rglob("*.py"))
MODULES = [m for m in MODULES if "node_modules" not in m.parts]
LONGEST_FILE = 350


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imports(path: Path) -> Iterator[str]:
    """Every absolute import of a module, lazy ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def top(module: str) -> str:
    return module.partition(".")[0]


def test_the_layers_hold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.syspath_prepend(str(ROOT))
    status = lint_imports(config_filename=".importlinter", no_cache=True, no_logo=True)
    report = capsys.readouterr().out
    assert status == EXIT_STATUS_SUCCESS, report
    assert "12 kept, 0 broken" in report


@pytest.mark.parametrize("path", sorted((ROOT / "controller/core").glob("*.py")), ids=name_of)
def test_core_imports_the_standard_library_only(path: Path) -> None:
    foreign = {m for m in imports(path) if top(m) not in sys.stdlib_module_names}
    assert not foreign
    # No way out by the standard library either: these are what .importlinter forbids to core.
    assert not {top(m) for m in imports(path)} & {"asyncio", "socket", "os", "time", "random", "logging"}


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_is_small_and_says_what_it_is_for(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST_FILE
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring, "no docstring"
    assert docstring.splitlines()[0].strip(), "the first line says nothing"
    assert text.startswith(('"""', 'r"""', "#!")), "the docstring comes first"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_nothing_is_swallowed_or_silenced(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert "type: " + "ignore" not in text
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or ast.unparse(node.type) in ("Exception", "BaseException")
            silent = all(isinstance(s, ast.Pass | ast.Continue) for s in node.body)
            assert not (broad and silent), f"line {node.lineno}: a broad exception is swallowed"


def test_every_third_party_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dependencies = [*project["dependencies"], *project["optional-dependencies"]["traces"]]
    declared = {re.split(r"[\[<>=;\s]", d)[0].lower().replace("_", "-") for d in dependencies} | {
        "tapeline",
        "starlette",
        "anyio",
    }  # the last two are FastAPI's own foundations
    distributions = packages_distributions()
    undeclared = {}
    for path in MODULES:
        for module in {top(m) for m in imports(path)} - sys.stdlib_module_names - {"controller"}:
            names = {n.lower().replace("_", "-") for n in distributions.get(module, [module])}
            if not names & declared:
                undeclared.setdefault(module, name_of(path))
    assert not undeclared, f"imported but not in pyproject.toml: {undeclared}"


def test_the_lock_names_no_host_and_has_hashes_for_everything() -> None:
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b", text, re.MULTILINE)
    packages = re.split(r"^(?=[a-z0-9])", text, flags=re.MULTILINE)[1:]
    assert len(packages) > 50
    assert not [p.splitlines()[0] for p in packages if "--hash=sha256:" not in p]


def test_the_lock_is_not_behind_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    locked = set(
        re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text(encoding="utf-8"), re.MULTILINE)
    )
    names = {re.split(r"[\[<>=;\s]", d)[0].lower() for d in wanted}
    assert names <= locked, f"run `make lock`: {sorted(names - locked)}"
