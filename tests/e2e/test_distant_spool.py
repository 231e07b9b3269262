"""A spool that the switch's controller cannot see: the controller on its machine collects it, and says when
its disk is full.

Two `tapeline serve` processes on one PostgreSQL: `front` has the switch and knows its spool under a name that
leads nowhere here, `far` does nothing but collect.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from controller.demo.lab import LabUnavailable
from controller.demo.listen import presence
from controller.demo.running import RunningController, items, switch_section
from controller.engine.room import UNSEEN_S

from ..catalog import cluster
from ..disks import fill, small_disk
from .conftest import LABS
from .system import POLICY, TONES, System, telephones, until

pytestmark = pytest.mark.postgres


def configuration(name: str, roles: str, switch: str, folder: Path, url: str) -> str:
    return f"""
[web]
port = 0
secret_file = "{folder}/session.key"
[database]
url = "{url}"
[storage]
path = "{folder}/recordings"
[proof]
key_file = "{folder}/proof.key"
[jobs]
nice = 5
[node]
name = "{name}"
roles = {roles}
{switch}spool_on = "far"
"""


@pytest_asyncio.fixture(
    loop_scope="session", params=[pytest.param(k, marks=getattr(pytest.mark, k)) for k in LABS]
)
async def apart(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[System, RunningController]]:
    """The system by its `front`, and `far`."""
    programs = cluster.programs()
    if programs is None:
        pytest.skip("NO POSTGRESQL HERE: install postgresql (initdb, postgres)")
    try:
        lab = LABS[request.param]()
    except LabUnavailable as error:
        pytest.skip(str(error))
    async with lab:
        with cluster.started(programs) as database:
            url = f"{database.url}/postgres"
            seen = switch_section(lab)
            spool = f'spool = "{lab.spool}"'
            assert spool in seen
            unseen = seen.replace(spool, f'spool = "{tmp_path}/nowhere"\nswitch_spool = "{lab.spool}"')
            front, far = (RunningController(tmp_path / name, ()) for name in ("front", "far"))
            front.config_file.write_text(configuration("front", '["switches", "web"]', unseen, tmp_path, url))
            far.config_file.write_text(configuration("far", '["collect"]', seen, tmp_path, url))
            await front.set_policy(users=POLICY, tenants={}, external=False)
            await front.add_account("admin", "correct horse battery")
            async with front, far:
                system = System(lab, front, tmp_path)
                async with telephones(system):
                    await system.warm()
                    yield system, far


async def codes(system: System) -> set[str]:
    return {a["code"] for a in items((await system.controller.api("GET", "/alarms")).body)}


async def test_it_is_collected_and_watched_where_it_is(apart: tuple[System, RunningController]) -> None:
    system, far = apart
    with small_disk(system.lab.spool, 4) as disk:
        disk.chmod(0o777)  # whoever the switch runs as
        a, _ = await system.call("101", "102")
        call_id = await system.call_id("101")
        await system.recording_up(call_id)
        await asyncio.sleep(2.5)
        ballast = fill(disk)

        async def full() -> bool:
            return "spool.full" in await codes(system)

        await until(full, "the controller that has the switch is told that its disk is full")
        ballast.unlink()

        async def room() -> bool:
            return not {"spool.full", "disk.full"} & await codes(system)

        await until(room, "and that there is room again")
        await system.recording_up(call_id)
        await asyncio.sleep(2.5)
        await a.bye()
        [found] = await system.recordings(call_id)
        assert found["segments"][0]["cause"] == "the switch's disk was full"
        assert not list(Path(f"{system.folder}/nowhere").glob("*"))
        heard = presence(await system.audio(found["recording"]["recording_id"]), [TONES["101"], TONES["102"]])
        for tone in heard.values():
            assert sum(s.duration_ms for s in tone) > 2000, heard

        # Whoever sees it goes, and that is told as well: recordings go on, and wait.
        begun, _ = await system.call("101", "102")
        second = await system.call_id("101")
        await system.recording_up(second)
        await far.kill()

        async def unwatched() -> bool:
            return "spool.unwatched" in await codes(system)

        await until(unwatched, "nobody watches the spool", UNSEEN_S + 20)
        assert "spool.full" not in await codes(system)
        await begun.bye()
        await far.start()

        async def watched() -> bool:
            return "spool.unwatched" not in await codes(system)

        await until(watched, "somebody watches it again", 30)
        [later] = await system.recordings(second)
        assert later["recording"]["duration_ms"] > (UNSEEN_S - 5) * 1000
