"""Column types: text that any database takes, names that fit an index, UTC times, small JSON."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, DateTime, Dialect, Select, func, literal_column
from sqlalchemy import Text as SqlText
from sqlalchemy.types import TypeDecorator

#: PostgreSQL refuses index entries over about 2,700 bytes; a tenant, a user and an id share one.
MAX_NAME_BYTES = 250

_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def clean(text: str) -> str:
    """The text with what PostgreSQL or UTF-8 cannot hold (NUL, lone surrogates) as U+FFFD."""
    if text.isascii() and "\0" not in text:  # nearly every text, and there are a hundred to a call
        return text
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def name_key(name: str) -> str:
    """A tenant's or user's name as the catalog keeps it.

    Names of sane length stay as they are; a longer one keeps its beginning and a digest of the
    whole, so that it fits the indexes and distinct names stay distinct.
    """
    if len(name) <= MAX_NAME_BYTES and name.isascii():
        return clean(name)
    raw = clean(name).encode()
    if len(raw) <= MAX_NAME_BYTES:
        return raw.decode()
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return raw[:180].decode(errors="ignore") + "~" + digest


def folded(text: str) -> str:
    """Text made comparable: compatibility forms and case taken away."""
    return unicodedata.normalize("NFKC", clean(text)).casefold()


def loose(text: str) -> str:
    """Text to be found in whatever the case and the accents: ``Überweisung`` by ``uberweisung``, ``İstanbul``
    and ``ISPARTA`` by ``istanbul`` and ``isparta`` (in Turkish and elsewhere), ``Straße`` by ``STRASSE``,
    ``Αθήνα`` by ``ΑΘΗΝΑ``.

    On both sides of a comparison only; what is shown is what was written.
    """
    apart = unicodedata.normalize("NFKD", folded(text))
    bare = "".join(c for c in apart if not unicodedata.combining(c))
    # Taken apart, what was a compatibility form may have a case again.
    return bare.replace("\N{LATIN SMALL LETTER DOTLESS I}", "i").casefold()


#: `loose` as SQLite's connections know it, whose own lower() knows ASCII only.
LOOSE = "tapeline_loose"
_MARKS = "[\u0300-\u036f]"


def found_in(column: ColumnElement[Any], text: str, *, sqlite: bool) -> ColumnElement[bool]:
    """Whether a column of which no `loose` form is kept holds this text, whatever the case and accents."""
    if sqlite:
        bare: ColumnElement[Any] = getattr(func, LOOSE)(column)
    else:
        # As far as the database's own locale knows letters.
        apart = func.normalize(column, literal_column("NFKD"))
        bare = func.regexp_replace(func.lower(apart), _MARKS, "", "g")
        for letter, plain in (("ß", "ss"), ("ς", "σ"), ("ı", "i")):
            bare = func.replace(bare, letter, plain)
    return bare.contains(loose(text), autoescape=True)


def has(query: Select[Any]) -> ColumnElement[bool]:
    """Whether it finds something, asked of row after row down the list.

    Written as EXISTS, PostgreSQL would rather find all that fit and sort them; where these are few, the list
    was narrowed to them before (rarities.py).
    """
    return query.limit(1).scalar_subquery().is_not(None)


class Text(TypeDecorator[str]):
    """Text of any length, made storable on its way in; applies to comparisons as well."""

    impl = SqlText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else clean(value)


class Name(TypeDecorator[str]):
    """A tenant's or user's name (see `name_key`)."""

    impl = SqlText
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else name_key(value)


class UtcTime(TypeDecorator[datetime]):
    """Aware UTC in and out. SQLite keeps no zone, so there it is taken off and put on again."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone does not belong into the catalog")
        if value.tzinfo is not UTC:
            value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


#: Not json.dumps, which makes an encoder each time.
_encoded = json.JSONEncoder(separators=(",", ":")).encode


class Json(TypeDecorator[Any]):
    """A small list as ASCII JSON text: comparable on every database, and any string survives it."""

    impl = SqlText
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else _encoded(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)
