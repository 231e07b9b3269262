"""Traces are switched on by the configuration alone, and what is missing for them is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Literal

import pytest
from structlog.testing import capture_logs

from controller import doctor_traces
from controller.config import Config, ConfigError, load
from controller.config.traces import TracesConfig
from controller.doctor_traces import LONGEST_S, _secret, examine_traces
from controller.engine import tracing
from controller.engine.alarms import Severity
from controller.health import _traces
from controller.traces.sending import traced

from .receiver import Receiver


def loaded(folder: Path, text: str) -> Config:
    path = folder / "tapeline.toml"
    path.write_text(f"[traces]\n{text}\n")
    return load(path, {})


@pytest.mark.parametrize(
    "endpoint",
    ["127.0.0.1:4318", "ftp://host", "http://", "http://me:secret@host", "http://host/?x=1", "http://host#x",
     "http://host:99999", "http://ho st", "http://host\\n", "http://höst", "http://[",
     "http://host:0", "http://host..example", "http://" + "h" * 64 + ".example"],
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
    "text",
    [
        b"QQcret",
        b"na me: QQcret",
        b": QQcret",
        b"name:",
        b"name: QQ\x01cret",
        "n: QQcrét".encode(),
        b"Content-Type: QQ",
        b"content-length: 1",
        b"Transfer-Encoding: QQ",
        b"host: QQ",
    ],
)
def test_a_file_that_holds_none_is_refused_and_not_recited(tmp_path: Path, text: bytes) -> None:
    file = tmp_path / "headers"
    file.write_bytes(text)
    with pytest.raises(ConfigError, match=r"traces\.headers_file") as caught:
        TracesConfig(headers_file=file).headers()
    assert "QQ" not in str(caught.value)


@pytest.mark.parametrize("part", ["controller", "worker"])
def test_a_file_that_is_not_there_keeps_nothing_from_starting(
    tmp_path: Path, receiver: Receiver, part: Literal["controller", "worker"]
) -> None:
    """A restart by night, and nobody could pause any more."""
    config = loaded(tmp_path, f'endpoint = "{receiver.endpoint}"\nheaders_file = "none"')
    worked = False
    with capture_logs() as lines, traced(config, part) as untraced, tracing.span("one"):
        worked = True
    assert worked
    assert "headers_file: cannot read" in untraced
    (line,) = lines
    assert (line["event"], line["log_level"], line["why"]) == ("traces.off", "error", untraced)
    assert "tapeline doctor" in line["mend"]
    assert receiver.got == []


def test_an_error_of_the_work_is_not_taken_for_one_of_the_traces(receiver: Receiver) -> None:
    config = Config.model_validate({"traces": {"endpoint": receiver.endpoint}})
    with pytest.raises(LookupError), traced(config, "controller"):
        raise LookupError


def test_the_header_is_sent_and_the_tracer_gone_afterwards(tmp_path: Path, receiver: Receiver) -> None:
    (tmp_path / "h").write_text("x-token: 1234\n")
    config = loaded(tmp_path, f'endpoint = "{receiver.endpoint}/otlp"\nheaders_file = "h"')
    with traced(config, "worker"), tracing.span("one"):
        pass
    assert tracing.here() is None
    path, headers, _ = receiver.got[0]
    assert (path, headers["x-token"]) == ("/otlp/v1/traces", "1234")
    assert receiver.spans[0].resource["tapeline.part"] == "worker"


#: Read when spans are made, unless we say it all.
MALFORMED = {
    f"OTEL_{what}_LIMIT": "foo"
    for what in ("ATTRIBUTE_COUNT", "ATTRIBUTE_VALUE_LENGTH", "EVENT_ATTRIBUTE_COUNT", "LINK_ATTRIBUTE_COUNT",
                 "SPAN_ATTRIBUTE_VALUE_LENGTH", "SPAN_EVENT_COUNT", "SPAN_LINK_COUNT")
}  # fmt: skip


def test_variables_of_opentelemetry_change_nothing(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "OTEL_TRACES_SAMPLER": "always_off", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_HEADERS": "x=y", "OTEL_RESOURCE_ATTRIBUTES": "owner=anna",
        "OTEL_SERVICE_NAME": "other", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "0", **MALFORMED,
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


def test_asked_for_and_not_installed_is_said_and_the_work_begins(tmp_path: Path) -> None:
    """An upgrade has forgotten the extra. The database, which is away, is opened later, and ends the two."""
    (tmp_path / "tapeline.toml").write_text(
        'database = {url = "postgresql+asyncpg://me@127.0.0.1:9/none"}\n'
        '[traces]\nendpoint = "http://127.0.0.1:9"\n'
    )
    for command in ("serve", "worker"):
        done = without_the_extra(tmp_path, command)
        said, _, after = done.stderr.partition("\n")
        line = json.loads(said)
        assert (line["event"], line["level"], line["mend"]) == ("traces.off", "error", INSTALL)
        assert line["why"] == "OpenTelemetry is not installed"
        assert "database" in after
        assert "Traceback" not in done.stderr
    done = without_the_extra(tmp_path, "doctor", "--json")
    assert INSTALL in done.stdout, done.stdout + done.stderr


def test_a_variable_that_opentelemetry_stumbles_over_when_it_is_loaded(tmp_path: Path) -> None:
    code = """
