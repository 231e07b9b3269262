"""The worker process holds nothing that only the controller, or a recording of another kind, needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from controller.catalog import open_database
from controller.working import worker_child

from .test_child import config_of, nodes, running
from .world import World, until

#: What it does, up to the moment at which there is work; then what of the environment it has loaded.
_WORKER = """
import asyncio, sys
from controller.config import Config
from controller.working import make_house, make_workers, open_catalog, open_stores
import controller.jobs.durable, controller.worker_process, controller.logs

async def main(config):
    async with open_catalog(config) as catalog:
        make_workers(config, catalog, open_stores(config))
        make_house(config, catalog, open_stores(config))

asyncio.run(main(Config.model_validate_json(sys.stdin.read())))
print(*sys.modules)
"""
#: The web, the switches, the command line's; what brings a schema up to date; what seals; stores afar;
#: speech.
_NOT_NEEDED = {
    "fastapi", "starlette", "uvicorn", "jinja2", "httpx", "multipart",
    "greenswitch", "gevent", "panoramisk", "typer",
    "alembic", "mako", "cryptography", "obstore", "pydub", "faster_whisper",
}  # fmt: skip
_OURS = {"web", "switches", "client", "cli", "demo", "hooks", "proof", "cluster", "backup"}


async def test_what_it_does_not_need_is_not_loaded(tmp_path: Path) -> None:
    world = World(f"sqlite+aiosqlite:///{tmp_path}/tapeline.db", tmp_path, None)  # type: ignore[arg-type]
    await (await open_database(world.url)).close()  # as the controller has left it
    config = config_of(world).model_dump_json()
    done = subprocess.run([sys.executable, "-c", _WORKER], input=config, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert "sqlalchemy" in loaded
    assert _NOT_NEEDED & set(loaded) == set()
    assert {m for m in loaded if m.startswith("controller.") and m.split(".")[1] in _OURS} == set()


async def test_its_threads_share_what_they_have_given_back(world: World) -> None:
    async with running(worker_child(config_of(world))) as child:
        await until(lambda: nodes(world, 1), "it beats", within_s=60)
        found = Path(f"/proc/{child.pid}/environ").read_bytes().split(b"\0")
    assert b"MALLOC_ARENA_MAX=1" in found
