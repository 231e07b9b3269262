"""No secret in anything that is said: a real controller with canaries for secrets, led through failures.

Everything that it prints at level debug, every answer, /metrics, and what the commands say, is searched for
each canary. Where a secret is shown once by design (a new webhook's) that one answer is left out.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from controller.config import ConfigError, FreeSwitchConfig, load
from tests.catalog.conftest import postgres
from tests.switches.freeswitch.scripted_esl import ScriptedEsl

__all__ = ["postgres"]

NAMES = (
    "event-socket", "ami", "bucket", "oidc", "account", "other-account", "wrong-password", "share", "posted",
    "query", "database", "typo", "variable", "recovery",
)  # fmt: skip


class Canaries:
    """Secrets that are found wherever they get to, also in the forms that texts are written in."""

    def __init__(self) -> None:
        self.of = {name: f"canary-{name}-{os.urandom(12).hex()}" for name in NAMES}

    def __getitem__(self, name: str) -> str:
        return self.of[name]

    def add(self, name: str, secret: str) -> None:
        assert len(secret) >= 16, f"{name}: too short to be told from chance"
        self.of[name] = secret

    def in_(self, text: str) -> list[str]:
        found = []
        for name, secret in self.of.items():
            forms = {secret, secret.removeprefix("canary-"), base64.b64encode(secret.encode()).decode()[:-4]}
            found += [name for form in forms if form in text]
        return sorted(set(found))


def command(*words: str, environ: dict[str, str], code: int | None = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "controller", *words], env=environ, capture_output=True, text=True, timeout=110
    )
    said = done.stdout + done.stderr
    assert code is None or done.returncode == code, said
    return said


@pytest.fixture
def canaries(tmp_path: Path) -> Canaries:
    made = Canaries()
    for name in ("event-socket", "ami", "bucket", "oidc", "account", "other-account"):
        (tmp_path / name).write_text(made[name] + "\n")
    return made


def configuration(folder: Path, esl: FreeSwitchConfig, s3_port: int) -> Path:
    path = folder / "tapeline.toml"
    path.write_text(
        f"""
