"""Canonical JSON (RFC 8785 without fractions): every value has exactly one form, so it can be hashed."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, NoReturn

from .errors import NotCanonical

#: RFC 8785 takes numbers as IEEE doubles: beyond this an integer would change on its way.
LARGEST = 2**53 - 1
#: A few megabytes of brackets would become gigabytes of lists.
MOST_VALUES = 1_500_000

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def dumps(value: Any) -> bytes:
    """UTF-8, keys sorted, no blanks. Takes dicts with ASCII keys, lists, text, booleans, None and integers
    of at most 53 bits. Raises NotCanonical for anything else."""
    _check(value, 0)
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise NotCanonical("it holds half a character (a lone surrogate)") from error


def loads(raw: bytes) -> Any:
    """The value of text in canonical form. Raises NotCanonical for any other text, however alike."""
    if raw.count(b",") + raw.count(b"[") + raw.count(b"{") > MOST_VALUES:
        raise NotCanonical("it holds more values than anything of ours")
    try:
        value = json.loads(raw, parse_float=_fraction, parse_constant=_fraction, parse_int=_integer)
    except NotCanonical:
        raise
    except (ValueError, RecursionError) as error:
        raise NotCanonical("it is not JSON") from error
    if dumps(value) != raw:
        raise NotCanonical("it is JSON, but not in its canonical form")
    return value


def clean(text: str) -> str:
    """The text with what a database or UTF-8 cannot hold as U+FFFD, as the catalog does it."""
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def time_text(at: datetime) -> str:
    """``2026-11-23T01:02:03.000004Z``: UTC, always with microseconds."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def _check(value: Any, depth: int) -> None:
    if depth > 20:
        raise NotCanonical("it is nested too deeply")
    if isinstance(value, dict):
        for key, inner in value.items():
            if not isinstance(key, str) or not key.isascii():
                raise NotCanonical("a key is not plain ASCII")
            _check(inner, depth + 1)
    elif isinstance(value, list | tuple):
        for inner in value:
            _check(inner, depth + 1)
    elif isinstance(value, bool) or value is None or isinstance(value, str):
        return
    elif not isinstance(value, int):
        raise NotCanonical(f"a {type(value).__name__} has no place in it")
    elif abs(value) > LARGEST:
        raise NotCanonical("a number is larger than 53 bits")


def _integer(text: str) -> int:
    # Before int(): it takes long over a million digits, and refuses them with words of its own.
    if len(text) > 17:
        raise NotCanonical("a number is larger than 53 bits")
    return int(text)


def _fraction(text: str) -> NoReturn:
    raise NotCanonical(f"{text[:20]} is no whole number")