from structlog.testing import capture_logs
from controller.config import Config
from controller.traces.sending import traced
config = Config.model_validate({"traces": {"endpoint": "http://127.0.0.1:9"}})
with capture_logs() as lines, traced(config, "controller") as untraced:
    print("works", untraced, lines[0]["mend"])
"""
    environ = {**os.environ, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT": "foo"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env=environ, check=True
    )
    assert done.stdout.startswith("works OpenTelemetry cannot be loaded: OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT")
    assert "OTEL_*" in done.stdout


def test_a_controller_without_its_traces_has_an_alarm_and_is_ready() -> None:
    (alarm,) = _traces("OpenTelemetry is not installed")
    assert (alarm.code, alarm.severity, alarm.part) == ("traces.off", Severity.WARNING, "traces")
    assert alarm.detail == "OpenTelemetry is not installed"
    assert _traces("") == []


# ── the doctor ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("status", "ok", "found"), [(200, True, "takes traces"), (401, False, "it answered 401")]
)
async def test_the_doctor_sends_an_export_of_nothing(
    receiver: Receiver, status: int, ok: bool, found: str
) -> None:
    receiver.status = status
    (check,) = await examine_traces(Config.model_validate({"traces": {"endpoint": receiver.endpoint}}))
    assert (check.ok, check.found) == (ok, found)
    assert [path for path, _, _ in receiver.got] == ["/v1/traces"]
    assert receiver.spans == []


async def test_the_doctor_waits_for_no_name_server(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = threading.Event()
    monkeypatch.setattr(doctor_traces, "try_out", lambda config: done.wait(60))
    monkeypatch.setattr(doctor_traces, "LONGEST_S", 0.05)
    (check,) = await examine_traces(Config.model_validate({"traces": {"endpoint": receiver.endpoint}}))
    done.set()
    assert (check.ok, check.found) == (False, "nothing came back within ten seconds")
    assert LONGEST_S == 10, "as it says"


@pytest.mark.parametrize(("mode", "bad"), [(0o600, 0), (0o640, 0), (0o644, 1), (0o602, 1)])
async def test_the_doctor_looks_who_may_read_the_token(
    tmp_path: Path, receiver: Receiver, mode: int, bad: int
) -> None:
    file = tmp_path / "h"
    file.write_text("x-token: QQ\n")
    file.chmod(mode)
    found = await examine_traces(loaded(tmp_path, f'endpoint = "{receiver.endpoint}"\nheaders_file = "h"'))
    assert [c.what for c in found] == ["collector"] + ["headers file"] * bad
    assert not any("QQ" in c.found + c.mend for c in found)


@pytest.mark.parametrize(
    ("endpoint", "bad"),
    [("http://10.0.0.9:4318", True), ("http://otlp.example.com", True), ("https://otlp.example.com", False),
     ("http://localhost:4318", False), ("http://[::1]:4318", False), ("http://127.0.0.1:4318", False)],
)  # fmt: skip
def test_the_doctor_says_when_a_token_goes_over_the_network_as_it_is(
    tmp_path: Path, endpoint: str, bad: bool
) -> None:
    (tmp_path / "h").touch(mode=0o600)
    checks = _secret(TracesConfig(endpoint=endpoint, headers_file=tmp_path / "h"))
    assert [c.what for c in checks] == ["headers"] * bad
    assert _secret(TracesConfig(endpoint=endpoint)) == []


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
