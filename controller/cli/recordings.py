"""``tapeline recordings`` and ``tapeline calls``: find, see and fetch them, over the REST API."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from ..client import Client, requests
from ..engine.ids import now
from .common import NotPossible, console, print_json
from .remote import (
    JsonOption,
    MostOption,
    SinceOption,
    TokenOption,
    UntilOption,
    UrlOption,
    connected,
    first,
    length,
    parties,
    plain,
    show,
    time_of,
)

recordings = typer.Typer(no_args_is_help=True, help="Recordings of a running Tapeline, over its API.")
calls = typer.Typer(no_args_is_help=True, help="Calls of a running Tapeline, over its API.")

Recording = Annotated[str, typer.Argument(metavar="RECORDING", help="Its id.")]
ToOption = Annotated[Path, typer.Option("--to", help="A file, or a folder; then the server names the file.")]
FormatOption = Annotated[
    str | None, typer.Option("--format", help="wav, mp3, flac, opus or amr; otherwise as it is kept.")
]


@recordings.command("list")
def list_recordings(
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORDS]...", help="Free words, as the page's search takes them."),
    ] = None,
    tenant_user: Annotated[str | None, typer.Option("--user", help="A user who took part.")] = None,
    tag: Annotated[str | None, typer.Option(help="With this tag.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    sort: Annotated[
        str | None, typer.Option(help="newest, oldest, longest, shortest, largest or smallest.")
    ] = None,
    most: MostOption = 50,
    as_json: JsonOption = False,
    url: UrlOption = "",
    token: TokenOption = "",
) -> None:
    """Find recordings, the newest first."""
    where = requests.recordings(
        q=" ".join(words or ()) or None, user=tenant_user, tag=tag, sort=sort,
        since=time_of(since, now()), until=time_of(until, now()),
    )  # fmt: skip
    columns = {
        "recording": lambda r: r.recording_id, "begun": lambda r: r.started_at, "parties": parties,
        "length": lambda r: length(r.duration_ms), "state": lambda r: r.media_state,
        "tags": lambda r: ", ".join(r.tags or ()),
    }  # fmt: skip
    with connected(url, token) as client:
        show(first(client, where, most), columns, as_json=as_json)


@recordings.command("show")
def show_recording(
    recording_id: Recording, as_json: JsonOption = False, url: UrlOption = "", token: TokenOption = ""
) -> None:
    """Show everything about one recording."""
    with connected(url, token) as client:
        found = client.send(requests.recording(recording_id))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    row = found.recording
    lines = {
        "recording": row.recording_id, "call": row.call_id, "tenant": row.tenant, "begun": row.started_at,
        "length": length(row.duration_ms), "parties": parties(row), "state": row.media_state,
        "why": row.reason, "tags": ", ".join(row.tags or ()), "pauses": len(found.pauses),
        "files": ", ".join(f"{f.role} {f.number} ({f.format}, {f.size} bytes)" for f in found.files),
    }  # fmt: skip
    for name, value in lines.items():
        console.print(f"{name + ':':<11}{plain(value)}")


@recordings.command("download")
def download(
    recording_ids: Annotated[list[str], typer.Argument(metavar="RECORDING...", help="Their ids.")],
    to: ToOption = Path(),
    format: FormatOption = None,
    as_json: JsonOption = False,
    url: UrlOption = "",
    token: TokenOption = "",
) -> None:
    """Fetch recordings into files; what breaks off goes on where it was."""
    if len(recording_ids) > 1 and not to.is_dir():
        raise NotPossible(f"--to: {to} is no folder, and several recordings do not go into one file")
    with connected(url, token) as client:
        files = [_fetch(client, one, to, format, None, quiet=as_json) for one in recording_ids]
    _told(files, as_json)


@recordings.command("clip")
def clip(
    recording_id: Recording,
    begin: Annotated[float, typer.Option("--from", min=0, help="Where it begins, in seconds.")] = 0,
    end: Annotated[
        float | None, typer.Option("--until-second", min=0, help="Where it ends; its end.")
    ] = None,
    to: ToOption = Path(),
    format: FormatOption = None,
    as_json: JsonOption = False,
    url: UrlOption = "",
    token: TokenOption = "",
) -> None:
    """Fetch a piece of a recording."""
    span = (round(begin * 1000), None if end is None else round(end * 1000))
    with connected(url, token) as client:
        file = _fetch(client, recording_id, to, format, span, quiet=as_json)
    _told([file], as_json)


def _fetch(
    client: Client, recording_id: str, to: Path, format: str | None, span: tuple[int, int | None] | None,
    *, quiet: bool,
) -> Path:  # fmt: skip
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    # On the terminal of errors: what is printed may go into a file.
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, disable=quiet or not sys.stderr.isatty()) as bar:
        task = bar.add_task(plain(recording_id), total=None)

        def told(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        try:
            return client.download(recording_id, to, format=format, span=span, progress=told)
        except OSError as error:
            raise NotPossible(f"{to}: {error.strerror or error}") from error


def _told(files: list[Path], as_json: bool) -> None:
    if as_json:
        print_json([{"file": str(file), "size": file.stat().st_size} for file in files])
        return
    for file in files:
        console.print(str(file), markup=False)


@calls.command("list")
def list_calls(
    party: Annotated[str | None, typer.Option(help="A part of a number, name or user in the call.")] = None,
    recorded: Annotated[
        str | None, typer.Option(help="yes, no, or missing: there should be a recording and is none.")
    ] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    most: MostOption = 50,
    as_json: JsonOption = False,
    url: UrlOption = "",
    token: TokenOption = "",
) -> None:
    """Find calls, the newest first."""
    where = requests.calls(
        party=party, recorded=recorded, since=time_of(since, now()), until=time_of(until, now())
    )
    columns = {
        "call": lambda c: c.call_id, "begun": lambda c: c.started_at, "direction": lambda c: c.direction,
        "parties": parties, "length": lambda c: length(c.duration_ms), "recordings": lambda c: c.recordings,
    }  # fmt: skip
    with connected(url, token) as client:
        show(first(client, where, most), columns, as_json=as_json)


@calls.command("show")
def show_call(
    call_id: Annotated[str, typer.Argument(metavar="CALL", help="Its id.")],
    as_json: JsonOption = False, url: UrlOption = "", token: TokenOption = "",
) -> None:  # fmt: skip
    """Show a call's journey, and why it was or was not recorded."""
    with connected(url, token) as client:
        found = client.send(requests.call(call_id))
    if as_json:
        print_json(found.model_dump(mode="json"))
        return
    console.print(f"{plain(parties(found.row))}, {length(found.row.duration_ms)}")
    for step in found.journey:
        console.print(f"{plain(step.at)}  {plain(step.what)}  {plain(step.detail)}")
    for decision in found.decisions:
        console.print(f"{decision.kind}: {plain(decision.verdict)}, {plain(decision.reason)}")
    for row in found.recordings:
        console.print(f"recording {row.recording_id}: {row.media_state}")
