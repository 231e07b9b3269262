"""A language in which every text of ours is marked, so that what has none is seen.

Only the words themselves stand between the marks: ``⟦There is no such ⟧%(what)s⟦.⟧``. What is put into a
sentence has to be data, or marked itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser

from babel.messages.catalog import Catalog

from controller.web.language import Language
from controller.web.language.sentences import SAID, Sentences

#: Not what it says is looked at: code, data of strangers (every name stands in a bdi), what is said to be
#: English, and what nobody sees.
UNSEEN = {"script", "style", "code", "bdi", "datalist", "textarea", "template"}
VOID = {"meta", "link", "input", "img", "br", "hr", "source", "wbr"}
SPOKEN = ("title", "aria-label", "placeholder", "alt", "data-label")
_PARTS = re.compile(r"(%\(\w+\)s|<[^>]*>)")
_MARKED = re.compile("⟦[^⟧]*⟧")


def marked(text: str) -> str:
    return "".join(
        part if n % 2 or not part else f"⟦{part}⟧" for n, part in enumerate(_PARTS.split(text))
    )  # fmt: skip


def pseudo(template: Catalog) -> Language:
    texts = {m.id: marked(m.id) for m in template if isinstance(m.id, str) and m.id}
    plurals = {m.id[0]: tuple(map(marked, m.id)) for m in template if not isinstance(m.id, str)}
    said = [m.id for m in template if SAID in m.auto_comments]
    return Language("de", texts, plurals, lambda n: int(n != 1), {}, Sentences(texts, said))


class _Visible(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[tuple[str, bool]] = []

    @property
    def _unseen(self) -> bool:
        return any(unseen for _, unseen in self._open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        unseen = tag in UNSEEN or (tag != "html" and values.get("lang") == "en")
        if not self._unseen and not unseen:
            self.found += [values[name] or "" for name in SPOKEN if name in values]
        if tag not in VOID:
            self._open.append((tag, unseen))

    def handle_endtag(self, tag: str) -> None:
        while self._open:
            if self._open.pop()[0] == tag:
                break

    def handle_data(self, data: str) -> None:
        if not self._unseen and data.strip():
            self.found.append(data)


def unmarked(html: str) -> Iterator[str]:
    """Every text that somebody sees or hears, without what is marked."""
    reader = _Visible()
    reader.feed(html)
    for text in reader.found:
        rest = _MARKED.sub(" ", text).strip()
        if rest:
            yield rest
