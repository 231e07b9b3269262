"""The party filter: what is kept of a leg to search in, and the condition that searches it."""

from __future__ import annotations

import re

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


def party_terms(query: str) -> list[str]:
    """The texts of which a party must have one, to be taken literally; none for what is no query.

    ``+1 (555) 123-4567`` finds ``15551234567``.
    """
    wanted = folded(query.strip())
    if not wanted or len(wanted) > MAX_QUERY:
        return []
    terms = [wanted]
    if _NUMBER_LIKE.fullmatch(wanted):
        terms += number_variants(wanted)
    return list(dict.fromkeys(terms))


#: A number of so many digits may be written with its country's code or without.
_WITH_COUNTRY = 9


def number_variants(typed: str) -> list[str]:
    """What a number may be kept as, in bare digits: with the 00 or + of abroad, or as one dials it at home.

    ``+49 30 901820`` and ``0049 (0)30 901820`` are ``4930901820`` or ``030901820``; ITU-T E.123 and E.164,
    country codes have one to three digits.
    """
    text = folded(typed.strip())[:MAX_QUERY].replace("(0)", "")
    bare = digits(text)
    if not bare:
        return []
    abroad = text.startswith("+") or (bare.startswith("00") and len(bare) > _WITH_COUNTRY)
    whole = bare.removeprefix("00") if abroad and not text.startswith("+") else bare
    if abroad and len(whole) >= _WITH_COUNTRY:
        return [whole, *(f"0{whole[n:]}" for n in (1, 2, 3))]
    if bare.startswith("0") and len(bare) >= _WITH_COUNTRY - 2:
        return [bare[1:]]  # with or without the country's code before it
    return [bare]


def _joined(parts: list[str]) -> str:
    return "\n".join(dict.fromkeys(folded(p) for p in parts if p))
