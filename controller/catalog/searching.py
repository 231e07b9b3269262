"""The party filter: what is kept of a leg to search in, and the condition that searches it."""

from __future__ import annotations

import re

from sqlalchemy import ColumnElement, false, or_

from .columns import folded

#: Longer texts than any name that is kept; SQLite refuses patterns over 50,000 bytes.
MAX_QUERY = 4_000

_NOT_DIGITS = re.compile(r"[^0-9]+")
_NUMBER_LIKE = re.compile(r"[0-9+()./\s-]*[0-9][0-9+()./\s-]*")


def search_texts(number: str, name: str, user: str, dialled: str) -> tuple[str, str]:
    """(everything, the number alone): folded, each number once more as bare digits.

    The second is all that another tenant may find the leg by.
    """
    numbers = [number, digits(number)]
    everything = [*numbers, name, user, dialled, digits(dialled)]
    return _joined(everything), _joined(numbers)


def digits(text: str) -> str:
    return _NOT_DIGITS.sub("", text)


def party_matches(
    query: str, search: ColumnElement[str], search_number: ColumnElement[str]
) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Whether a leg fits what was typed: (for a leg shown whole, for one shown by number only).

    ``+1 (555) 123-4567`` finds ``15551234567``; everything typed is taken literally.
    """
    wanted = folded(query.strip())
    if not wanted or len(wanted) > MAX_QUERY:
        return false(), false()
    terms = [wanted]
    if _NUMBER_LIKE.fullmatch(wanted) and digits(wanted) != wanted:
        terms.append(digits(wanted))
    return (
        or_(*(search.contains(term, autoescape=True) for term in terms)),
        or_(*(search_number.contains(term, autoescape=True) for term in terms)),
    )


def _joined(parts: list[str]) -> str:
    return "\n".join(dict.fromkeys(folded(p) for p in parts if p))
