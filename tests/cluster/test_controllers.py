"""Two controllers with switches in memory and real HTTP between them: everything can be asked anywhere."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
import uvicorn

from controller.cluster.client import PeerClient
from controller.cluster.control import ClusterControl
from controller.cluster.distant_spool import DistantSpool
from controller.cluster.door import Door
from controller.core.media_kinds import OPERATIONS
from controller.core.requests import Means, NameTarget, Refusal, TenantActor, UserActor
from controller.engine.keeper import Keeper
from controller.engine.leasing import Controller
from controller.engine.peer_signing import AT, MARK, ONCE, Checker, NotAPeer, peer_key, sign
from controller.engine.ports import LinkState, SwitchDown
from controller.media.spool_here import SpoolHere
from controller.switches.fake import FakeSwitch
from controller.web.app import create_app
from tests.engine.bench import ADMIN, MemoryCatalog, Running, now, user
from tests.engine.test_keeper import Store
from tests.engine.test_tenancy import Clocked, until
from tests.web.conftest import password_hash, populated, world
from tests.web.world import World

__all__ = ["password_hash", "populated", "world"]

SECRET = b"s" * 32
KEY = peer_key(SECRET)
PAUSE = OPERATIONS["pause-audio-recording"]
T0 = datetime(2026, 11, 28, tzinfo=UTC)


@dataclass
class Node:
    running: Running
    keeper: Keeper
    control: ClusterControl
    client: PeerClient

    async def pause(self, name: str, actor: object = ADMIN) -> object:
        return await self.control.control(PAUSE, NameTarget(name), actor, Means.API)  # type: ignore[arg-type]


@contextlib.asynccontextmanager
async def serving(app: object) -> AsyncIterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)  # type: ignore[arg-type]
        server = uvicorn.Server(config)
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            while not server.started:
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running


@contextlib.asynccontextmanager
async def node(
    world: World, table: Clocked, folder: Path, name: str, switch: str, secret: bytes = SECRET
) -> AsyncIterator[Node]:
    """One that has this switch; all know both, `left` and `right`."""
    client = PeerClient(peer_key(secret))
    me = Controller(name, name, "", ("switches",), (switch,), (switch,), "", "1", T0, T0)
    keeper = Keeper(Store(table, name), me, (switch,), peers=client)
    catalog = MemoryCatalog()
    switches = [FakeSwitch(switch, folder, now, command_timeout_s=0.2)]
    running = Running(folder, catalog, switches=switches, prefix=name, keeper=keeper)
    control = ClusterControl(
        running.engine, keeper, client, {"left": "fake", "right": "fake"}, {"left": True, "right": False}
    )
    spools = {switch: SpoolHere(folder / f"spool of {switch}")}
    door = Door(running.engine, spools)
    services = replace(world.services, secret=secret, control=control, door=door, node=name)
    async with serving(create_app(services)) as url:
        keeper.me = replace(keeper.me, address=url)
        following = asyncio.create_task(control.run())
        try:
            async with running:
                yield Node(running, keeper, control, client)
        finally:
            following.cancel()
            await client.close()


@pytest.fixture
async def pair(world: World, tmp_path: Path) -> AsyncIterator[tuple[Node, Node]]:
    table = Clocked()
    async with (
        node(world, table, tmp_path, "a", "left") as a,
        node(world, table, tmp_path, "b", "right") as b,
    ):
        await until(lambda: {s.state for n in (a, b) for s in n.control.switches()} == {LinkState.UP})
        yield a, b


async def recorded(on: Node, *numbers: str) -> str:
    before = {c.call_id for c in on.running.engine.live_calls()}
    on.running.switch.call(*(user(n) for n in numbers))  # type: ignore[arg-type]

    def up() -> bool:
        calls = [c for c in on.running.engine.live_calls() if c.call_id not in before]
        return bool(calls) and [r.state for r in calls[0].recordings] == ["recording"]

    await until(up)
    return next(c.call_id for c in on.running.engine.live_calls() if c.call_id not in before)


async def test_every_controller_shows_every_switch_and_who_has_it(pair: tuple[Node, Node]) -> None:
    for each in pair:
        assert {s.name: s.holder for s in each.control.switches()} == {"left": "a", "right": "b"}


async def test_a_spool_is_seen_where_it_is(pair: tuple[Node, Node], tmp_path: Path) -> None:
    a, b = pair
    spool, path = tmp_path / "spool of right", "acme.test/2026/11/30/r1.1.wav"
    distant = DistantSpool("right", "b", a.client, a.keeper.others)
    with pytest.raises(OSError, match="No such file or directory"):
        await distant.look([path])
    assert await distant.written_at(path) is None
    (spool / path).parent.mkdir(parents=True)
    (spool / path).write_bytes(bytes(100))
    seen = await distant.look([path, "../../etc/passwd"])
    assert seen.free is not None
    assert seen.free > 0
    assert seen.sizes == {path: 100, "../../etc/passwd": 0}
    written = await distant.written_at(path)
    assert written == datetime.fromtimestamp((spool / path).stat().st_mtime, UTC)
    assert await distant.written_at("../../etc/passwd") is None
    # Whatever its controllers are called: whoever has it says so.
    assert (await DistantSpool("right", "oslo", a.client, a.keeper.others).look([path])).sizes == {path: 100}
    for switch, machine, others, why in (
        ("right", "oslo", b.keeper.others, "no controller runs on oslo"),
        ("right", "b", tuple, "no controller runs on b"),
        ("left", "b", a.keeper.others, "the spool is not on this machine"),
    ):
        with pytest.raises(OSError, match=why):
            await DistantSpool(switch, machine, a.client, others).look([path])
        with pytest.raises(OSError, match=why):
            await DistantSpool(switch, machine, a.client, others).written_at(path)
    stranger = PeerClient(peer_key(b"x" * 32))
    with pytest.raises(OSError, match="the controller on b does not answer"):
        await DistantSpool("right", "b", stranger, a.keeper.others).look([path])
    await stranger.close()


async def test_a_call_is_seen_paused_and_ended_from_the_other_controller(pair: tuple[Node, Node]) -> None:
    a, b = pair
    seen = []
    async with a.control.events() as events:
        call_id = await recorded(b, "101", "102")
        await until(lambda: [c.call_id for c in a.control.live_calls()] == [call_id])
        report = await a.pause(call_id)
        assert (report.outcome.accepted, [c.state for c in report.captures]) == (True, ["paused"])  # type: ignore[attr-defined]
        await until(lambda: a.control.live_calls()[0].recordings[0].paused)
        [pause] = next(iter(b.running.engine.engines[0].desk.book)).recordings[0].pauses
        assert (pause.asked_by, pause.means) == ("test", Means.API)
        b.running.switch.hang_up(*(p.leg_id for p in a.control.live_calls()[0].parties))
        await until(lambda: a.control.live_calls() == [])
        async with asyncio.timeout(10):
            async for event in events:
                seen.append(event)
                if event.call is None:
                    break
    assert {e.call_id for e in seen} == {call_id}


async def test_the_rules_are_those_of_whoever_has_the_call(pair: tuple[Node, Node]) -> None:
    a, b = pair
    call_id = await recorded(b, "101", "102")
    for stranger in (
        UserActor("other.test", "101"),
        TenantActor("other.test", "Eve"),
        UserActor("acme.test", "9"),
    ):
        report = await a.pause(call_id, stranger)
        assert report.outcome.refusal in (Refusal.NOT_YOUR_CALL, Refusal.NO_SUCH_CALL)  # type: ignore[attr-defined]
    assert (await a.pause(call_id, UserActor("acme.test", "101"))).outcome.accepted  # type: ignore[attr-defined]


async def test_a_call_that_nobody_has_is_no_call_while_everybody_answers(pair: tuple[Node, Node]) -> None:
    report = await pair[0].pause("nowhere")
    assert report.outcome.refusal is Refusal.NO_SUCH_CALL  # type: ignore[attr-defined]


async def test_a_name_that_fits_calls_of_two_controllers_pauses_neither(pair: tuple[Node, Node]) -> None:
    a, _ = pair
    ids = [await recorded(each, "101", "102") for each in pair]
    for each in pair:
        [call] = each.running.engine.engines[0].desk.book
        leg = next(iter(call.legs.values()))
        each.running.engine.engines[0].desk.book.add_aliases(call, leg, ("the-same@sip",))
    report = await a.pause("the-same@sip")
    assert report.outcome.refusal is Refusal.AMBIGUOUS  # type: ignore[attr-defined]
    assert not any(r.paused for c in a.control.live_calls() if c.call_id in ids for r in c.recordings)


async def test_where_nobody_has_the_switch_it_says_so(pair: tuple[Node, Node]) -> None:
    a, b = pair
    call_id = await recorded(b, "101", "102")
    table = b.running.engine.keeper._store.table  # type: ignore[union-attr, attr-defined]
    b.keeper._leaving = True
    table.leases["right"] = (2, "", 0.0)
    await until(lambda: {s.name: s.state for s in a.control.switches()}["right"] is LinkState.FREE)
    await until(lambda: a.control.live_calls() == [])
    with pytest.raises(SwitchDown, match="no controller has switch right now"):
        await a.pause(call_id)


async def test_settings_count_at_once_on_the_other_controller_too(pair: tuple[Node, Node]) -> None:
    a, b = pair
    b.running.catalog.settings = replace(b.running.catalog.settings, record_external=True)
    await a.control.reload_policy()
    async with asyncio.timeout(2.5):  # less than the look that is taken anyhow
        while not b.running.engine.engines[0].desk.policy.record_external:
            await asyncio.sleep(0.01)


# ── who may ask ───────────────────────────────────────────────────────────────────────────────


async def test_another_secret_opens_nothing(world: World, tmp_path: Path) -> None:
    table = Clocked()
    async with (
        node(world, table, tmp_path, "a", "left") as a,
        node(world, table, tmp_path, "b", "right", b"t" * 32) as b,
    ):
        call_id = await recorded(b, "101", "102")
        await until(lambda: "b" in a.keeper.cluster.controllers)
        with pytest.raises(SwitchDown, match="does not answer"):
            await a.pause(call_id)
        assert a.control.live_calls() == []


async def test_who_is_no_controller_is_refused(pair: tuple[Node, Node]) -> None:
    url = pair[1].keeper.me.address
    body = b'{"switch": "right"}'
    async with httpx.AsyncClient(base_url=url) as client:
        good = sign(KEY, "b/peer/acts", body, datetime.now(UTC).timestamp())
        assert (await client.post("/peer/acts", content=body, headers=good)).json() is True
        again = await client.post("/peer/acts", content=body, headers=good)
        assert (again.status_code, "asked before" in again.text) == (403, True)
        for path, headers in (
            ("/peer/acts", {}),
            ("/peer/acts", good | {MARK: "0" * 64}),
            ("/peer/vouch", good),
            # What another controller was asked.
            ("/peer/acts", sign(KEY, "a/peer/acts", body, datetime.now(UTC).timestamp())),
            ("/peer/acts", sign(peer_key(b"x" * 32), "b/peer/acts", body, datetime.now(UTC).timestamp())),
        ):
            answer = await client.post(path, content=body, headers=headers)
            assert answer.status_code == 403, path
        for path, sent, status in (
            ("/peer/other", body, 404),
            ("/peer/acts", b"[]", 422),
            ("/peer/control", b"{}", 422),
        ):
            headers = sign(KEY, f"b{path}", sent, datetime.now(UTC).timestamp())
            assert (await client.post(path, content=sent, headers=headers)).status_code == status, path


def signed(at: float) -> dict[str, str]:
    return sign(KEY, "/peer/acts", b"x", at)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda h: h | {AT: "nonsense"}, "not signed"),
        (lambda h: h | {ONCE: "another"}, "not signed"),
        (lambda h: h | {MARK: "ä"}, "not signed"),
        (lambda h: signed(1000.0 - 61), "clocks"),
        (lambda h: signed(1000.0 + 61), "clocks"),
    ],
)
def test_what_is_not_signed_now_is_refused(
    change: Callable[[dict[str, str]], dict[str, str]], why: str
) -> None:
    checker = Checker(KEY, lambda: 1000.0)
    with pytest.raises(NotAPeer, match=why):
        checker.check(change(signed(1000.0)), "/peer/acts", b"x")
    checker.check(signed(1000.0), "/peer/acts", b"x")


async def test_a_controller_alone_answers_no_peers(world: World) -> None:
    async with world.client(None) as client:
        headers = sign(peer_key(b"k" * 32), "/peer/acts", b"{}", datetime.now(UTC).timestamp())
        assert (await client.post("/peer/acts", content=b"{}", headers=headers)).status_code in (404, 405)


async def test_without_the_role_web_there_are_no_pages_and_no_api(world: World, tmp_path: Path) -> None:
    app = create_app(replace(world.services, pages=False))
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        assert (await client.get("/healthz")).status_code == 200
        for path in ("/", "/sign-in", "/api/v1/recordings", "/static/app.css"):
            assert (await client.get(path)).status_code == 404, path


async def test_a_switch_that_comes_to_us_while_the_others_are_asked_is_not_unknown(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was frozen does not answer; until that is certain its switch may be ours."""
    a, _ = pair
    call_id = await recorded(a, "101", "102")
    [engine] = a.running.engine.engines
    monkeypatch.setattr(type(engine), "acting", property(lambda _: False))

    async def unanswered(*_: object) -> None:
        monkeypatch.undo()

    monkeypatch.setattr(PeerClient, "fits", unanswered)
    report = await a.pause(call_id)
    assert (report.outcome.accepted, [c.state for c in report.captures]) == (True, ["paused"])  # type: ignore[attr-defined]


async def test_an_answer_that_is_none_of_this_version_counts_as_none(
    pair: tuple[Node, Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = pair
    call_id = await recorded(b, "101", "102")

    async def strange(*_: object) -> bytes:
        return b'{"version": 2}'

    monkeypatch.setattr(Door, "answer", strange)
    client = PeerClient(KEY)
    try:
        assert await client.acts(b.keeper.me, "right") is False
        assert await client.vouch(b.keeper.me, "right") is False
    finally:
        await client.close()
    with pytest.raises(SwitchDown, match="does not answer"):
        await a.pause(call_id)
