"""``tapeline proof | evidence | verify``: the chain's key and head, bundles, and their verification."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from ..config import load
from ..engine.ids import now
from ..proof import archive, bundle, evidence, running, signing
from ..proof.bundle_check import verify_bundle
from ..proof.verdict import Anchor, Verdict
from ..proof.verify import read_key
from ..proving import make_sealer, reader_of
from ..working import open_catalog
from .common import ConfigOption, JsonOption, NotPossible, audited, console, operator, print_json

proof = typer.Typer(no_args_is_help=True, help="The signed chain of what was recorded, heard and deleted.")
evidence_commands = typer.Typer(no_args_is_help=True, help="Recordings with everything that proves them.")

KeyOption = Annotated[
    str | None, typer.Option(help="The public key that you trust: 64 letters, or a file that holds it.")
]
AnchorOption = Annotated[
    list[str] | None, typer.Option("--anchor", help="TENANT:NUMBER:HASH as `proof head` printed it once.")
]
AnchorFileOption = Annotated[
    Path | None, typer.Option(help="A file with an anchor a line, such as the output of `proof head`.")
]


@proof.command("key")
def key_command(
    pem: Annotated[bool, typer.Option("--pem", help="Print it as PEM.")] = False, config: ConfigOption = None
) -> None:
    """Print the public key, for those who verify. The key is made if there is none."""
    settings = load(config).proof
    public = signing.load(settings.key_file, settings.key_command).current.public
    console.print(signing.public_pem(public).strip() if pem else public, markup=False, soft_wrap=True)


@proof.command("head")
def head_command(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print each chain's last number and hash, to be kept elsewhere: TENANT:NUMBER:HASH."""

    async def work() -> list[Anchor]:
        async with open_catalog(load(config)) as catalog:
            found = [await catalog.chain_head(tenant) for tenant in await catalog.chain_tenants()]
        return [Anchor(row.tenant, row.number, row.hash) for row in found if row]

    anchors = asyncio.run(work())
    if as_json:
        print_json([{"tenant": a.tenant, "number": a.number, "hash": a.hash} for a in anchors])
        return
    for anchor in anchors:
        console.print(str(anchor), markup=False, soft_wrap=True)


@proof.command("rotate")
def rotate_command(config: ConfigOption = None) -> None:
    """Make a new key; in every chain the old one vouches for it. The old ones stay in the file."""
    settings = load(config)
    if settings.proof.key_command:
        raise NotPossible("proof.key_command gives the keys: let it print a new one behind the old ones")

    async def work() -> None:
        async with open_catalog(settings) as catalog:
            ring = await asyncio.to_thread(signing.rotate, settings.proof.key_file)
            count = await make_sealer(settings, catalog).hand_over()
            console.print(f"{ring.current.public}", markup=False, soft_wrap=True)
            await audited(catalog, None, "proof key renewed", "proof", f"took over in {count} chains")
            console.print(f"took over in {count} chains", markup=False)

    asyncio.run(work())


@proof.command("seal")
def seal_command(config: ConfigOption = None) -> None:
    """Seal at once what is not sealed yet. The controller does it by itself, within seconds."""
    settings = load(config)

    async def work() -> None:
        async with open_catalog(settings) as catalog:
            console.print(f"{await make_sealer(settings, catalog).drain()} entries", markup=False)

    asyncio.run(work())


