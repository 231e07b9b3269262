"""The run-book (docs/how-to/alarms.md) as a page, so that an alarm can lead to what is to be done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fastapi import APIRouter, Request, Response
from markdown_it import MarkdownIt
from markupsafe import Markup

from ..permits import SignedIn
from .rendering import page

router = APIRouter()

_DOCUMENT = "docs/how-to/alarms.md"
_HEADING = re.compile(r"^## `([a-z.]+)`\n", re.MULTILINE)


@dataclass(frozen=True)
class Entry:
    """``code``: the alarm's, and the name by which the page is entered."""

    code: str
    text: Markup


@router.get("/help/alarms")
async def runbook_page(request: Request, me: SignedIn) -> Response:
    lead, entries = runbook()
    return page(request, "runbook.html", lead=lead, entries=entries)


@cache
def runbook() -> tuple[Markup, tuple[Entry, ...]]:
    """What stands before the entries, and these, in the document's order."""
    here = Path(__file__).resolve()
    # In the checkout, or inside the installed package (hatch_build.py).
    places = [folder / _DOCUMENT for folder in (here.parents[3], here.parents[2] / "_project")]
    document = next(path for path in places if path.is_file()).read_text(encoding="utf-8")
    first, *rest = _HEADING.split(document)
    pairs = zip(rest[::2], rest[1::2], strict=True)
    return _html(first.partition("\n")[2]), tuple(Entry(code, _html(text)) for code, text in pairs)


def _html(text: str) -> Markup:
    """Of our own document, and even so with HTML in it switched off. Other documents are not served: their
    links become plain words."""
    plain = re.sub(r"\[([^\]\n]+|`[^`\n]+`)\]\([^)\s]+\)", r"\1", text)
    return Markup(MarkdownIt("commonmark", {"html": False}).render(plain))  # noqa: S704
