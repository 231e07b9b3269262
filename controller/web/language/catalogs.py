"""The languages that there are, each out of its PO file, read when it is first asked for.

The PO file itself is read (some 50 ms, once), so that no compiled file can be missing or older than it.
"""

from __future__ import annotations

import gettext
import hashlib
from collections.abc import Callable, Mapping
from functools import cache, cached_property
from pathlib import Path

import orjson
from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from markupsafe import Markup

from .sentences import SAID, Sentences

LOCALES = Path(__file__).parent.parent / "locales"
PO = "LC_MESSAGES/messages.po"
#: What the texts in the sources are written in; it needs no catalog.
SOURCE = "en"


class _Marked(dict[str, Markup]):
    """Texts for templates. They are ours and may hold tags, so they are not escaped; what is put into
    them is."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        super().__init__()
        self._texts = texts

    def __missing__(self, text: str) -> Markup:
        found = self[text] = Markup(self._texts.get(text, text))  # noqa: S704
        return found


class Language:
    """``texts``: English → this language. ``plurals``: the English singular → each of its forms.
    ``sentences``: what comes as data."""

    def __init__(
        self, code: str, texts: Mapping[str, str], plurals: Mapping[str, tuple[str, ...]],
        form_of: Callable[[int], int], script_texts: Mapping[str, str], sentences: Sentences | None = None,
    ) -> None:  # fmt: skip
        self.code = code
        self.texts, self.plurals, self._form_of = texts, plurals, form_of
        self.marked: Mapping[str, Markup] = _Marked(texts)
        self.script_texts = script_texts
        self.sentences = sentences or Sentences(texts, ())

    @cached_property
    def locale(self) -> Locale:
        return Locale.parse(self.code)

    @property
    def own_name(self) -> str:
        """As its speakers call it: ``Deutsch``."""
        name = self.locale.get_display_name(self.code) or self.code
        return name[:1].upper() + name[1:]

    def plural(self, one: str, many: str, number: int) -> str:
        forms = self.plurals.get(one)
        if forms is None:
            return one if number == 1 else many
        return forms[min(self._form_of(number), len(forms) - 1)]

    def said(self, text: str) -> str:
        """A sentence of ours that comes as English data, in this language; anything else as it is."""
        return text if self.code == SOURCE else self.sentences.of(text)

    @cached_property
    def script(self) -> bytes:
        """What the scripts need of it, as a script; empty for the source language."""
        if not self.script_texts:
            return b""
        return b"globalThis.tapelineTexts=" + orjson.dumps(dict(self.script_texts)) + b";\n"

    @cached_property
    def script_address(self) -> str:
        """It names the contents, so that it may be kept for ever."""
        return f"/texts/{self.code}.{hashlib.sha256(self.script).hexdigest()[:16]}.js" if self.script else ""


def from_catalog(code: str, catalog: Catalog) -> Language:
    texts: dict[str, str] = {}
    plurals: dict[str, tuple[str, ...]] = {}
    scripts: dict[str, str] = {}
    said: list[str] = []
    for message in catalog:
        if not message.id or message.fuzzy or not message.string:
            continue
        if isinstance(message.id, str):
            texts[message.id] = str(message.string)
            if any(name.endswith(".js") for name, _ in message.locations):
                scripts[message.id] = str(message.string)
            if SAID in message.auto_comments:
                said.append(message.id)
        elif all(message.string):
            plurals[message.id[0]] = tuple(message.string)
    sentences = Sentences(texts, said)
    return Language(code, texts, plurals, gettext.c2py(catalog.plural_expr), scripts, sentences)


def _codes() -> tuple[str, ...]:
    return (SOURCE, *sorted(path.parent.parent.name for path in LOCALES.glob(f"*/{PO}")))


#: Codes as in Accept-Language and in ``lang``; the source language first.
LANGUAGES = _codes()


@cache
def language_of(code: str) -> Language:
    """The language, the source language for a code that there is not."""
    if code == SOURCE or code not in LANGUAGES:
        return Language(SOURCE, {}, {}, lambda n: int(n != 1), {})
    with (LOCALES / code / PO).open("rb") as file:
        return from_catalog(code, read_po(file, locale=code))
