"""Sentences of ours that come as English data, known again and said in another language.

What the core decides, what a fault says, what an alarm tells is kept and answered in English (it is data:
in the catalog, the audit, the API). A page shows it in its reader's language: the catalog has the same
sentence with holes (``There is no such %(what)s.``), and what stands in the holes goes over as it is, or
is a sentence of ours itself. Nothing that a stranger wrote is ever a format.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

#: The comment at a text in a catalog that says so of it: it comes as data.
SAID = "said"
#: Longer texts are nobody's sentence.
LONGEST = 2000
#: So many sentences in one text, and so deep one in the other, are ours.
MOST_PARTS, DEEPEST = 12, 3
#: What is in these holes is ours again.
OWN = frozenset(
    {"why", "what", "kind", "subject", "state", "says", "reason", "problem", "permission", "mend", "found",
     "purpose", "error", "told", "where", "attempt"}
)  # fmt: skip
#: In these stands a number.
NUMBERS = frozenset({"days", "seconds"})
#: What stands in these holes of a sentence that is meant is always known.
STRICT = frozenset({"kind", "subject", "attempt"})
_HOLE = re.compile(r"%\((\w+)\)s")


class _Pattern:
    """One sentence with holes."""

    def __init__(self, english: str, other: str) -> None:
        parts = _HOLE.split(english.replace("%%", "%"))
        self.literals, self.names = parts[::2], parts[1::2]
        self.other = _HOLE.split(other.replace("%%", "%"))

    @property
    def weight(self) -> int:
        """How much of it is words: the more, the less can be mistaken for it."""
        return sum(map(len, self.literals))

    @property
    def strict(self) -> int:
        return sum(_plain(name) in STRICT for name in self.names)

    @property
    def introduces(self) -> bool:
        """``unreadable: %(error)s``: what follows a colon is about it, though known by itself."""
        return ": " in self.literals[0]

    def read(self, text: str) -> dict[str, str] | None:
        """What stands in the holes. Each part is looked for once, from the left: no text takes long."""
        if not text.startswith(self.literals[0]) or not text.endswith(self.literals[-1]):
            return None
        at = len(self.literals[0])
        values: dict[str, str] = {}
        last = len(text) - len(self.literals[-1])
        for name, literal in zip(self.names, self.literals[1:], strict=True):
            inner = len(values) < len(self.names) - 1
            end = text.find(literal, at + 1, last + len(literal)) if inner else last
            if end <= at or end > last:
                return None
            values[name] = text[at:end]
            at = end + len(literal)
        return values

    def write(self, values: Mapping[str, str]) -> str:
        """Put together, never formatted."""
        return "".join(part if n % 2 == 0 else values.get(part, "") for n, part in enumerate(self.other))


class Sentences:
    """``said``: which of the texts are known by their words, whatever stands in their holes."""

    def __init__(self, texts: Mapping[str, str], said: Iterable[str]) -> None:
        self._texts = texts
        found = [_Pattern(english, texts[english]) for english in said if _is_sentence(english)]
        self._patterns = sorted(found, key=lambda p: (-p.strict, not p.introduces, -p.weight))
        self.of = lru_cache(maxsize=4096)(self._of)

    def _of(self, text: str) -> str:
        if not text or len(text) > LONGEST:
            return text
        found = self._known(text, 0)
        return text if found is None else found

    def _known(self, text: str, depth: int) -> str | None:
        """As it is; as several sentences; as a sentence made of a phrase (``tag: …`` → ``Tag: ….``)."""
        found = self._texts.get(text) or self._several("; ", text, depth) or self._as_it_is(text, depth)
        if found:
            return found
        phrase = text[:1].lower() + text[1:]
        for candidate, end in ((phrase, ""), (text.removesuffix("."), "."), (phrase.removesuffix("."), ".")):
            if candidate != text and (found := self._as_it_is(candidate, depth)):
                done = found if found.endswith(end) else found + end
                return done[:1].upper() + done[1:] if text[:1].isupper() else done
        return self._several(", ", text, depth)

    def _several(self, between: str, text: str, depth: int) -> str | None:
        parts = text.split(between)
        if not 1 < len(parts) <= MOST_PARTS or depth > DEEPEST:
            return None
        said = [self._known(part, depth + 1) for part in parts]
        return between.join(part for part in said if part) if all(said) else None

    def _as_it_is(self, text: str, depth: int) -> str | None:
        exact = self._texts.get(text)
        if exact is not None:
            return exact
        if depth > DEEPEST:
            return None
        for pattern in self._patterns:
            values = pattern.read(text)
            if values is None or any(_plain(n) in NUMBERS and not v.isdigit() for n, v in values.items()):
                continue
            put = {name: self._inside(name, value, depth) for name, value in values.items()}
            if not any(put[name] is None and _plain(name) in STRICT for name in values):
                return pattern.write({name: said or values[name] for name, said in put.items()})
        return None

    def _inside(self, hole: str, value: str, depth: int) -> str | None:
        """What is ours in it too: a sentence, or the word of an enumeration (``see_audit``)."""
        if _plain(hole) not in OWN:
            return None
        return self._known(value, depth + 1) or self._texts.get(value.replace("_", " "))


def _plain(hole: str) -> str:
    return hole.rstrip("0123456789")


def _is_sentence(english: str) -> bool:
    """With holes, and enough words around them that it is known by; a page's own markup is none."""
    if "%(" not in english or "</" in english:
        return False
    words = _HOLE.sub("", english)
    return sum(c.isalpha() for c in words) >= 2 and ")s%(" not in english
