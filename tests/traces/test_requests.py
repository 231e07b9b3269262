"""Each request is a span: its route, and never its address; a trace of a stranger's is not gone on with."""

from __future__ import annotations

import asyncio
import socket
from dataclasses import replace
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from controller.cluster.client import PeerClient
from controller.clustering import controller_of
from controller.config import Config
from controller.engine import tracing
from controller.engine.ids import now
from controller.serving import Server
from controller.web.app import create_app
from tests.hooks.receiver import Receiver as HookReceiver
from tests.hooks.receiver import until
from tests.web.conftest import password_hash, populated, world
from tests.web.world import World

from .conftest import Tracing
from .receiver import Receiver

__all__ = ["password_hash", "populated", "world"]

STRANGER = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"


async def test_a_request_has_its_route_and_its_status(
    world: World, receiver: Receiver, tracing_to: Tracing
) -> None:
    with tracing_to():
        async with world.client("root") as client:
            await client.get(f"/api/v1/recordings/{world.recordings['red']}")
            await client.get("/api/v1/recordings/nothing?number=%2B4930123")
            await client.get("/wp-login.php?x=1")
            await client.request("BREW", "/healthz")
    found = [(s.name, s.of, s.span.kind, s.failed) for s in receiver.spans]
    route = "/api/v1/recordings/{recording_id}"
    server = 2
    assert found == [
        (f"GET {route}", _http("GET", route, 200), server, False),
        (f"GET {route}", _http("GET", route, 404), server, False),
        ("GET none", _http("GET", "none", 404), server, False),
        ("other /healthz", _http("other", "/healthz", 405), server, False),
    ]
    assert {s.resource["service.name"] for s in receiver.spans} == {"tapeline"}
    assert len({bytes(s.span.trace_id) for s in receiver.spans}) == 4


def _http(method: str, route: str, status: int) -> dict[str, Any]:
    return {"http.request.method": method, "http.route": route, "http.response.status_code": status}


async def test_a_defect_is_a_failure_and_says_its_class_only(
    world: World, receiver: Receiver, tracing_to: Tracing
) -> None:
    async def broken() -> None:
        raise LookupError("caller +4930123")

    world.app.get("/broken/{what}")(broken)
    with tracing_to():
        async with world.client("root") as client:
            with pytest.raises(LookupError):
                await client.get("/broken/x")
    (seen,) = receiver.spans
    assert seen.failed
    assert seen.name == "GET /broken/{what}"
    assert seen.of == _http("GET", "/broken/{what}", 500) | {"error.type": "LookupError"}
    assert [key for key in world.services.http.took if "broken" in key[1]] == [
        ("GET", "/broken/{what}", "5xx")
    ]
    assert not any("4930123" in text for text in receiver.texts())


async def test_an_event_stream_is_over_when_its_answer_begins(
    world: World, receiver: Receiver, tracing_to: Tracing, caplog: pytest.LogCaptureFixture
) -> None:
    """It goes on for hours; nobody is told then how long the answer took."""
    answered, token = asyncio.Event(), world.tokens["root"]

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(3600)
        return {}

    async def send(message: dict[str, Any]) -> None:
        answered.set()

    scope = {
        "type": "http", "method": "GET", "path": "/api/v1/live/events", "raw_path": b"/api/v1/live/events",
        "query_string": b"", "root_path": "", "scheme": "http", "http_version": "1.1",
        "server": ("tapeline.test", 80), "client": ("127.0.0.1", 1),
        "headers": [(b"host", b"tapeline.test"), (b"authorization", f"Bearer {token}".encode())],
    }  # fmt: skip
    with tracing_to():
        stream = asyncio.create_task(world.app(scope, receive, send))
        await asyncio.wait_for(answered.wait(), 10)
        await until(lambda: receiver.spans)
        assert not stream.done()
        with caplog.at_level("WARNING"):
            stream.cancel()
            await asyncio.gather(stream, return_exceptions=True)
    (seen,) = receiver.spans
    assert seen.of["http.response.status_code"] == 200
    assert not [r for r in caplog.records if r.name.startswith("opentelemetry")], "it writes to no ended span"


