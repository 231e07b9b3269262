"""Traces are switched on by the configuration alone, and what is missing for them is said."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from controller.config import Config, ConfigError, load
from controller.config.traces import TracesConfig
from controller.doctor import _traces
from controller.engine import tracing
from controller.traces import sending
from controller.traces.sending import traced

from .receiver import Receiver


def loaded(folder: Path, text: str) -> Config:
    path = folder / "tapeline.toml"
    path.write_text(f"[traces]\n{text}\n")
    return load(path, {})


@pytest.mark.parametrize(
    "endpoint",
    ["127.0.0.1:4318", "ftp://host", "http://", "http://me:secret@host", "http://host/?x=1", "http://host#x",
     "http://host:99999", "http://ho st", "http://host\\n", "http://höst", "http://["],
)  # fmt: skip
def test_an_endpoint_that_is_none_is_refused_by_its_name(tmp_path: Path, endpoint: str) -> None:
    with pytest.raises(ConfigError, match=r"traces\.endpoint") as caught:
        loaded(tmp_path, f'endpoint = "{endpoint}"')
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "line", ["share = 1.5", "share = -0.1", "share = nan", 'continue_from = ["nowhere"]', "typo = 1"]
)
def test_what_else_cannot_be_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(ConfigError, match=r"traces\."):
        loaded(tmp_path, line)


def test_variables_and_relative_paths(tmp_path: Path) -> None:
    config = loaded(tmp_path, 'headers_file = "otlp.headers"')
    assert config.traces.headers_file == tmp_path / "otlp.headers"
    assert config.traces.endpoint == ""
    config = load(
        None, {"TAPELINE_TRACES__ENDPOINT": "https://otlp.example.com/x", "TAPELINE_TRACES__SHARE": "0.01"}
    )
    assert (config.traces.endpoint, config.traces.share) == ("https://otlp.example.com/x", 0.01)


def test_headers_come_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "headers"
    file.write_text("Authorization: Bearer a:b\n\nx-scope:  one \n")
    traces = TracesConfig(headers_file=file)
    assert traces.headers() == {"Authorization": "Bearer a:b", "x-scope": "one"}


@pytest.mark.parametrize(
    "text", [b"QQcret", b"na me: QQcret", b": QQcret", b"name:", b"name: QQ\x01cret", "n: QQcrét".encode()]
)
def test_a_file_that_holds_none_is_refused_and_not_recited(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "headers"
    file.write_bytes(text)
    with pytest.raises(ConfigError, match=r"traces\.headers_file") as caught:
        TracesConfig(headers_file=file).headers()
    assert "QQ" not in str(caught.value)


def test_a_file_that_is_not_there_is_an_error_of_the_start(tmp_path: Path, receiver: Receiver) -> None:
    config = loaded(tmp_path, f'endpoint = "{receiver.endpoint}"\nheaders_file = "none"')
    with pytest.raises(ConfigError, match="cannot read"), traced(config, "controller"):
        pass


def test_the_header_is_sent_and_the_tracer_gone_afterwards(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "h").write_text("x-token: 1234\n")
    config = loaded(tmp_path, f'endpoint = "{receiver.endpoint}/otlp"\nheaders_file = "h"')
    with traced(config, "worker"), tracing.span("one"):
        pass
    assert tracing.here() is None
    path, headers, _ = receiver.got[0]
    assert (path, headers["x-token"]) == ("/otlp/v1/traces", "1234")
    assert receiver.spans[0].resource["tapeline.part"] == "worker"


def test_variables_of_opentelemetry_change_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "OTEL_TRACES_SAMPLER": "always_off", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_HEADERS": "x=y", "OTEL_RESOURCE_ATTRIBUTES": "owner=anna",
        "OTEL_SERVICE_NAME": "other", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "0",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    config = Config.model_validate({"traces": {"endpoint": receiver.endpoint}})
    with traced(config, "controller"), tracing.span("one", switch="pbx"):
        pass
    (seen,) = receiver.spans
    assert seen.of == {"tapeline.switch": "pbx"}
    assert set(seen.resource) == {"service.name", "service.version", "service.instance.id", "tapeline.part"}
    assert "x" not in receiver.got[0][1]


# ── the extra ─────────────────────────────────────────────────────────────────────────────────

INSTALL = "install it into the controller's environment: pip install 'tapeline[traces]'"
#: As on a machine where it is not installed.
_WITHOUT = """
import sys, importlib.abc
class No(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("opentelemetry.sdk", "opentelemetry.exporter", "opentelemetry.proto", "google.protobuf"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, No())
from controller.cli import main
main()
"""


def without_the_extra(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environ = {k: v for k, v in os.environ.items() if not k.startswith("TAPELINE")}
    config = folder / "tapeline.toml"
    environ |= {"TAPELINE_CONFIG": str(config), "COLUMNS": "400"}
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT, *words], capture_output=True, text=True, timeout=100, env=environ
    )


def test_asked_for_and_not_installed_is_said_at_the_start_and_by_the_doctor(tmp_path: Path) -> None:
    config = 'database = {url = "sqlite+aiosqlite:///a.db"}\n[traces]\nendpoint = "http://127.0.0.1:9"\n'
    (tmp_path / "tapeline.toml").write_text(config)
    for command in ("serve", "worker"):
        done = without_the_extra(tmp_path, command)
        assert done.returncode == 2, done.stderr
        assert "traces.endpoint is set, and OpenTelemetry is not installed" in done.stderr
        assert INSTALL in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "a.db").exists(), "nothing was begun"
    done = without_the_extra(tmp_path, "doctor", "--json")
    assert INSTALL in done.stdout, done.stdout + done.stderr


def test_the_api_alone_is_not_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """FastAPI brings that."""
    assert importlib.util.find_spec("opentelemetry.trace") is not None
    assert not sending.missing()
    monkeypatch.setattr(sending, "_installed", lambda module: module == "opentelemetry.trace")
    assert sending.missing()


@pytest.mark.parametrize(
    ("status", "ok", "found"), [(200, True, "takes traces"), (401, False, "it answered 401")]
)
def test_the_doctor_sends_an_export_of_nothing(receiver: Receiver, status: int, ok: bool, found: str) -> None:
    receiver.status = status
    check = _traces(Config.model_validate({"traces": {"endpoint": receiver.endpoint}}))
    assert (check.ok, check.found) == (ok, found)
    assert [path for path, _, _ in receiver.got] == ["/v1/traces"]
    assert receiver.spans == []


# ── off ───────────────────────────────────────────────────────────────────────────────────────


def test_without_an_endpoint_opentelemetry_is_not_even_loaded() -> None:
    code = """
import sys, json
from controller.config import Config
from controller.engine import tracing
from controller.traces.sending import traced
with traced(Config(), "controller"), tracing.span("one", switch="pbx") as span:
    span.note(result="done"); span.fail("x"); span.rename("y"); span.end()
    with tracing.under(tracing.here()): pass
print(json.dumps([m for m in sys.modules if m.startswith(("opentelemetry", "google", "http.client"))]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(done.stdout) == []


def test_without_a_tracer_spans_are_one_and_the_same() -> None:
    assert tracing.span("one", switch="a") is tracing.span("two")
    assert tracing.incoming("127.0.0.1", "x") is None
    with pytest.raises(KeyError), tracing.span("one"):
        raise KeyError
