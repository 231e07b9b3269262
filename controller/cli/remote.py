"""What the commands that work over the REST API have in common: where, as whom, and errors in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

import typer
from pydantic import BaseModel
from rich.table import Table

from ..client import Ask, Client, NotSignedIn, Page, TapelineApiError
from .common import NotPossible, console, print_json

T = TypeVar("T")

UrlOption = Annotated[
    str, typer.Option(envvar="TAPELINE_URL", help="Where Tapeline is, such as `https://recorder.example`.")
]
TokenOption = Annotated[
    str,
    typer.Option(
        envvar="TAPELINE_TOKEN",
        help="An API token. Better in the variable TAPELINE_TOKEN: other users of the machine see options.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
MostOption = Annotated[int, typer.Option("--most", min=1, help="So many at most.")]
SinceOption = Annotated[
    str | None, typer.Option(help="A time (2026-11-22T09:00:00Z, 2026-11-22), or how long ago: 30m, 12h, 7d.")
]
UntilOption = Annotated[str | None, typer.Option(help="Before this time; written as --since.")]

_AGO = re.compile(r"(\d{1,5})([mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@contextmanager
def connected(url: str, token: str) -> Iterator[Client]:
    """Raises NotPossible with what the server said and what to do."""
    if not url.startswith(("http://", "https://")):
        raise NotPossible(
            "where is Tapeline? Give --url or set TAPELINE_URL, such as https://recorder.example"
        )
    if not token:
        raise NotPossible("who are you? Set TAPELINE_TOKEN to an API token, made on the page Account")
    try:
        with Client(url, token) as client:
            yield client
    except NotSignedIn as error:
        raise NotPossible(f"{url} does not take the token: it is wrong, expired or removed") from error
    except TapelineApiError as error:
        text = str(error)
        raise NotPossible(text[:1].lower() + text[1:].rstrip(".")) from error


def first(client: Client, ask: Ask[Page[T]], most: int) -> list[T]:
    """The first so many of a list."""
    paged = Ask(ask.method, ask.path, ask.read, {**ask.params, "limit": min(most, 200)})
    found: list[T] = []
    for item in client.every(paged):
        found.append(item)
        if len(found) == most:
            break
    return found


def show(items: Iterable[Any], columns: dict[str, Any], *, as_json: bool) -> None:
    """``columns``: title → what of an item stands there."""
    found = list(items)
    if as_json:
        print_json([item.model_dump(mode="json") for item in found])
        return
    table = Table(*columns)
    for item in found:
        table.add_row(*(plain(column(item)) for column in columns.values()))
    console.print(table)


def show_one(item: BaseModel, *, as_json: bool) -> None:
    if as_json:
        print_json(item.model_dump(mode="json"))
        return
    for name, value in item.model_dump(mode="json").items():
        console.print(f"{name}: {plain(value)}", markup=False)


def plain(value: Any) -> str:
    """What a caller wrote controls no terminal."""
    if isinstance(value, datetime):
        value = f"{value:%Y-%m-%d %H:%M:%S}"
    text = "" if value is None else str(value)
    return "".join(c if c.isprintable() else "�" for c in text).replace("[", r"\[")


def time_of(text: str | None, now: datetime) -> datetime | None:
    """Raises NotPossible."""
    if text is None:
        return None
    if ago := _AGO.fullmatch(text.strip()):
        return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise NotPossible(
            f"{text!r} is no time: 2026-11-22T09:00:00Z, 2026-11-22, or 7d for a week ago"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def length(ms: int) -> str:
    minutes, seconds = divmod(ms // 1000, 60)
    return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}" if minutes >= 60 else f"{minutes}:{seconds:02}"


def parties(item: Any) -> str:
    """Who speaks in a recording, or in a call, live or over: each by the best name that there is."""
    return " → ".join(p.name or p.number or p.user or "?" for p in item.parties)
