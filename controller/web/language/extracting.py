"""Collects the texts out of the sources, and brings every language's catalog up to them.

    python -m controller.web.language.extracting            # after a text was changed: template and catalogs
    python -m controller.web.language.extracting add fr     # begin a language

Beside `_`, `ngettext`, `N_` (and `t` in scripts) it knows where sentences stand that reach a page as English
data: the text of a Problem, a fault, an alarm. An f-string becomes a sentence with
holes, named after what is put into them.
"""

from __future__ import annotations

import ast
import io
import itertools
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.pofile import read_po, write_po

from .catalogs import LOCALES, PO
from .findings import chosen_in
from .sentences import SAID as COMMENT

PACKAGE = Path(__file__).parents[2]
ROOT = PACKAGE.parent
TEMPLATE = LOCALES / "messages.pot"

#: Function → which of its arguments are sentences.
SAID: dict[str, tuple[int | str, ...]] = {
    "Problem": (1,),
    "InvalidPolicy": (0,),
    "BadPlan": (0,),
    "not_found": (0,),
    "known_id": (1,),
    "Alarm": (2, 3, 4, "detail", "mend"),
    "note": (2,),
    "AuditEntry": (3,),
    "_audit": (3,),
    "_leave": (1,),
    "Decision": (2,),
    "Check": (0, 2, 3),
    "_parameter": (4,),
    "ConnectionLost": (0,),
    "LoginRefused": (0,),
    "WrongPassword": (0,),
    "DirectoryUnreadable": (0,),
    "SealingKeyError": (0,),
    "StoreError": (0,),
    "StoreAway": (0,),
    "SpoolError": (0,),
    "UnreadableAudio": (0,),
    "JoinError": (0,),
    "EncodingError": (0,),
    "NoEncoder": (0,),
    "NoFfmpeg": (0,),
    "SpeechError": (0,),
    "MediaError": (0,),
    "ConfigError": (0,),
    "store_error": (0,),
    "_unreachable": (0,),
    "Away": (0,),
    "NotTaken": (0,),
    "NoTracer": (0, 1),
    "_page": ("error", "said"),
    "_form": (2,),
    "form": (2,),
}
#: Functions whose answers are sentences.
ANSWERING = {"weakness", "_code_fault", "_wrong_password", "own_days", "notes", "_unbearable", "undeletable",
             "exposed", "mend_of", "refusal_of"}  # fmt: skip
#: Dictionaries that hold the sentences of other layers.
MEANINGS = {"MEANING", "MODULES", "CONTEXTS"}
#: What speaks on the command line and in logs only.
_FOLDERS = {"cli", "client", "demo", "proof"}
_FUNCTIONS = {"_": None, "N_": None, "ngettext": (1, 2), "t": None}


def said_in(source: str, path: str) -> Iterator[tuple[int, str]]:
    """(line, sentence) of every sentence that reaches a page as data."""
    tree = ast.parse(source, path)
    yield from chosen_in(tree, texts_of)
    for node in ast.walk(tree):
        yield from (
            (getattr(node, "lineno", 1), text)
            for expression in _spoken(node)
            for text in texts_of(expression)
        )


def _spoken(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in SAID:
            yield from (node.args[n] for n in SAID[name] if isinstance(n, int) and n < len(node.args))
            yield from (k.value for k in node.keywords if k.arg in SAID[name])
        case ast.Call(
            func=ast.Attribute(attr="append", value=ast.Attribute(attr="faults") | ast.Name(id="faults"))
        ):
            yield from node.args
        case ast.Assign(
            targets=[ast.Subscript(value=ast.Attribute(attr="faults") | ast.Name(id="faults" | "refused"))]
        ):
            yield node.value
        case (
            ast.AnnAssign(target=ast.Name(id=name), value=ast.Dict(values=values))
            | ast.Assign(targets=[ast.Name(id=name)], value=ast.Dict(values=values))
        ) if name in MEANINGS:
            yield from values
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) if name in ANSWERING:
            for inner in ast.walk(node):
                match inner:
                    case ast.Return(value=ast.Tuple(elts=[first, *_rest])):
                        yield first
                    case ast.Return(value=ast.expr() as value):
                        yield value
                    case ast.Call(func=ast.Name(id="ValueError"), args=[first, *_rest]):
                        yield first
                    case ast.Call(func=ast.Attribute(attr="append"), args=[first]):
                        yield first


def _named(expression: ast.expr) -> str:
    match expression:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def texts_of(expression: ast.expr) -> list[str]:
    """Every sentence that it can come to; nothing of what is no literal."""
    match expression:
        case ast.Constant(value=str(text)):
            return [text] if _wordy(text) else []
        case ast.IfExp(body=body, orelse=other):
            return texts_of(body) + texts_of(other)
        case ast.BoolOp(values=values):
            return [text for value in values for text in texts_of(value)]
        case ast.Call(func=ast.Attribute(attr="join"), args=[ast.GeneratorExp(elt=each)]):
            return texts_of(each)
        case ast.JoinedStr(values=values):
            found = ["".join(parts) for parts in itertools.product(*_parts(values))]
            return [text for text in found if _wordy(re.sub(r"%\(\w+\)s", "", text))]
    return []


