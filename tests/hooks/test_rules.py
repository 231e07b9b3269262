"""Which addresses are refused, what a failed try leads to, and what a secret is good for."""

from __future__ import annotations

import base64
import random
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest

from controller.engine.hooks import Delivery, DeliveryState, DueDelivery, Hook, HookEvent
from controller.hooks.guard import Guard, NotAllowed, check
from controller.hooks.sender import outcome
from controller.hooks.signing import HookKeys, HookSecretUnreadable

NOW = datetime(2026, 11, 23, 5, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1",
        "64:ff9b::7f00:1", "2002:7f00:1::", "::ffff:a9fe:a9fe",
    ],
)  # fmt: skip
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    assert not Guard().allowed(ip_address(address))


def test_public_ones_and_those_that_the_operator_names_are_not() -> None:
    assert Guard().allowed(ip_address("93.184.215.14"))
    assert Guard().allowed(ip_address("2606:2800:21f:cb07:6820:80da:af6b:8b2c"))
    guard = Guard([ip_network("10.1.0.0/16")])
    assert guard.allowed(ip_address("10.1.2.3"))
    assert guard.allowed(ip_address("::ffff:10.1.2.3"))
    assert not guard.allowed(ip_address("10.2.0.1"))
    assert not guard.allowed(ip_address("127.0.0.1"))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/", "file:///etc/passwd", "//example.org", "http://", "https://user:pw@example.org/",
        "http://example.org:99999/", "http://example.org/a b", "http://example.org/\n", "https://exämple.org/",
        "http://example.org/#x", "http://a\\@example.org/", "https://example.org/" + "x" * 2000,
    ],
)  # fmt: skip
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(NotAllowed):
        check(url)


async def test_numbers_that_a_resolver_takes_for_loopback() -> None:
    for host in ("2130706433", "0x7f.1", "127.1", "[::1]", "localhost"):
        with pytest.raises(NotAllowed):
            await Guard().target(f"http://{host}/")


async def test_the_address_that_was_looked_at_is_the_one_that_is_asked() -> None:
    guard = Guard([ip_network("127.0.0.0/8"), ip_network("::1/128")])
    target = await guard.target("https://localhost:8443/x?y=1")
    assert target.url in ("https://127.0.0.1:8443/x?y=1", "https://[::1]:8443/x?y=1")
    assert (target.host, target.name) == ("localhost:8443", "localhost")


def due(tries: int, *, first: timedelta = timedelta(0), event: HookEvent = HookEvent.PAUSED) -> DueDelivery:
    hook = Hook("h", "red", "https://x", "", (), True, 4, NOW)
    delivery = Delivery(
        1, "msg_1", "h", event, "r", "red", NOW, DeliveryState.WAITING, tries, None, NOW - first, None, 0, "",
        "", 0,
    )  # fmt: skip
    return DueDelivery(delivery, hook, {}, "lease")


def test_waits_grow_and_end_after_a_day() -> None:
    random.seed(1)
    at, tries, waits = timedelta(0), 0, []
    while True:
        tries += 1
        found = outcome(due(tries, first=at), NOW, 500, "", "it answered 500", 1)
        if found.state is DeliveryState.DEAD:
            break
        assert found.next_at is not None
        waits.append(found.next_at - NOW)
        at += waits[-1]
    assert timedelta(hours=20) < at <= timedelta(days=1)
    assert 15 < len(waits) < 30
    assert timedelta(seconds=4) <= waits[0] <= timedelta(seconds=6)
    assert max(waits) <= timedelta(hours=2.4)
    assert all(0.8 <= wait / min(timedelta(seconds=5 * 2**n), timedelta(hours=2)) <= 1.2
               for n, wait in enumerate(waits))  # fmt: skip


def test_a_server_that_names_a_time_is_not_asked_before() -> None:
    found = outcome(due(1), NOW, 503, "", "it answered 503", 1, timedelta(minutes=10))
    assert found.next_at == NOW + timedelta(minutes=10)


def test_a_secret_is_sealed_for_its_endpoint_and_this_installation() -> None:
    keys = HookKeys(b"k" * 32)
    text, sealed = keys.new_secret("one")
    assert keys.open("one", sealed) == base64.b64decode(text.removeprefix("whsec_"))
    assert text.removeprefix("whsec_") not in sealed
    for other, hook_id in ((keys, "two"), (HookKeys(b"x" * 32), "one")):
        with pytest.raises(HookSecretUnreadable):
            other.open(hook_id, sealed)