async def test_a_stranger_s_trace_is_not_gone_on_with(
    world: World, receiver: Receiver, tracing_to: Tracing
) -> None:
    """He would put what he likes into others' traces, and could have each of his requests kept."""
    with tracing_to(share=0):
        async with world.client("root") as client:
            await client.get("/healthz", headers={"traceparent": STRANGER, "tracestate": "x=y"})
    assert receiver.spans == []
    with tracing_to(continue_from=["10.0.0.0/8"]):
        async with world.client("root") as client:
            await client.get("/healthz", headers={"traceparent": STRANGER})
    (seen,) = receiver.spans
    assert seen.span.trace_id.hex() not in STRANGER
    assert seen.span.parent_span_id == b""


@pytest.mark.parametrize("network", ["127.0.0.0/8", "127.0.0.1/32"])
async def test_that_of_somebody_believed_is(
    world: World, receiver: Receiver, tracing_to: Tracing, network: str
) -> None:
    with tracing_to(continue_from=[network], share=0):
        async with world.client("root") as client:
            given = {"traceparent": STRANGER, "tracestate": "vendor=secret", "baggage": "user=anna"}
            await client.get("/healthz", headers=given)
            await client.get("/healthz", headers={"traceparent": STRANGER[:-1] + "0"})  # not kept there
            for wrong in ("", "x", "00-" + "0" * 32 + "-0123456789abcdef-01", STRANGER * 500, "\xff\xfe"):
                await client.get("/healthz", headers={"traceparent": wrong.encode("latin-1")})
    (seen,) = receiver.spans
    assert f"00-{seen.span.trace_id.hex()}-{seen.span.parent_span_id.hex()}-01" == STRANGER
    assert not {"anna", "user=anna"} & receiver.texts()


async def test_a_socket_that_listens_for_both_says_the_older_address_in_the_newer_s_words(
    tracing_to: Tracing,
) -> None:
    with tracing_to(continue_from=["10.1.0.0/16"]):
        assert tracing.incoming("::ffff:10.1.2.3", STRANGER) is not None
        assert tracing.incoming("10.1.2.3", STRANGER) is not None
        assert tracing.incoming("::ffff:10.2.2.3", STRANGER) is None
        assert tracing.incoming("64:ff9b::a01:203", STRANGER) is None


@pytest.mark.parametrize("reset", [True, False])
async def test_requests_of_one_connection_are_no_part_of_each_other(
    world: World, receiver: Receiver, tracing_to: Tracing, reset: bool
) -> None:
    """Of two that come at once the server begins the second from the task of the first."""
    with tracing_to(), socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(world.app, log_config=None, lifespan="off", reset_contextvars=reset)
        server = Server(config, lambda: None)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        reader, writer = await asyncio.open_connection(*listener.getsockname())
        asked = b"GET /healthz HTTP/1.1\r\nHost: tapeline.test\r\n"
        writer.write(asked + b"\r\n" + asked + b"Connection: close\r\n\r\n")
        answers = await asyncio.wait_for(reader.read(), 20)
        writer.close()
        server.should_exit = True
        await serving
    assert answers.count(b"HTTP/1.1 200") == 2
    first, second = receiver.named("GET /healthz")
    assert first.span.trace_id != second.span.trace_id
    assert first.span.parent_span_id == second.span.parent_span_id == b""


async def test_a_control_that_another_controller_carries_out_stays_one_trace(
    receiver: Receiver, tracing_to: Tracing
) -> None:
    peers = PeerClient(b"k" * 32)
    async with HookReceiver() as other:
        me = controller_of(Config(), b"k" * 32, now())
        peer = replace(me, address=f"http://127.0.0.1:{other.port}")
        await peers.reload(peer)
        with tracing_to(), tracing.span("asked"):
            await peers.reload(peer)
    await peers.close()
    plain, traced = other.got
    assert "traceparent" not in plain.headers
    (asked,) = receiver.spans
    assert traced.headers["traceparent"].split("-")[1] == asked.span.trace_id.hex()


async def test_the_framework_s_own_spans_are_made_by_nobody_s_variable(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They hold the address that was asked for, and who asked."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    asked = []
    for app in (create_app(world.services), FastAPI()):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://tapeline.test") as client:
            await client.get("/healthz?number=7714155")
        asked.append(len(kept.get_finished_spans()))
    assert asked == [0, 1], "and a bare application's are seen here"
