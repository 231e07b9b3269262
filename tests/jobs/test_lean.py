"""The worker process holds nothing that only the controller, or a recording of another kind, needs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from subprocess import PIPE

from controller.catalog import open_database
from controller.working import worker_child

from .test_child import config_of, nodes, running
from .world import World, until

#: The process itself, up to the moment at which all is well and there is nothing to do; then what of the
#: environment it has loaded.
_WORKER = """
import os, sys
from controller import worker_process

async def tell(workers, house, answers):
    import asyncio
    while not workers._open:
        await asyncio.sleep(0.05)
    print(*sys.modules)
    sys.stdout.flush()
    os._exit(0)

worker_process._tell = tell
worker_process.main(["1"])
"""
#: The web, the switches, the command line's; what brings a schema up to date; what seals; stores afar;
#: speech.
_NOT_NEEDED = {
    "fastapi", "starlette", "uvicorn", "jinja2", "httpx", "multipart",
    "greenswitch", "gevent", "panoramisk", "typer",
    "alembic", "mako", "cryptography", "obstore", "pydub", "faster_whisper", "rich",
    "psycopg", "ssl", "yaml", "click", "croniter", "dateutil",
    "controller.core.desk", "controller.catalog.facade", "controller.catalog.account_tables",
}  # fmt: skip
_OURS = {"web", "switches", "client", "cli", "demo", "hooks", "proof", "cluster", "backup"}


async def test_what_it_does_not_need_is_not_loaded(tmp_path: Path) -> None:
    world = World(f"sqlite+aiosqlite:///{tmp_path}/tapeline.db", tmp_path, None)  # type: ignore[arg-type]
    await (await open_database(world.url)).close()  # as the controller has left it
    config = config_of(world).model_dump_json()
    given = len(config).to_bytes(4) + config.encode()
    with subprocess.Popen([sys.executable, "-c", _WORKER], stdin=PIPE, stdout=PIPE, stderr=PIPE) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(given)
        process.stdin.flush()  # and not closed: that would be its end
        told = process.stderr.read().decode()  # where its output goes
    assert process.returncode == 0, told
    loaded = told.splitlines()[-1].split()
    assert {"sqlalchemy", "dbos"} <= set(loaded)
    assert _NOT_NEEDED & set(loaded) == set()
    assert {m for m in loaded if m.startswith("controller.") and m.split(".")[1] in _OURS} == set()


async def test_its_threads_share_what_they_have_given_back(world: World) -> None:
    async with running(worker_child(config_of(world))) as child:
        await until(lambda: nodes(world, 1), "it beats", within_s=60)
        found = Path(f"/proc/{child.pid}/environ").read_bytes().split(b"\0")
    assert {b"MALLOC_ARENA_MAX=1", b"MALLOC_MMAP_THRESHOLD_=131072"} <= set(found)