log_level = "debug"
[[switches]]
kind = "freeswitch"
name = "fs"
host = "{esl.host}"
port = {esl.port}
password_file = "event-socket"
spool = "{folder}/spool"
[[switches]]
kind = "asterisk"
name = "ast"
port = 9
password_file = "ami"
spool = "{folder}/spool-ast"
[storage]
default = "cloud"
path = "store"
[[stores]]
kind = "s3"
name = "cloud"
bucket = "b"
endpoint = "http://127.0.0.1:{s3_port}"
access_key_id = "tapeline"
secret_access_key_file = "bucket"
timeout_s = 1
[[sealing]]
name = "everybody"
tenants = ["*"]
key_file = "sealing.keys"
[web]
port = 0
secret_file = "session.key"
[proof]
key_file = "proof.key"
[formats]
cache = "cache"
[webhooks]
allow_networks = ["127.0.0.0/8"]
[sign_in.oidc]
issuer = "http://127.0.0.1:{s3_port}"
client_id = "tapeline"
client_secret_file = "oidc"
redirect_uri = "http://127.0.0.1:1/sign-in/provider/back"
[database]
url = "sqlite+aiosqlite:///tapeline.db"
"""
    )
    return path


async def until(condition: Callable[[], object], within: float) -> None:
    """For another process, which is polled."""
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.1)


@contextlib.contextmanager
def serving(config: Path, log: Path, environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        words = [sys.executable, "-m", "controller", "serve", "--config", str(config)]
        process = subprocess.Popen(words, stdout=out, stderr=out, env=environ)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


async def angry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """An HTTP server that refuses everything and says all that it was told."""
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        head = await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 500 No\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(head), head)
        )
        await writer.drain()
    writer.close()


@pytest.mark.timeout(300)
async def test_nothing_that_is_said_holds_a_secret(tmp_path: Path, canaries: Canaries) -> None:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("TAPELINE")}
    log, answers = tmp_path / "log", []
    for folder in ("spool", "spool-ast"):
        (tmp_path / folder).mkdir()
    server = await asyncio.start_server(angry, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with ScriptedEsl(tmp_path / "spool", password="another") as esl, server:
        config = configuration(tmp_path, esl.config(), port)
        run = {"environ": environ | {"TAPELINE_CONFIG": str(config)}}

        def tapeline(*words: str, code: int | None = 0) -> str:
            return command(*words, environ=run["environ"], code=code)

        said = await asyncio.to_thread(tapeline, "sealing", "key", "new", "everybody")
        said += await asyncio.to_thread(
            tapeline, "user", "add", "root", "--password-file", str(tmp_path / "account")
        )
        made = await asyncio.to_thread(tapeline, "token", "add", "root")
        canaries.add("token", max(re.findall(r"\S{30,}", made), key=len))
        with serving(config, log, environ) as process:
            await until(lambda: b"The catalog is at" in log.read_bytes(), within=100)
            (url,) = re.findall(r"The catalog is at (http://[\d.:]+)", log.read_text())
            canaries.add("sealing key", (tmp_path / "sealing.keys").read_text().split()[1])
            await until((tmp_path / "proof.key").exists, within=60)
            canaries.add("proof key", (tmp_path / "proof.key").read_text().splitlines()[1])
            headers = {"authorization": f"Bearer {canaries['token']}"}
            async with httpx.AsyncClient(base_url=url, timeout=60, trust_env=False) as web:

                async def ask(method: str, path: str, **more: Any) -> httpx.Response:
                    # One connection each: a defect ends the one that it was on.
                    given = {**more.pop("headers", {}), "connection": "close"}
                    answer = await web.request(method, path, headers=given, **more)
                    answers.append(f"{method} {path}\n{answer.headers}\n{answer.text}")
                    return answer

                hook = {"url": f"http://127.0.0.1:{port}/hook?token=x", "events": ["recording.available"]}
                new = await web.post("/api/v1/webhooks", json=hook, headers=headers)
                assert new.status_code == 201, new.text
                canaries.add("webhook", new.json()["secret"])
                where = f"/api/v1/webhooks/{new.json()['webhook']['webhook_id']}"
                assert (await ask("POST", f"{where}/test", headers=headers)).status_code == 202
                # Wrong passwords, wrong bodies, wrong tokens, wrong addresses.
                form = {"login": "root", "password": canaries["wrong-password"]}
                await ask("POST", "/sign-in", data=form)
                page = await ask("GET", "/sign-in")
                (token,) = re.findall(r'name="form_token" value="([^"]+)"', page.text) or [""]
                await ask("POST", "/sign-in", data=form | {"form_token": token})
                await ask("GET", "/sign-in/provider")
                for body in (
                    {"login": "x", "role": "nobody", "password": canaries["posted"]},
                    {"login": "y", "role": "user", "password": canaries["posted"]},
                    [canaries["posted"]],
                    canaries["posted"],
                ):
                    answer = await ask("POST", "/api/v1/accounts", json=body, headers=headers)
                    assert answer.status_code in (400, 422), answer.text
                raw = b'{"password": "' + canaries["posted"].encode()
                await ask("POST", "/api/v1/accounts", content=raw, headers=headers)
                wrong = {"authorization": f"Bearer {canaries['share']}"}
                assert (await ask("GET", "/api/v1/recordings", headers=wrong)).status_code == 401
                await ask("GET", f"/s/{canaries['share']}")
                await ask("GET", f"/api/v1/recordings?limit={canaries['query']}", headers=headers)
                for path in (
                    "/metrics",
                    "/readyz",
                    "/api/v1/alarms",
                    "/api/v1/webhooks",
                    f"{where}/deliveries",
                ):
                    await ask("GET", path, headers=headers)
                # A defect: what the catalog needs is gone while it is asked for.
                for table in ("accounts", "hooks"):
                    with contextlib.closing(sqlite3.connect(tmp_path / "tapeline.db")) as other, other:
                        other.execute(f"ALTER TABLE {table} RENAME TO gone_{table}")
                    paths = ("/api/v1/webhooks", "/api/v1/me", "/webhooks")
                    got = [(await ask("GET", path, headers=headers)).status_code for path in paths]
                    assert max(got) >= 500, got
                    await ask("POST", "/sign-in", data=form | {"form_token": token})
                    with contextlib.closing(sqlite3.connect(tmp_path / "tapeline.db")) as other, other:
                        other.execute(f"ALTER TABLE gone_{table} RENAME TO {table}")
                await until(lambda: all(name in log.read_bytes() for name in (b'"fs"', b'"ast"')), within=60)
            said += await asyncio.to_thread(tapeline, "doctor", "--json", code=None)
            said += await asyncio.to_thread(tapeline, "webhook", "list", code=None)
            process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(process.wait, 60)
    logged = log.read_text()
    for happened in ("no such table", "refuses the password", "cannot connect", "webhooks.failed"):
        assert happened in logged, f"the failure did not happen: {happened}"
    assert "Traceback" in logged or '"exception"' in logged
    assert canaries.in_(logged) == [], "in the log"
    assert canaries.in_(said) == [], "in what commands say"
    for answer in answers:
        # A page says again which address was asked for, to whom it was that asked.
        first, _, rest = answer.partition("\n")
        assert [c for c in canaries.in_(rest) if canaries[c] not in first] == [], answer[:2000]


def test_a_configuration_that_is_refused_is_not_recited(tmp_path: Path, canaries: Canaries) -> None:
    switch = f'[[switches]]\nkind = "asterisk"\nname = "a"\nspool = "/s"\npassword = "{canaries["ami"]}"\n'
    typo = canaries["typo"]
    for text in (
        switch + f'pasword = "{typo}"\n',
        switch + f'password_file = "{typo}"\n',
        switch + f'[database]\nurl = "postgres://me:{canaries["database"]}@db.test/x"\n',
        switch + f'[database]\nurl = 5\npassword_file = ["{typo}"]\n',
        switch + f'[web]\nport = "{typo}"\n',
        switch.replace("asterisk", "other"),
        switch + f'[[switches]]\nname = ["{typo}"]\n',
        switch + f'"{typo}\n',
    ):
        path = tmp_path / "tapeline.toml"
        path.write_text(text)
        with pytest.raises(ConfigError) as caught:
            load(path, {})
        assert canaries.in_(str(caught.value)) == [], text
    path.write_text(switch)
    for variable in ("TAPELINE_SWITCHES__B__PASSWORD", "TAPELINE_WEB__NO", "TAPELINE_SWITCHES"):
        with pytest.raises(ConfigError) as caught:
            load(path, {variable: canaries["variable"]})
        assert canaries.in_(str(caught.value)) == [], variable
    assert canaries.in_(repr(load(path, {}))) == []


@pytest.mark.postgres
@pytest.mark.timeout(300)
def test_a_database_that_refuses_us_is_told_without_the_password(
    postgres: str, tmp_path: Path, canaries: Canaries
) -> None:
    host = postgres.partition("@")[2]
    secret = canaries["database"]
    environ = {k: v for k, v in os.environ.items() if not k.startswith("TAPELINE")}
    environ |= {"TAPELINE_LOG_LEVEL": "debug", "TAPELINE_WEB__PORT": "0"}
    for url in (
        f"postgresql+asyncpg://tester:{secret}@{host}/postgres",
        f"postgresql+asyncpg://tester:{secret}@127.0.0.1:9/x",
        f"postgresql+asyncpg://tester:{secret}@{host}/nothing-there",
    ):
        with_url = environ | {"TAPELINE_DATABASE__URL": url}
        for words in (["serve"], ["doctor", "--json"], ["backup", str(tmp_path / "b"), "--no-keys"]):
            said = command(*words, environ=with_url, code=None)
            assert "database.url" in said or '"ok": false' in said
            assert canaries.in_(said) == [], said