def _parts(values: Iterable[ast.expr]) -> Iterator[list[str]]:
    taken: dict[str, int] = {}
    for value in values:
        match value:
            case ast.Constant(value=str(text)):
                yield [text.replace("%", "%%")]
            case ast.FormattedValue(
                value=ast.IfExp(body=ast.Constant(value=str(a)), orelse=ast.Constant(value=str(b)))
            ):
                yield [a, b]
            case ast.FormattedValue(value=inner):
                name = _name(inner)
                taken[name] = taken.get(name, 0) + 1
                yield [f"%({name}{taken[name] if taken[name] > 1 else ''})s"]


def _name(expression: ast.expr) -> str:
    names = [
        n.id if isinstance(n, ast.Name) else n.attr
        for n in ast.walk(expression)
        if isinstance(n, ast.Name | ast.Attribute)
    ]
    named = [n for n in names if n not in ("join", "len", "str", "sorted", "self", "replace")]
    return re.sub(r"[^a-z_]", "", (named or ["value"])[0].lower()).strip("_") or "value"


def _wordy(text: str) -> bool:
    return sum(c.isalpha() for c in text) >= 2


def extracted() -> Catalog:
    """The template: every text, in order."""
    catalog = Catalog(project="Tapeline", version="1", fuzzy=False, header_comment=_HEADER)
    found: list[tuple[str, int, str | tuple[str, ...]]] = []
    said: set[str | tuple[str, ...]] = set()
    for path in sorted(PACKAGE.rglob("*.py")):
        if _FOLDERS & set(path.parts[len(PACKAGE.parts) :]):
            continue
        source = path.read_text(encoding="utf-8")
        if path.is_relative_to(PACKAGE / "web"):
            here = list(_by(path, "python", io.BytesIO(source.encode())))
            said |= {text for _, _, text in here} if path.name == "known.py" else set()
            found += here
        data = [(_place(path), line, text) for line, text in said_in(source, str(path))]
        said |= {text for _, _, text in data}
        found += data
    for pattern, method in (("templates/*.html", "jinja2.ext:babel_extract"), ("static/*.js", "javascript")):
        for path in sorted((PACKAGE / "web").glob(pattern)):
            with path.open("rb") as file:
                found += _by(path, method, file)
    for place, _line, text in sorted(found, key=lambda f: (f[0], f[1])):
        catalog.add(text, locations=[(place, 0)])
    for message in catalog:
        message.locations = sorted(set(message.locations))
        if message.id in said:
            message.auto_comments = [COMMENT]
    return catalog


def _by(path: Path, method: str, file: BinaryIO) -> Iterator[tuple[str, int, str | tuple[str, ...]]]:
    options = {"trimmed": "true", "newstyle_gettext": "true", "parse_template_string": "true"}
    for line, text, _comments, _context in extract(method, file, _FUNCTIONS, options=options):
        yield _place(path), line, text


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


_HEADER = """\
# The texts of Tapeline's pages. Made by python -m controller.web.language.extracting; how a language is
# added, and the words that German uses, stand in docs/reference/languages.md.
#"""


#: Who and when stand in the repository's own history.
_NOT_KEPT = re.compile(
    r'^"(POT-Creation-Date|PO-Revision-Date|Generated-By|Report-Msgid-Bugs-To|Last-Translator|Language-Team'
    r"|Project-Id-Version): .*\n",
    re.MULTILINE,
)


def written(catalog: Catalog) -> bytes:
    out = io.BytesIO()
    write_po(out, catalog, width=110, sort_output=True, include_lineno=False, omit_header=False)
    # The day on which it was made says nothing and would be another in every change.
    text = _NOT_KEPT.sub("", out.getvalue().decode())
    return text.encode()


def updated(catalog: Catalog, template: Catalog) -> Catalog:
    """The language's catalog with the template's texts: new ones empty, gone ones gone, nothing guessed."""
    catalog.update(template, no_fuzzy_matching=True)
    catalog.obsolete.clear()
    return catalog


def whole(message: Message) -> bool:
    """Whether it is translated, in every form."""
    return bool(message.string) and all(message.string or ())


def main(arguments: list[str], folder: Path = LOCALES) -> int:
    template = extracted()
    (folder / TEMPLATE.name).write_bytes(written(template))
    if arguments[:1] == ["add"] and len(arguments) == 2:
        code = arguments[1]
        path = folder / code / PO
        if path.exists():
            print(f"there is a catalog of {code} already")
            return 1
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            written(Catalog(locale=code, project="Tapeline", fuzzy=False, header_comment=_HEADER))
        )
    elif arguments:
        print(__doc__)
        return 2
    for path in sorted(folder.glob(f"*/{PO}")):
        code = path.parent.parent.name
        with path.open("rb") as file:
            catalog = updated(read_po(file, locale=code), template)
        path.write_bytes(written(catalog))
        missing = sum(bool(m.id) and not whole(m) for m in catalog)
        print(f"{code}: {len(catalog)} texts, {missing} of them to be translated")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