@evidence_commands.command("export")
def export_command(
    recordings: Annotated[list[str] | None, typer.Argument(help="Ids of recordings.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The bundle to be made (ZIP).")] = Path(
        "evidence.zip"
    ),
    tenant: Annotated[str | None, typer.Option(help="All of this tenant's, with --from and --to.")] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="From this time on (ISO, UTC if not said).")
    ] = None,
    until: Annotated[str | None, typer.Option("--to", help="Up to this time.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    config: ConfigOption = None,
) -> None:
    """Make a bundle that proves these recordings to somebody who trusts nothing but the public key."""
    settings = load(config)
    if output.exists() and not force:
        raise NotPossible(f"{output} is there already: give another name, or --force")
    times = _time("--from", since), _time("--to", until)

    async def work() -> list[str]:
        async with open_catalog(settings) as catalog:
            sealer = make_sealer(settings, catalog)
            keys = await asyncio.to_thread(signing.load, settings.proof.key_file, settings.proof.key_command)
            whose, ids = await evidence.chosen(catalog, recordings or (), tenant, *times)
            by = operator()
            plan = await evidence.prepare(catalog, sealer, keys.current, whose, ids, by, now())
            total = sum(f["size"] for e in plan.exhibits for f in e.facts["files"])
            with _progress("writing", total) as told:
                await bundle.write(plan, output, reader_of(settings), told)
            console.print(f"{output}: {len(plan.exhibits)} recordings of {whose}", markup=False)
            return plan.complaints

    try:
        complaints = asyncio.run(work())
    except OSError as error:
        raise NotPossible(f"cannot write {output}: {error.strerror or error}") from error
    for complaint in complaints:
        console.print(f"ATTENTION: {complaint}", markup=False)
    raise typer.Exit(1 if complaints else 0)


def verify_command(
    bundle_file: Annotated[
        Path | None, typer.Argument(metavar="[BUNDLE]", help="An evidence bundle.")
    ] = None,
    catalog: Annotated[bool, typer.Option("--catalog", help="Check the running system instead.")] = False,
    key: KeyOption = None,
    anchor: AnchorOption = None,
    anchor_file: AnchorFileOption = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find whatever was changed, removed, added or moved since it was sealed. Needs no network.

    A bundle is checked without database and configuration. Ends with 0 if all is as it was sealed, with 1
    if not.
    """
    if (bundle_file is None) != catalog:
        raise NotPossible("say what to verify: a bundle, or --catalog")
    try:
        trusted = read_key(key) if key else None
        lines = anchor_file.read_text(encoding="utf-8").splitlines() if anchor_file else []
        anchors = [Anchor.read(text) for text in [*(anchor or ()), *lines] if text.strip()]
        if bundle_file is not None:
            # A file with the heads of all chains serves for a bundle of one of them.
            whole = bundle_file.stat().st_size
            with _progress("verifying", whole) as told:
                verdict = verify_bundle(bundle_file, key=trusted, anchors=anchors, progress=told)
        else:
            verdict = _verify_catalog(config, trusted, anchors)
    except OSError as error:
        raise NotPossible(f"cannot read {error.filename}: {error.strerror}") from error
    if as_json:
        print_json(verdict.as_dict())
    else:
        for line in verdict.lines():
            console.print(line, markup=False, soft_wrap=True)
    raise typer.Exit(0 if verdict.sound else 1)


def _verify_catalog(config: Path | None, key: str | None, anchors: list[Anchor]) -> Verdict:
    settings = load(config)

    async def work() -> Verdict:
        async with open_catalog(settings) as catalog:
            heads = [await catalog.chain_head(t) for t in await catalog.chain_tenants()]
            with _progress("verifying", sum(h.number for h in heads if h)) as told:
                return await running.verify_catalog(
                    catalog, reader_of(settings), key=key, anchors=anchors, progress=told
                )

    return asyncio.run(work())


@contextmanager
def _progress(what: str, total: int) -> Iterator[archive.Progress]:
    """A bar on the terminal; nothing where there is none."""
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"))
    terminal = Console(stderr=True)
    with Progress(
        *columns, TimeRemainingColumn(), console=terminal, transient=True, disable=not sys.stderr.isatty()
    ) as shown:
        task = shown.add_task(what, total=total)
        yield lambda done: shown.advance(task, done)


def _time(option: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise NotPossible(f"{option}: {text!r} is no time; give 2026-11-22 or 2026-11-22T09:00") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
