"""``tapeline transcribe | find``: write down what was said in older recordings, and look for it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ..catalog.facade import SqlCatalog
from ..config import load
from ..engine.reading import RecordingFilter, RecordingRow, Scope
from ..media.errors import MediaError
from ..media.transcribe import make_transcribe
from ..working import open_stores
from .common import ConfigOption, JsonOption, NotPossible, audited, console, print_json, with_catalog


def transcribe_command(
    recordings: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RECORDING...]", help="Only these; none: all that lack what is wanted."),
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant's recordings.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say which would be worked on.")] = False,
    config: ConfigOption = None,
) -> None:
    """Write down what was said in recordings that have no transcript, or not the redaction that their
    tenant wants by now.

    New recordings need no command: the controller sees to them. It may be interrupted and started again.
    """
    settings = load(config)
    if not settings.transcription.enabled:
        raise NotPossible("transcripts are switched off: set transcription.enabled in the configuration")
    faults: list[str] = []

    async def work(catalog: SqlCatalog) -> None:
        task = make_transcribe(settings.transcription, catalog, open_stores(settings))
        done, last = 0, ""
        try:
            while batch := (recordings or await catalog.untranscribed(tenant, after=last)):
                for recording_id in batch:
                    if dry_run:
                        console.print(recording_id, markup=False)
                        continue
                    try:
                        remark = await task.run(recording_id, lambda share: None)
                    except (MediaError, OSError) as error:
                        remark = str(error)
                    if remark:
                        faults.append(remark)
                        console.print(f"{recording_id}: {remark}", markup=False, soft_wrap=True)
                    else:
                        done += 1
                last = batch[-1]
                if recordings:
                    break
        finally:
            task.stop()
        if done:
            await audited(catalog, tenant, "transcripts made", "recordings", f"{done} of them")
        if not dry_run:
            console.print(f"{done} transcribed, {len(faults)} not", markup=False)

    with_catalog(config, work)
    raise typer.Exit(1 if faults else 0)


def find_command(
    text: Annotated[str, typer.Argument(help='Words or their beginnings, all of them; "a phrase".')],
    tenant: Annotated[str | None, typer.Option(help="Only in this tenant's recordings.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="So many recordings at most.")] = 20,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Find recordings by what was said in them, newest first, with the time and the words around."""

    async def work(catalog: SqlCatalog) -> None:
        rows = await _found(catalog, tenant, text, limit)
        for row in rows:
            await audited(
                catalog, row.tenant, "read transcript", f"recording {row.recording_id}", "what a search found"
            )
        if as_json:
            print_json(
                [{"recording_id": r.recording_id, "tenant": r.tenant, "started_at": r.started_at,
                  "hits": [asdict(h) for h in r.hits]} for r in rows]
            )  # fmt: skip
            return
        for row in rows:
            console.print(f"{row.recording_id}  {row.started_at:%Y-%m-%d %H:%M}  {row.tenant}", markup=False)
            for hit in row.hits:
                at = f"{hit.at_ms // 60_000}:{hit.at_ms // 1000 % 60:02}"
                words = " ".join(part for part in (hit.before, f"*{hit.match}*", hit.behind) if part)
                console.print(
                    f"    {at}  {_plain(hit.speaker)}: {_plain(words)}", markup=False, soft_wrap=True
                )

    with_catalog(config, work)


async def _found(catalog: SqlCatalog, tenant: str | None, text: str, limit: int) -> list[RecordingRow]:
    """However long it takes: who waits at a terminal can end it."""
    rows: list[RecordingRow] = []
    before: str | None = None
    while True:
        page = await catalog.recordings(
            Scope(tenant), RecordingFilter(text=text), limit=limit - len(rows), before=before
        )
        rows += page.items
        before = page.next
        if before is None or len(rows) >= limit:
            return rows


def _plain(text: str) -> str:
    """Nothing that a terminal would obey."""
    return "".join(c for c in text if c.isprintable())
