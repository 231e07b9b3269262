"""How values read on a page: times, durations, sizes, names. Template filters."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime, tzinfo
from functools import cache
from urllib.parse import quote
from zoneinfo import ZoneInfo

from babel.numbers import get_decimal_symbol, get_group_symbol
from markupsafe import Markup, escape

from ...core.requests import Means
from ...engine.media_ports import FileRole
from ...engine.ports import LiveParty
from ...engine.reading import FileRow, PartyRow
from ..language import N_, _, language, tr
from ..language.catalogs import SOURCE, Language

MOST_SHOWN = 120

#: Marks that reorder the text around them. Letters of right-to-left scripts stay as they are.
_REORDERING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def shown(text: str | None, most: int = MOST_SHOWN) -> str:
    """A stranger's text without what could disguise it, and not longer than a line.

    Escaping is the template's business; this is about control characters, and about marks that
    make a number read as another.
    """
    if not text:
        return ""
    plain = "".join(
        "\ufffd" if c in _REORDERING or unicodedata.category(c) in ("Cc", "Cs", "Zl", "Zp") else c
        for c in text[: most + 1]
    )
    return plain if len(plain) <= most else plain[: most - 1] + "…"


def zone_of(name: str | None) -> tzinfo:
    """The time zone that the browser has named in a cookie; UTC for anything else."""
    if not name or len(name) > 64:
        return UTC
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return UTC


def clock(at: datetime, zone: tzinfo) -> str:
    return f"{at.astimezone(zone):%H:%M:%S}"


def day(at: datetime, zone: tzinfo) -> str:
    return long_day(at.astimezone(zone).date())


def long_day(at: date) -> str:
    """``Sunday, 22 November 2026``."""
    weekdays, months, _short = _calendar(language())
    return _(
        "%(weekday)s, %(day)s %(month)s %(year)s",
        weekday=weekdays[at.weekday()], day=at.day, month=months[at.month], year=at.year,
    )  # fmt: skip


def short_day(at: date) -> str:
    """``22 Nov``, on an axis."""
    return _("%(day)s %(month)s", day=at.day, month=_calendar(language())[2][at.month])


@cache
def _calendar(one: Language) -> tuple[Mapping[int, str], Mapping[int, str], Mapping[int, str]]:
    """The names of days (from Monday, 0) and months, and the short ones of months."""
    locale = one.locale
    months = locale.months["format"]
    short = {n: name.rstrip(".") for n, name in months["abbreviated"].items()}
    return locale.days["format"]["wide"], months["wide"], short


def numeric(at: date) -> str:
    """``2026-11-22``; in other languages as they write it with digits alone."""
    year, month, day = f"{at:%Y}", f"{at:%m}", f"{at:%d}"
    return _("%(year)s-%(month)s-%(day)s", year=year, month=month, day=day)


def stamp(at: datetime, zone: tzinfo) -> str:
    local = at.astimezone(zone)
    if language().code == SOURCE:  # in every row of every list
        return f"{local:%Y-%m-%d %H:%M:%S}"
    return f"{numeric(local)} {local:%H:%M:%S}"


@cache
def _separators(one: Language) -> tuple[str, str]:
    return get_decimal_symbol(one.locale), get_group_symbol(one.locale)


def decimal(text: str) -> str:
    """A number that is written with a point, as the language writes it: ``2,5``."""
    return text if language().code == SOURCE else text.replace(".", _separators(language())[0])


def count(number: int) -> str:
    """``12,345``."""
    return f"{number:,}".replace(",", _separators(language())[1])


def duration(ms: int | None) -> str:
    """``1:02:03``, ``4:05``."""
    seconds = round((ms or 0) / 1000)
    hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def precise(ms: int) -> str:
    """``4:05.120``, for the journal of pauses."""
    return f"{ms // 60000}:{ms // 1000 % 60:02}.{ms % 1000:03}"


def size(count: int) -> str:
    value = float(count)
    for unit in (N_("bytes"), "KB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            whole = unit == "bytes" or value >= 100
            return f"{value:.0f} {tr(unit)}" if whole else f"{decimal(f'{value:.1f}')} {unit}"
        value /= 1000
    return str(count)


def who(party: PartyRow | LiveParty) -> str:
    """The name that stands for a party: what it is called, else its number or extension."""
    return shown(party.name) or shown(party.number) or shown(party.user) or _("unknown")


def number(party: PartyRow | LiveParty) -> str:
    """What stands below the name: the number or extension, unless that is the name already."""
    text = shown(party.number) or shown(party.user)
    return "" if text == who(party) else text


def caller(parties: tuple[PartyRow, ...]) -> PartyRow | None:
    return next((p for p in parties if p.calling), None)


def callees(parties: tuple[PartyRow, ...]) -> list[PartyRow]:
    first = caller(parties)
    return [p for p in parties if p is not first]


def words(code: str) -> str:
    """An identifier in words: ``message_in_dialog`` → ``message in dialog``."""
    return shown(code.replace("_", " "))


#: See docs/reference/files.md.
_FILES = {
    FileRole.RENDITION: N_("Whole recording"),
    FileRole.SEGMENT: N_("Segment %(number)s"),
    FileRole.MIX: N_("Segment %(number)s, the switch’s own mix"),
    FileRole.RX: N_("Segment %(number)s, what the switch received from the leg"),
    FileRole.TX: N_("Segment %(number)s, what the leg heard"),
    FileRole.ENCODED: N_("Whole recording, encoded"),
    FileRole.PEAKS: N_("Waveform"),
    FileRole.TRANSCRIPT: N_("Transcript"),
    FileRole.REDACTED: N_("Whole recording without numbers"),
}

#: How a request came, as its asker would call it.
_MEANS = {
    Means.FEATURE_CODE: N_("feature code"),
    Means.MESSAGE: N_("SIP MESSAGE"),
    Means.MESSAGE_IN_DIALOG: N_("SIP MESSAGE in the call"),
    Means.API: N_("API"),
    Means.PAGE: N_("page"),
    Means.RECORD_KEY: N_("Record key"),
    Means.LIMIT: N_("longest pause"),
    Means.BUS: N_("the switch's bus"),
    Means.RECOVERY: N_("recovery after a restart"),
}


def file_title(file: FileRow) -> str:
    """What one of a recording's files is."""
    return _(_FILES[FileRole(file.role)], number=file.number)


