"""A controller as its users run it, ``tapeline serve`` in a process of its own, and a client of its API."""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from ..bootstrap import hash_password
from ..config import load
from ..core.rules import Setting
from ..engine.ids import new_id, now
from ..engine.reading import Account, ApiToken, Role, SystemSettings, TenantSettings, UserSettings
from ..working import open_catalog
from .lab import LabUnavailable, start_process, stop_process

#: A quick machine takes two; a small one that is busy with switches and tests a minute.
STARTUP_S = 90.0


class Lab(Protocol):
    """A private switch, as the demo and the tests see it."""

    kind: str
    control_host: str
    control_port: int
    password: str
    sip_host: str
    sip_port: int
    trunk_ip: str
    trunk_port: int
    folder: Path
    spool: Path
    users: dict[str, tuple[str, str]]

    @property
    def trunk_entry(self) -> tuple[str, int]: ...
    async def cli(self, command: str) -> str:
        """One command on the switch's own console; its output."""

    async def kill(self) -> None:
        """SIGKILL, as a crash would."""

    async def start(self) -> None:
        """Start again, and wait until it answers."""


def switch_section(lab: Lab) -> str:
    """The ``[[switches]]`` section of a configuration that reaches this switch."""
    lines = [
        "[[switches]]",
        f'name = "{lab.kind}"',
        f'kind = "{lab.kind}"',
        f'host = "{lab.control_host}"',
        f"port = {lab.control_port}",
        f'password = "{lab.password}"',
        f'spool = "{lab.spool}"',
        f'sounds = "{lab.folder}/sounds"',
    ]
    return "\n".join(lines) + "\n"


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; ``body`` is decoded JSON where it is JSON."""

    status: int
    body: Any
    raw: bytes
    headers: dict[str, str]


class RunningController:
    """``async with``: started and reachable on entry, ended on exit. Everything is in ``folder``."""

    def __init__(
        self, folder: Path, labs: tuple[Lab, ...], *, port: int = 0, host: str = "127.0.0.1", nice: int = 5
    ) -> None:
        """``nice`` is that of the work on recordings: somebody waits for it, and the calls come first."""
        self.folder = folder
        self.config_file = folder / "tapeline.toml"
        self.log_file = folder / "controller.log"
        self.url = ""
        self.token = ""
        #: What Python runs; a test may put itself before it.
        self.program: tuple[str, ...] = ("-m", "controller")
        self._process: asyncio.subprocess.Process | None = None
        folder.mkdir(parents=True, exist_ok=True)
        sections = "\n".join(switch_section(lab) for lab in labs)
        self.config_file.write_text(
            f'[web]\nhost = "{host}"\nport = {port}\n\n[jobs]\nnice = {nice}\n\n{sections}'
        )

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self) -> None:
        """Start (again) and wait until the pages answer and every switch is up."""
        self.url = ""
        offset = self.log_file.stat().st_size if self.log_file.exists() else 0
        # A variable that is meant for the user's own controller must not change this one.
        environ = {k: v for k, v in os.environ.items() if not k.startswith("TAPELINE_")}
        environ |= {"PYTHONUNBUFFERED": "1", "COLUMNS": "200"}
        command = [sys.executable, *self.program, "serve", "--config", str(self.config_file)]
        self._process = await start_process(command, self.log_file, environ=environ)
        deadline = asyncio.get_running_loop().time() + STARTUP_S
        while True:
            if not self.url:
                text = self.log_file.read_bytes()[offset:].decode(errors="replace")
                found = re.search(r"The catalog is at (http://\S+)", text)
                self.url = found[1] if found else ""
            elif await self._switches_up():
                return
            if self._process.returncode is not None or asyncio.get_running_loop().time() > deadline:
                raise LabUnavailable(f"the controller did not start:\n{self.log()[-3000:]}")
            await asyncio.sleep(0.05)

    @property
    def pid(self) -> int | None:
        """Of the process, while it runs."""
        return None if self._process is None else self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    async def stop(self) -> None:
        if self._process is not None:
            await stop_process(self._process)
            self._process = None

    async def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()
            self._process = None

    def signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self._process is not None:
            self._process.send_signal(number)

    def log(self) -> str:
        return self.log_file.read_text(errors="replace")

    # ── its people ────────────────────────────────────────────────────────────────────────

    async def add_account(
        self,
        login: str,
        password: str,
        role: Role = Role.SYSTEM,
        tenant: str | None = None,
        extension: str | None = None,
    ) -> str:
        """Make an account (the controller need not run yet) and give an API token of it."""
        token = "tl_" + os.urandom(24).hex()
        async with open_catalog(load(self.config_file, {})) as catalog:
            account = Account(new_id(), login, role, tenant, extension)
            await catalog.add_account(account, await hash_password(password))
            await catalog.add_token(
                ApiToken(new_id(), account.account_id, "demo", now(), None, None),
                sha256(token.encode()).hexdigest(),
            )
        self.token = self.token or token
        return token

    async def set_policy(
        self,
        *,
        users: dict[tuple[str, str], bool] | None = None,
        tenants: dict[str, bool] | None = None,
        external: bool | None = None,
    ) -> None:
        """Audio recording on or off, straight in the catalog (before the start)."""
        async with open_catalog(load(self.config_file, {})) as catalog:
            for (tenant, user), audio in (users or {}).items():
                await catalog.set_user(UserSettings(tenant, user, "", _setting(audio)))
            for tenant, audio in (tenants or {}).items():
                await catalog.set_tenant(TenantSettings(tenant, _setting(audio)))
            if external is not None:
                await catalog.set_system(SystemSettings(external))

    # ── its API ───────────────────────────────────────────────────────────────────────────

    async def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request to ``/api/v1`` + path (or to a path that begins with ``/healthz`` and the like)."""
        return await asyncio.to_thread(self._request, method, path, body, token or self.token, headers or {})

    async def _switches_up(self) -> bool:
        if not self.token:
            return (await self.api("GET", "/readyz")).status == 200
        switches = await self.api("GET", "/api/v1/switches")
        return switches.status == 200 and all(s["state"] == "up" for s in items(switches.body))

    def _request(self, method: str, path: str, body: Any, token: str, headers: dict[str, str]) -> Answer:
        if not path.startswith(("/api/", "/healthz", "/readyz", "/metrics")):
            path = "/api/v1" + path
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method, headers=headers)  # noqa: S310
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 - our own address
                return _answer(response.status, response.read(), dict(response.headers))
        except urllib.error.HTTPError as error:
            return _answer(error.code, error.read(), dict(error.headers))
        except OSError as error:
            return Answer(0, str(error), b"", {})


def items(body: Any) -> list[dict[str, Any]]:
    """The rows of a list answer, which come bare or as ``{"items": […]}``."""
    rows: list[dict[str, Any]] = body["items"] if isinstance(body, dict) else body
    return rows


def _answer(status: int, raw: bytes, headers: dict[str, str]) -> Answer:
    body: Any = None
    if raw and "json" in headers.get("Content-Type", headers.get("content-type", "")):
        body = json.loads(raw)
    return Answer(status, body, raw, headers)


def _setting(on: bool) -> Setting:
    return Setting.ON if on else Setting.OFF
