"""Text as terms to search by, in any language: what is kept of an utterance, and what a query asks.

A term is a run of letters and digits with case and compatibility forms folded away; where a script
writes no spaces between words (Chinese, Japanese, Thai, ...) every character is one. The databases get
finished terms and do no tokenising of their own, so that both find the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, cast, column, false, literal, select, table, type_coerce
from sqlalchemy import Text as SqlText
from sqlalchemy.dialects.postgresql import TSQUERY

from ..core.options import Redaction
from . import tables as t
from .columns import folded, has

#: A query's: what is typed beyond them is left out.
MAX_TERMS = 12
MAX_QUERY = 500
_LONGEST = 60

_RUN = re.compile(r"[^\W_]+")
# Scripts without spaces: Thai to Burmese, Khmer, kana, Han (all planes).
_ALONE = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U00020000-\U0003ffff]"
)
_QUOTED = re.compile(r'"([^"]*)"|([^"]+)')


def terms_of(text: str) -> list[str]:
    """In order. Only letters and digits, never a quote or a space."""
    return [term for run in _RUN.findall(folded(text)) for term in _cut(run)]


def _cut(run: str) -> Iterator[str]:
    at = 0
    for alone in _ALONE.finditer(run):
        if alone.start() > at:
            yield run[at : alone.start()][:_LONGEST]
        yield alone[0]
        at = alone.end()
    if at < len(run):
        yield run[at:][:_LONGEST]


@dataclass(frozen=True, slots=True)
class Asked:
    """Terms right behind each other; with ``prefix`` the last one may go on."""

    terms: tuple[str, ...]
    prefix: bool


def asked_of(query: str) -> list[Asked]:
    """All of them must be in a recording. ``"…"`` is a phrase; a bare word is the beginning of one.

    Whatever else is typed (operators, brackets, quotes left open) separates words and means nothing.
    """
    found: list[Asked] = []
    for quoted, bare in _QUOTED.findall(query[:MAX_QUERY]):
        if phrase := tuple(terms_of(quoted)):
            found.append(Asked(phrase, prefix=False))
        # One run of a script without spaces is a phrase of its characters.
        for run in _RUN.findall(folded(bare)):
            found.append(Asked(tuple(_cut(run)), prefix=True))
    return list(dict.fromkeys(found))[:MAX_TERMS]


def said_in(recording_id: ColumnElement[str], query: str, *, sqlite: bool) -> ColumnElement[bool]:
    """Whether every part of the query was said in this recording. Nothing but marks: nowhere."""
    asked = asked_of(query)
    if not asked:
        return false()
    # One by one: of a word that everybody says, all of its places would be too many (see narrowing.py).
    there = (has(_recordings(one, recording_id, sqlite=sqlite)) for one in asked)
    return and_(*there, ~_with_unwanted_digits(recording_id))


def _with_unwanted_digits(recording_id: ColumnElement[str]) -> ColumnElement[bool]:
    """Whether its text is from before its tenant wanted digits taken out: what can be found tells what it
    says, so nothing is found in it until they are (media.redactor sees to it, within minutes)."""
    x, r, n = t.transcripts.alias(), t.recordings.alias(), t.tenants.alias()
    # Options that are not the default, as JSON text without blanks; quotes within values are escaped there.
    wish = type_coerce(n.c.options, SqlText()).contains('"redact_digits":"')
    return (
        select(x.c.recording_id)
        .join(r, r.c.recording_id == x.c.recording_id)
        .join(n, n.c.tenant == r.c.tenant)
        .where(
            x.c.recording_id == recording_id,
            x.c.redaction == str(Redaction.OFF),
            wish,
        )
        .exists()
    )


def _recordings(asked: Asked, recording_id: ColumnElement[str], *, sqlite: bool) -> Select[tuple[str]]:
    said = t.utterances.alias("said")
    fitting = fits(asked, said.c, sqlite=sqlite)
    return select(said.c.recording_id).where(said.c.recording_id == recording_id, fitting)


def some_saying(asked: Asked, most: int, *, sqlite: bool) -> Select[tuple[str]]:
    """So many recordings at most in which it was said; with ``most`` of them there may be more."""
    u = t.utterances.c
    return select(u.recording_id).where(fits(asked, u, sqlite=sqlite, most=most)).limit(most)


def fits(asked: Asked, u: Any, *, sqlite: bool, most: int | None = None) -> ColumnElement[bool]:
    """Whether an utterance (its columns) has these terms; of more than ``most``, whether it is among them."""
    if not sqlite:
        said: ColumnElement[bool] = u.terms.op("@@")(cast(literal(_tsquery(asked), SqlText()), TSQUERY()))
        return said
    # The table's own name stands for all of its columns (FTS5); what it gives is a rowid.
    index = table("utterance_terms", column("rowid"), column("utterance_terms"))
    found = select(index.c.rowid).where(
        index.c.utterance_terms.op("MATCH")(literal(_match(asked), SqlText()))
    )
    among: ColumnElement[bool] = u.utterance_id.in_(found if most is None else found.limit(most))
    return among


def _match(asked: Asked) -> str:
    """FTS5: a phrase, and a star if its last term may go on."""
    return f'"{" ".join(asked.terms)}"{" *" if asked.prefix else ""}'


def _tsquery(asked: Asked) -> str:
    quoted = [f"'{term}'" for term in asked.terms]
    if asked.prefix:
        quoted[-1] += ":*"
    return " <-> ".join(quoted)


def place_of(asked: Asked, words: Sequence[str]) -> tuple[int, int] | None:
    """(first, end) of the words in which this is said, as the databases would find it."""
    terms = [(term, at) for at, word in enumerate(words) for term in terms_of(word)]
    for start in range(len(terms) - len(asked.terms) + 1):
        here = terms[start : start + len(asked.terms)]
        pairs = list(zip((term for term, _ in here), asked.terms, strict=True))
        last = pairs[-1][0].startswith(pairs[-1][1]) if asked.prefix else pairs[-1][0] == pairs[-1][1]
        if last and all(a == b for a, b in pairs[:-1]):
            return here[0][1], here[-1][1] + 1
    return None