def means(code: str) -> str:
    return _MEANS[Means(code)] if code in set(Means) else words(code)


def moment(at: datetime, zone: tzinfo) -> str:
    """``10:04:05.120``: for what is measured in milliseconds."""
    local = at.astimezone(zone)
    return f"{local:%H:%M:%S}.{local.microsecond // 1000:03}"


def apart(begin: datetime, end: datetime) -> str:
    """How long after one moment the other was: ``45 ms``, ``2.3 s``."""
    ms = max(0, round((end - begin).total_seconds() * 1000))
    return f"{ms} ms" if ms < 1000 else f"{decimal(f'{ms / 1000:.1f}')} s"


def sentence(text: str) -> str:
    """The same with a capital letter at its head and nothing else changed."""
    return text[:1].upper() + text[1:]


def main_reason(text: str) -> str:
    """Of a decision's reason the rule that decided, without those that were asked beside it."""
    return text.partition("; ")[0]


def address(text: str) -> str:
    """As one part of an address's path or query, slashes included."""
    return quote(text, safe="")


def coded(text: str) -> Markup:
    """Our own descriptions, with what stands between backquotes set as code."""
    plain, *rest = text.replace("``", "`").split("`")
    out = escape(plain)
    for n, part in enumerate(rest):
        out += Markup("<code>{}</code>").format(part) if n % 2 == 0 else escape(part)
    return out
