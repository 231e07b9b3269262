"""A collector that is away, slow or unwilling costs a line of the log now and then, and nothing else."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
import tracemalloc
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from controller.traces import collector
from controller.traces import outbox as boxes
from controller.traces.collector import Away, Collector, NotTaken
from controller.traces.outbox import AT_ONCE, MOST_WAITING, Outbox

from .receiver import Receiver, until


def pack(items: list[str]) -> bytes:
    return " ".join(items).encode()


def sent(receiver: Receiver) -> list[str]:
    return [item for _, _, body in receiver.got for item in body.decode().split()]


@pytest.fixture
def outbox(receiver: Receiver) -> Iterator[Outbox[str]]:
    made = Outbox(pack, Collector(receiver.endpoint, {"x-token": "t"}).post, every_s=0.01)
    yield made
    receiver.free.set()
    made.close(5)


def test_everything_arrives_in_order_and_no_message_is_large(receiver: Receiver, outbox: Outbox[str]) -> None:
    receiver.free.clear()
    items = [str(n) for n in range(AT_ONCE * 3 + 5)]
    for item in items:
        outbox.put(item)
    receiver.free.set()
    until(lambda: len(sent(receiver)) == len(items), "all of them")
    assert sent(receiver) == items
    assert max(len(body.split()) for _, _, body in receiver.got) <= AT_ONCE
    path, headers, _ = receiver.got[0]
    assert (path, headers["x-token"], headers["content-type"]) == (
        "/v1/traces", "t", "application/x-protobuf",
    )  # fmt: skip


def test_while_it_is_away_nothing_is_lost_that_fits_and_one_line_is_logged(
    receiver: Receiver, outbox: Outbox[str]
) -> None:
    receiver.status = 503
    with capture_logs() as lines:
        outbox.put("one")
        until(lambda: len(receiver.got) >= 3, "it is tried again")
        outbox.put("two")
        receiver.status = 200
        until(lambda: sent(receiver)[-1] == "two", "both in the end")
        until(lambda: len(lines) == 2, "that it is over is told as well")
    assert sent(receiver)[-2:] == ["one", "two"]
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("traces.not_sent", "warning"), ("traces.sent_again", "info"),
    ]  # fmt: skip


def test_its_memory_has_an_end_and_putting_never_waits(receiver: Receiver, outbox: Outbox[str]) -> None:
    receiver.free.clear()  # it has taken the request and does not answer
    outbox.put("first")
    until(lambda: receiver.got, "the thread is in it")
    for n in range(MOST_WAITING):
        outbox.put(f"warm {n}" * 20)
    tracemalloc.start()
    began = time.monotonic()
    for n in range(MOST_WAITING * 5):
        outbox.put(f"span {n}" * 20)
    took, (now, _) = time.monotonic() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(outbox._waiting) == MOST_WAITING
    assert now < MOST_WAITING * 1000
    assert took / (MOST_WAITING * 5) < 0.001
    assert outbox._waiting[-1].startswith(f"span {MOST_WAITING * 5 - 1}"), "the oldest go"


@pytest.mark.parametrize("status", [400, 401, 404, 500, 301, 302])
def test_what_it_refuses_is_not_sent_again_and_no_redirect_is_followed(
    receiver: Receiver, outbox: Outbox[str], status: int
) -> None:
    receiver.status = status
    with capture_logs() as lines:
        outbox.put("bad")
        until(lambda: lines, "it is told")
        receiver.status = 200
        outbox.put("good")
        until(lambda: "good" in sent(receiver), "the next one is sent")
        until(lambda: len(lines) == 2, "and that it is over")
    assert sent(receiver) == ["bad", "good"]
    line = lines[0]
    assert line["why"] == f"it answered {status}"
    assert line["spans_lost"] == 1


def test_a_span_that_cannot_be_packed_takes_no_other_along(receiver: Receiver) -> None:
    def picky(items: list[str]) -> bytes:
        if "bad" in items:
            raise TypeError("bad")
        return pack(items)

    outbox = Outbox(picky, Collector(receiver.endpoint, {}).post, every_s=0.01)
    with capture_logs() as lines:
        outbox.put("bad")
        until(lambda: lines, "it is told")
        outbox.put("good")
        until(lambda: sent(receiver) == ["good"], "the thread goes on")
    outbox.close(5)


def test_spans_that_do_not_fit_are_told_though_each_that_is_sent_is_taken(
    receiver: Receiver, outbox: Outbox[str]
) -> None:
    """It is slow, not away: nothing else says that some are lost."""
    receiver.free.clear()
    with capture_logs() as lines:
        outbox.put("first")
        until(lambda: receiver.got, "the thread is in it")
        for n in range(MOST_WAITING + 7):
            outbox.put(str(n))
        receiver.free.set()
        until(lambda: lines, "it is told")
        outbox.put("later")
        until(lambda: len(lines) == 2, "and that all fits again")
    assert [line["event"] for line in lines] == ["traces.not_sent", "traces.sent_again"]
    assert [line["spans_lost"] for line in lines] == [7, 7]
    assert lines[0]["why"] == "more came at once than can wait"


def test_what_was_lost_and_not_told_yet_is_told_at_the_end(receiver: Receiver) -> None:
    outbox = Outbox(pack, Collector(receiver.endpoint, {}).post, every_s=60)
    for n in range(MOST_WAITING + 3):
        outbox.put(str(n))
    outbox._warned_at = time.monotonic()  # a line was logged a moment ago
    with capture_logs() as lines:
        outbox.close(20)
    assert [(line["event"], line["spans"], line["spans_lost"]) for line in lines] == [
        ("traces.not_sent", 0, 3)
    ]
    assert len(sent(receiver)) == MOST_WAITING


@pytest.mark.parametrize("part", ["head", "body"])
def test_a_collector_that_drips_has_an_end(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte now and then: each read is quick, and the whole takes for ever."""
    monkeypatch.setattr(collector, "POST_S", 0.5)
    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            line, _ = listener.accept()
            with line, contextlib.suppress(OSError):
                line.recv(65_536)
                if part == "body":
                    line.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\n\r\n")
                for byte in b"HTTP/1.1 200 OK\r\n" + b"x" * 5000:
                    line.sendall(bytes([byte]))
                    if ended.wait(0.05):
                        break

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(Away, match="TimeoutError"):
            Collector(f"http://127.0.0.1:{listener.getsockname()[1]}", {}).post(b"x")
        assert time.monotonic() - began < 3
        ended.set()
        thread.join(5)


