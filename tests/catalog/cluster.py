"""A private PostgreSQL for the tests: its own folder, its own port, gone at the end, or at the next start."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from . import leftovers

#: Not below pytest's own folder, into which only we may look.
PLACE = Path("/tmp")
PASSWORD = "s3cret-of-the-tests"


def programs() -> Path | None:
    """The folder with initdb and postgres, the newest version first; None without one."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: -float(p.parent.name))
    if on_path := shutil.which("initdb"):
        found.append(Path(on_path).resolve().parent)
    return next((p for p in found if (p / "initdb").exists() and (p / "postgres").exists()), None)


def _nobody() -> list[str]:
    """How to run a program as somebody else where we are root, whom PostgreSQL refuses."""
    if os.geteuid() != 0:
        return []
    return ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]


class Cluster:
    """``url`` is the URL's beginning, postgresql+asyncpg://tester:…@127.0.0.1:PORT."""

    def __init__(self, url: str, start: Callable[[], None], kill: Callable[[], None], home: Path) -> None:
        self.url, self.start, self.kill = url, start, kill
        self._home = home

    def signal(self, number: int) -> None:
        """Sent to all of its processes."""
        postmaster = int((self._home / "data/postmaster.pid").read_text().split()[0])
        children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
        for pid in (postmaster, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    async def make(self, name: str) -> None:
        """A new, empty database."""
        engine = create_async_engine(f"{self.url}/postgres", isolation_level="AUTOCOMMIT")
        async with engine.connect() as connection:
            await connection.execute(text(f"CREATE DATABASE {name}"))
        await engine.dispose()


@contextmanager
def running(bin_folder: Path) -> Iterator[str]:
    """Yields the URL's beginning alone."""
    with started(bin_folder) as cluster:
        yield cluster.url


@contextmanager
def started(bin_folder: Path) -> Iterator[Cluster]:
    """One that can be killed, as a power cut or the kernel would, and started again on the same port."""
    leftovers.clear(PLACE)
    home = Path(tempfile.mkdtemp(prefix=leftovers.PREFIX, dir=PLACE))
    lock = leftovers.own(home)
    try:
        (home / "password").write_text(PASSWORD)
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody").pw_uid
            for path in (home, home / "password"):
                os.chown(path, nobody, -1)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]

        def run(*command: str) -> None:
            done = subprocess.run([*_nobody(), *command], cwd=home, capture_output=True, text=True)
            assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"

        data = str(home / "data")
        run(
            str(bin_folder / "initdb"), "-D", data, "-U", "tester", "--auth-host=scram-sha-256",
            "--auth-local=reject", f"--pwfile={home / 'password'}", "-E", "UTF8", "--locale=C.UTF-8",
            "--no-sync",
        )  # fmt: skip
        options = (
            f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' "
            "-c fsync=off -c full_page_writes=off -c shared_buffers=64MB"
        )
        control = (str(bin_folder / "pg_ctl"), "-D", data, "-w")

        def start() -> None:
            run(*control, "-l", str(home / "log"), "-o", options, "start")

        def kill() -> None:
            run(*control, "-m", "immediate", "stop")

        start()
        try:
            yield Cluster(f"postgresql+asyncpg://tester:{PASSWORD}@127.0.0.1:{port}", start, kill, home)
        finally:
            kill()
    finally:
        shutil.rmtree(home, ignore_errors=True)
        os.close(lock)
