"""``tapeline backup`` and ``tapeline restore``: the catalog and the keys of one moment, and back again."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from ..backup import keybox
from ..backup.making import Seal, make
from ..backup.restoring import Open, inspect, put_back
from ..catalog.dumping import Progress as Told
from ..config import Config, load
from ..engine.ids import now
from ..proof import running
from ..proof.verdict import Anchor, Verdict
from ..proof.verify import read_key
from ..proving import reader_of
from ..working import open_catalog
from .common import ConfigOption, NotPossible, console

FolderArgument = Annotated[Path, typer.Argument(help="The backup's folder.")]
PassphraseOption = Annotated[
    Path | None, typer.Option(help="A file that holds the passphrase of the keys.", dir_okay=False)
]
NoKeysOption = Annotated[bool, typer.Option("--no-keys", help="Leave the keys out.")]


def backup_command(
    folder: FolderArgument,
    passphrase_file: PassphraseOption = None,
    recipient: Annotated[
        Path | None,
        typer.Option(help="A file with an X25519 public key (PEM): only its owner opens the keys."),
    ] = None,
    no_keys: NoKeysOption = False,
    config: ConfigOption = None,
) -> None:
    """Write the catalog of this moment, and the keys sealed, into a new folder; beside a running controller.

    The recordings themselves are files that never change: copy storage.path before and after. The
    configuration and the passwords that it names are yours to keep.
    """
    settings = load(config)
    seal = _sealing(passphrase_file, recipient, no_keys)
    with _progress() as told:
        made = asyncio.run(make(settings, folder, seal, now(), told))
    counts = ", ".join(f"{number} {what}" for what, number in made.counts.items())
    console.print(f"{folder}: revision {made.revision}; {counts}", markup=False, soft_wrap=True)
    console.print(f"keys: {', '.join(made.keys) or 'none'}", markup=False, soft_wrap=True)
    for anchor in made.anchors:
        console.print(f"anchor {anchor}", markup=False, soft_wrap=True)


def restore_command(
    folder: FolderArgument,
    passphrase_file: PassphraseOption = None,
    identity: Annotated[
        Path | None, typer.Option(help="A file with the recipient's private key (PEM).")
    ] = None,
    no_keys: NoKeysOption = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Replace a catalog, and keys, that are there.")
    ] = False,
    key: Annotated[
        str | None, typer.Option(help="The public key that you trust: it must have signed the backup.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify/--no-verify", help="Verify the catalog and every recording afterwards.")
    ] = True,
    config: ConfigOption = None,
) -> None:
    """Put a backup into the database and the key files of the configuration, bring it up to date, verify it.

    Stop the controller and its workers first, and put the recordings back into storage.path. Ends with 0
    if all is as it was sealed, with 1 if not.
    """
    settings = load(config)
    opened = _opening(passphrase_file, identity, no_keys)
    with _progress() as told:
        found, public = inspect(folder, read_key(key) if key else None, told)
        done = asyncio.run(put_back(settings, folder, found, opened, replace=replace, at=now(), told=told))
        anchors = [Anchor.read(text) for text in found.anchors]
        verdict = asyncio.run(_brought_up(settings, anchors, told if verify else None))
    console.print(
        f"restored {folder}, made at {found.made_at} by version {found.version}, signed by {public}",
        markup=False, soft_wrap=True,
    )  # fmt: skip
    console.print(f"keys put in place: {', '.join(done) or 'none'}", markup=False, soft_wrap=True)
    for line in verdict.lines() if verdict else ():
        console.print(line, markup=False, soft_wrap=True)
    raise typer.Exit(0 if verdict is None or verdict.sound else 1)


async def _brought_up(settings: Config, anchors: list[Anchor], told: Told | None) -> Verdict | None:
    """Opening it brings its schema up to date."""
    async with open_catalog(settings) as catalog:
        if told is None:
            return None
        heads = [await catalog.chain_head(t) for t in await catalog.chain_tenants()]
        total, done = sum(h.number for h in heads if h), 0

        def count(more: int) -> None:
            nonlocal done
            done += more
            told("verifying", done, total)

        return await running.verify_catalog(catalog, reader_of(settings), anchors=anchors, progress=count)


def _sealing(passphrase_file: Path | None, recipient: Path | None, no_keys: bool) -> Seal | None:
    if [passphrase_file is not None, recipient is not None, no_keys].count(True) != 1:
        raise NotPossible(
            "say what shall become of the keys: --passphrase-file, --recipient or --no-keys, one of the three"
        )
    if passphrase_file is not None:
        passphrase = _read(passphrase_file).decode(errors="replace").strip()
        return lambda keys: keybox.seal_with_passphrase(keys, passphrase)
    if recipient is not None:
        pem = _read(recipient)
        return lambda keys: keybox.seal_for(keys, pem)
    return None


def _opening(passphrase_file: Path | None, identity: Path | None, no_keys: bool) -> Open | None:
    if [passphrase_file is not None, identity is not None, no_keys].count(True) != 1:
        raise NotPossible(
            "say how the keys are opened: --passphrase-file or --identity; or --no-keys, which leaves those "
            "in place that are there"
        )
    if passphrase_file is not None:
        passphrase = _read(passphrase_file).decode(errors="replace").strip()
        return lambda box: keybox.open_with_passphrase(box, passphrase)
    if identity is not None:
        pem = _read(identity)
        return lambda box: keybox.open_with_identity(box, pem)
    return None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise NotPossible(f"cannot read {path}: {error.strerror}") from error


@contextmanager
def _progress() -> Iterator[Told]:
    """A bar on the terminal, which goes to and fro while nobody knows how much there is."""
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    terminal = Console(stderr=True)
    with Progress(*columns, console=terminal, transient=True, disable=not sys.stderr.isatty()) as shown:
        task = shown.add_task("", total=None)

        def told(what: str, done: int, total: int) -> None:
            shown.update(task, description=what, completed=done, total=total or None)

        yield told
