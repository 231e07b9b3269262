"""The language of the request that is being answered, and its texts.

It is kept beside the request (a context variable), so that whatever writes words for a page need not be
given it. Outside of a page it is English: the API, files and the audit stay as they are.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import Any

from markupsafe import Markup

from .catalogs import SOURCE, Language, language_of

_ENGLISH = language_of(SOURCE)
_now: ContextVar[Language] = ContextVar("language", default=_ENGLISH)


def language() -> Language:
    return _now.get()


def switch_to(one: Language) -> Token[Language]:
    return _now.set(one)


def back(token: Token[Language]) -> None:
    _now.reset(token)


def _(text: str, **values: Any) -> str:
    """Our own text, a literal, in the request's language. ``values`` are put in as they are."""
    found = _now.get().texts.get(text, text)
    return found % values if values else found


def N_(text: str) -> str:
    """Marks a text that is translated where it is shown (`tr`)."""
    return text


def ngettext(one: str, many: str, num: int, **values: Any) -> str:
    """The same for a number: ``%(num)s recordings``."""
    return _now.get().plural(one, many, num) % {"num": num, **values}


def tr(text: str) -> str:
    """A text of ours that comes as data: a choice's words, a reason, a fault. What is none stays as it is,
    and nothing in it is ever taken for a format."""
    return _now.get().said(text)


# ── for templates: texts may hold tags of ours, and escape what is put into them ──────────────


def marked(text: str, **values: Any) -> Markup:
    """``text`` is a literal in the template (tests/web/test_languages.py holds it to that)."""
    found = _now.get().marked[text]
    return found % values if values else found


def marked_plural(one: str, many: str, num: int, **values: Any) -> Markup:
    found = Markup(_now.get().plural(one, many, num))  # noqa: S704
    return found % {"num": num, **values}
