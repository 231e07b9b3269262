"""``tapeline tag | note``: what people put on recordings, for scripts."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from ..catalog.facade import SqlCatalog
from ..engine.ids import new_id
from ..engine.reading import Scope
from ..engine.retention import Annotations
from .common import ConfigOption, JsonOption, NotPossible, console, operator, print_json, with_catalog

tag = typer.Typer(no_args_is_help=True, help="Tags on recordings.")
note = typer.Typer(no_args_is_help=True, help="Notes on recordings.")

One = Annotated[str, typer.Argument(help="The recording's id.")]
Ids = Annotated[list[str], typer.Argument(help="Ids of recordings.")]
Tag = Annotated[str, typer.Option("--tag", help="At most 50 characters; kept in lower case.")]
Tenant = Annotated[str, typer.Option(help="Whose it is.")]


@tag.command("add")
def add_tag(ids: Ids, tag_name: Tag, tenant: Tenant, config: ConfigOption = None) -> None:
    """Put a tag on recordings."""

    async def work(catalog: SqlCatalog) -> None:
        _all_there(
            tenant,
            [
                i
                for i in ids
                if not await catalog.add_tag(Scope(tenant), i, tag_name, operator(), retained=True)
            ],
        )

    with_catalog(config, work)


@tag.command("remove")
def remove_tag(ids: Ids, tag_name: Tag, tenant: Tenant, config: ConfigOption = None) -> None:
    """Take a tag off recordings; ends with status 1 if one of them had it not."""

    async def work(catalog: SqlCatalog) -> None:
        without = [
            i
            for i in ids
            if not await catalog.remove_tag(Scope(tenant), i, tag_name, operator(), retained=True)
        ]
        for recording_id in without:
            console.print(f"{recording_id}: {tenant} has no such recording with this tag", markup=False)
        if without:
            raise typer.Exit(1)

    with_catalog(config, work)


@tag.command("list")
def list_tags(tenant: Tenant, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """The tags that a tenant uses."""

    async def work(catalog: SqlCatalog) -> None:
        found = await catalog.tags_in_use(Scope(tenant), 10_000)
        if as_json:
            print_json(found)
            return
        for one in found:
            console.print(one, markup=False)

    with_catalog(config, work)


@note.command("add")
def add_note(
    recording_id: One,
    text: Annotated[str, typer.Option(help="At most 2,000 characters.")],
    tenant: Tenant,
    config: ConfigOption = None,
) -> None:
    """Put a note on a recording; prints the note's id."""

    async def work(catalog: SqlCatalog) -> None:
        note_id = new_id()
        done = await catalog.add_note(Scope(tenant), recording_id, text, operator(), note_id)
        _all_there(tenant, [] if done else [recording_id])
        console.print(note_id)

    with_catalog(config, work)


@note.command("remove")
def remove_note(recording_id: One, note_id: str, tenant: Tenant, config: ConfigOption = None) -> None:
    """Take a note off a recording."""

    async def work(catalog: SqlCatalog) -> None:
        if not await catalog.remove_note(Scope(tenant), recording_id, note_id, operator(), others=True):
            raise NotPossible("there is no such note; `tapeline note list` shows them")

    with_catalog(config, work)


@note.command("list")
def list_notes(
    recording_id: One, tenant: Tenant, as_json: JsonOption = False, config: ConfigOption = None
) -> None:
    """A recording's notes, with its tags and the legal holds that cover it."""

    async def work(catalog: SqlCatalog) -> None:
        found = await catalog.annotations(Scope(tenant), recording_id)
        if found is None:
            raise NotPossible(f"{tenant} has no recording {recording_id}")
        if as_json:
            print_json(asdict(found))
        else:
            _say(found)

    with_catalog(config, work)


def _say(found: Annotations) -> None:
    for hold in found.holds:
        console.print(f"legal hold “{hold.name}”", markup=False)
    if found.tags:
        console.print(f"tags: {', '.join(found.tags)}", markup=False)
    for one in found.notes:
        console.print(f"{one.note_id} {one.at:%Y-%m-%d %H:%M} {one.by}: {one.text}", markup=False)


def _all_there(tenant: str, lost: list[str]) -> None:
    if lost:
        raise NotPossible(f"{tenant} has no recording {', '.join(lost)}")
