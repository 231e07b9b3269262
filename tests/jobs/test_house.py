"""What looks after files runs in the worker's process: moves, takes out what was chosen, tells how it is."""

from __future__ import annotations

import os
import sys

from controller.config import Config
from controller.engine.media_ports import FileRole
from controller.engine.reading import Scope
from controller.jobs.child import WorkerChild
from controller.media.redacting import ChosenSpans
from controller.working import open_stores, worker_child
from tests.media.doubles import voice, wav_bytes

from .test_child import config_of, running
from .world import TENANT, World, until


def with_shelf(world: World, **jobs: object) -> Config:
    plain = config_of(world, **jobs).model_dump()
    shelf = {"kind": "local", "name": "shelf", "path": str(world.folder / "shelf"), "tenants": [TENANT]}
    return Config.model_validate({**plain, "stores": [shelf]})


async def stored(world: World, recording_id: str) -> None:
    await world.record(recording_id, wav_bytes(voice(8000)))
    (due,) = await world.catalog.due_of([recording_id])
    await world.pipeline().process(due)


async def places(world: World, recording_id: str) -> set[str]:
    return {f.store for f in await world.catalog.files(recording_id)}


async def test_files_are_moved_there_also_where_others_work_on_recordings(world: World) -> None:
    await stored(world, "r1")
    config = with_shelf(world, in_controller=False)
    async with running(worker_child(config)) as child:

        async def moved() -> bool:
            return await places(world, "r1") == {"shelf"}

        await until(moved, "the files are where they belong", within_s=60)
        assert await world.catalog.nodes() == [], "it takes no recordings"
        assert child.pid is not None
        assert os.getpriority(os.PRIO_PROCESS, child.pid) == 1
    stores = open_stores(config)
    for file in await world.catalog.files("r1"):
        assert stores.digest(file).sha256 == file.sha256


async def test_what_was_chosen_is_taken_out_when_it_is_told(world: World) -> None:
    """Within the half minute in which it would look by itself."""
    await stored(world, "r1")
    span = Scope(TENANT), "r1", 100, 300
    async with running(worker_child(config_of(world))) as child:

        async def up() -> bool:
            return bool(await world.catalog.nodes())

        async def redacted() -> bool:
            return any(f.role is FileRole.REDACTED for f in await world.catalog.files("r1"))

        async def gone() -> bool:
            (chosen,) = await world.catalog.chosen_spans(Scope(TENANT), "r1") or []
            return chosen.done and not await redacted()

        await until(up, "it is at work", within_s=60)
        assert await world.catalog.redact_span(*span, "ann", "a name")
        child.poke_redactor()
        await until(redacted, "others hear a beep", within_s=15)
        assert await world.catalog.take_back_span(*span, "ann")
        child.poke_redactor()
        await until(gone, "others hear it again", within_s=15)
    assert await ChosenSpans(world.catalog, open_stores(config_of(world))).round() == 0


async def test_how_the_stores_are_is_told() -> None:
    code = """if True:
    import json, os
    os.read(0, 9)
    print(json.dumps({"away": {"bucket": "no route"}, "plain": {"bank": [3, "no key"]}}), flush=True)
    os.read(0, 9)
    print(json.dumps({"away": {}}), flush=True)
    os.read(0, 9)
    """
    child = WorkerChild([sys.executable, "-c", code], lambda: b"")

    async def away() -> bool:
        return child.away == {"bucket": "no route"} and child.plain == {"bank": (3, "no key")}

    async def well() -> bool:
        return child.away == {} and child.plain == {"bank": (3, "no key")}

    async with running(child):
        await until(away)
        child.poke()
        await until(well)
