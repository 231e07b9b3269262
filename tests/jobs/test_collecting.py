"""Whose machine has the switch's spool works on its files, and nobody else ever looks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.config import Config, ConfigError, load
from controller.engine.jobs import Lane
from controller.working import is_here, places, workers_of

from .world import World, ended_call

SWITCHES = """
[[switches]]
kind = "asterisk"
name = "{name}"
password = "x"
spool = "/var/spool/{name}"
spool_on = "{on}"
"""


def config(folder: Path, node: str, roles: str = '["switches", "web", "work"]', url: str = "") -> Config:
    file = folder / "tapeline.toml"
    switches = "".join(
        SWITCHES.format(name=n, on=on) for n, on in (("berlin", "berlin"), ("oslo", "oslo"), ("lab", ""))
    )
    url = url or "postgresql+asyncpg://x@127.0.0.1/x"
    file.write_text(f'[node]\nname = "{node}"\nroles = {roles}\n[database]\nurl = "{url}"\n{switches}')
    return load(file, {})


def test_a_machine_sees_its_own_spools_and_those_that_all_see(tmp_path: Path) -> None:
    found = config(tmp_path, "berlin")
    assert [s.name for s in found.switches if is_here(found, s)] == ["berlin", "lab"]
    assert {p for p in places(found) if p.startswith("spool")} == {"spool of berlin", "spool of lab"}


@pytest.mark.parametrize("node", ["berlin", "far"])
async def test_what_lies_elsewhere_is_never_an_orphan(tmp_path: Path, world: World, node: str) -> None:
    """Also where no process of that machine lives: in another folder its files would seem to be missing."""
    for number, switch in enumerate(("berlin", "oslo", "forgotten")):
        await world.catalog.save(switch, [ended_call(f"r{number}", (0, 3))], {})
    settings = workers_of(config(tmp_path, node), world.catalog, None, alone=False)._settings  # type: ignore[arg-type]
    found = await world.catalog.candidates(
        Lane.SOUND, settings.switches, 100, orphans=settings.orphans, elsewhere=settings.elsewhere
    )
    mine = {"r0"} if node == "berlin" else set()
    assert {c.recording_id for c in found} == mine | {"r2"}, "of a switch that nobody knows it complains"


def test_a_collector_takes_files_of_its_machine_and_nothing_else(tmp_path: Path, world: World) -> None:
    collector = workers_of(
        config(tmp_path, "oslo", '["collect"]'), world.catalog, None, alone=False
    )._settings  # type: ignore[arg-type]
    assert collector.switches == ("oslo", "lab")
    assert (collector.orphans, collector.places[Lane.FINISHING]) == (False, 0)


@pytest.mark.parametrize(
    ("roles", "url", "why"),
    [
        ("[]", "", "name at least one of switches, web, work and collect"),
        ('["nothing"]', "", "node.roles"),
        ('["web"]', "sqlite+aiosqlite:///x.db", "without switches needs a catalog on PostgreSQL"),
    ],
)
def test_roles_that_cannot_be(tmp_path: Path, roles: str, url: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        config(tmp_path, "x", roles, url)