def test_a_large_message_arrives_whole(receiver: Receiver) -> None:
    body = bytes(range(256)) * 1000
    Collector(receiver.endpoint, {}).post(body)
    assert receiver.got[0][2] == body


def test_a_name_that_cannot_be_one_is_refused_and_raises_nothing_else() -> None:
    with pytest.raises(NotTaken):
        Collector("http://host..example", {}).post(b"")


def test_the_end_sends_what_waits(receiver: Receiver) -> None:
    outbox = Outbox(pack, Collector(receiver.endpoint, {}).post, every_s=60)
    outbox.put("last")
    outbox.close(5)
    assert sent(receiver) == ["last"]
    outbox.put("too late")
    assert not outbox._waiting


def test_the_end_waits_for_no_collector_that_hangs(receiver: Receiver) -> None:
    outbox = Outbox(pack, Collector(receiver.endpoint, {}).post, every_s=0.01)
    receiver.free.clear()
    outbox.put("one")
    until(lambda: receiver.got, "the thread is in it")
    began = time.monotonic()
    with capture_logs() as lines:
        outbox.close(0.2)
    assert time.monotonic() - began < 2
    assert lines[0]["spans"] == 1
    assert all(t.daemon for t in threading.enumerate() if t.name == "traces"), "and no exit waits for it"
    receiver.free.set()


def test_one_that_is_away_is_tried_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    class Closing(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            waits.append(timeout or 0)
            if len(waits) > 8:
                super().wait()
            return self.is_set()

    def post(body: bytes) -> None:
        raise Away("no")

    monkeypatch.setattr(boxes.threading, "Event", Closing)
    outbox = Outbox(pack, post, every_s=1)
    outbox._waiting.append("x")
    until(lambda: len(waits) > 8, "it has tried")
    assert waits[-1] == boxes.LONGEST_PAUSE_S
    assert waits == sorted(waits)
    outbox.close(5)


def test_an_address_where_nobody_is(receiver: Receiver) -> None:
    with pytest.raises(Away, match="ConnectionRefusedError"):
        Collector("http://127.0.0.1:9", {}).post(b"")
    receiver.status = 418
    with pytest.raises(NotTaken):
        Collector(f"{receiver.endpoint}/otlp/v1/traces/", {}).post(b"")
    with pytest.raises(NotTaken):
        Collector(f"{receiver.endpoint}/otlp", {}).post(b"")
    assert {path for path, _, _ in receiver.got} == {"/otlp/v1/traces"}


def test_no_proxy_of_the_environment_sees_it(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    Collector(receiver.endpoint, {}).post(b"x")
    assert receiver.got[0][0] == "/v1/traces"
