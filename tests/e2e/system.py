"""A whole telephone system for a test: a real switch, `tapeline serve`, and phones that call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from controller.demo.phone import Dialog, Phone, tone
from controller.demo.running import Lab, RunningController, items

#: Every party's own tone, so that each can be told in a recording.
TONES = {"101": 400, "102": 700, "103": 1000, "104": 1300, "201": 1600, "202": 1900}
TRUNK_A, TRUNK_B = 2300, 2700

#: extension → whether its user's calls are recorded, at the beginning of every test.
POLICY = {
    ("acme.test", "101"): True,
    ("acme.test", "102"): False,
    ("acme.test", "103"): False,
    ("other.test", "201"): True,
    ("other.test", "202"): False,
}

JSON_CONTROL = "application/x-media-control+json"
TEXT_CONTROL = "application/x-media-control"


@dataclass
class System:
    lab: Any
    controller: RunningController
    folder: Path
    phones: dict[str, Phone] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        return str(self.lab.kind)

    def phone(self, who: str) -> Phone:
        return self.phones[who]

    async def register(self) -> None:
        await asyncio.gather(*(p.register() for e, p in self.phones.items() if e in self.lab.users))

    # ── calls ─────────────────────────────────────────────────────────────────────────────

    async def call(
        self, caller: str, target: str, callee: str | None = None, **more: Any
    ) -> tuple[Dialog, Dialog]:
        """A call that is up: (the caller's dialog, the callee's)."""
        a = await self.phone(caller).call(target, **more)
        b = await self.phone(callee or target).next_call()
        return a, b

    async def warm(self) -> None:
        """A first call under another controller: the switch has carried on alone for a moment before, and
        what it began by itself would be there twice."""
        a, _ = await self.call("102", "103")
        call_id = await self.call_id("102")
        await asyncio.sleep(1.0)
        await a.bye()
        await self.cdr(call_id)

    async def live(self, **user: str) -> list[dict[str, Any]]:
        """The running calls, those with this user: ``live(user="101")``."""
        calls = items((await self.controller.api("GET", "/live")).body)
        return [c for c in calls if all(any(p[k] == v for p in c["parties"]) for k, v in user.items())]

    async def call_id(self, user: str) -> str:
        found: list[dict[str, Any]] = []

        async def there() -> bool:
            found[:] = await self.live(user=user)
            return len(found) == 1

        await until(there, f"one live call of {user}")
        return str(found[0]["call_id"])

    async def recording_up(self, call_id: str, state: str = "recording") -> None:
        """Wait until the call's audio recording is in this state (recording, paused, waiting …)."""

        async def there() -> bool:
            return any(
                r["state"] == state
                for c in await self.live()
                if c["call_id"] == call_id
                for r in c["recordings"]
            )

        await until(there, f"{call_id} is {state}")

    async def control(self, name: str, operation: str, token: str | None = None) -> Any:
        return await self.controller.api(
            "POST", f"/live/{name}/recording", {"operation": operation}, token=token
        )

    # ── what became of them ───────────────────────────────────────────────────────────────

    async def cdr(self, call_id: str) -> dict[str, Any]:
        """The call's CDR once it has ended."""
        found: dict[str, Any] = {}

        async def ended() -> bool:
            answer = await self.controller.api("GET", f"/calls/{call_id}")
            if answer.status == 200 and answer.body["row"]["ended_at"]:
                found.update(answer.body)
            return bool(found)

        await until(ended, f"{call_id} has ended", 20)
        return found

    async def recordings(self, call_id: str, count: int = 1, within: float = 30) -> list[dict[str, Any]]:
        """The recordings of an ended call, as details, once all are final."""
        cdr = await self.cdr(call_id)
        details: list[dict[str, Any]] = []

        async def final() -> bool:
            details.clear()
            for row in cdr["recordings"]:
                details.append((await self.controller.api("GET", f"/recordings/{row['recording_id']}")).body)
            return all(d["recording"]["media_state"] in ("available", "empty") for d in details)

        await until(final, f"the recordings of {call_id} are in the store", within)
        assert len(details) == count, [d["recording"] for d in details]
        return details

    async def audio(self, recording_id: str) -> Path:
        """A recording's audio, downloaded by the API."""
        answer = await self.controller.api("GET", f"/recordings/{recording_id}/audio")
        assert answer.status == 200, answer
        path = self.folder / f"{recording_id}.wav"
        path.write_bytes(answer.raw)
        return path

    async def refusals(self, reason: str) -> int:
        """How often the log says that a request was refused for this reason."""
        return sum(
            "control.refused" in line and reason in line for line in self.controller.log().splitlines()
        )

    async def put_policy(self, tenant: str, user: str, audio: bool | str, **more: Any) -> None:
        """A user's rule: on or off or another setting; and ``video``, ``mode`` and so on."""
        body = {"audio": setting(audio), **more}
        answer = await self.controller.api("PUT", f"/tenants/{tenant}/users/{user}", body)
        assert answer.status < 300, answer

    async def put_tenant(
        self, tenant: str, audio: bool | str, video: bool | str = False, **options: Any
    ) -> None:
        """A tenant's rule and its options; those that are not named have their defaults."""
        body = {"audio": setting(audio), "video": setting(video), "options": options}
        answer = await self.controller.api("PUT", f"/tenants/{tenant}", body)
        assert answer.status < 300, answer

    async def put_rule(self, tenant: str, scope: str, name: str, audio: str) -> None:
        """The rule of a queue, ring group, receptionist, trunk, inbound or outbound rule."""
        answer = await self.controller.api("PUT", f"/tenants/{tenant}/rules/{scope}/{name}", {"audio": audio})
        assert answer.status < 300, answer

    async def put_external(self, on: bool) -> None:
        answer = await self.controller.api("PUT", "/settings/system", {"record_external": on})
        assert answer.status < 300, answer

    async def reset_policy(self) -> None:
        await self.put_external(False)
        for tenant in ("acme.test", "other.test"):
            await self.put_tenant(tenant, False)
            for rule in items((await self.controller.api("GET", f"/rules?tenant={tenant}")).body):
                path = f"/tenants/{tenant}/rules/{rule['scope']}/{rule['name']}"
                await self.controller.api("DELETE", path)
            for row in items((await self.controller.api("GET", f"/users?tenant={tenant}")).body):
                if (tenant, row["user"]) not in POLICY and row["audio"] != "inherit":
                    await self.put_policy(tenant, row["user"], "inherit")
        for (tenant, user), audio in POLICY.items():
            await self.put_policy(tenant, user, audio)


def setting(on: bool | str) -> str:
    return on if isinstance(on, str) else "on" if on else "off"


@asynccontextmanager
async def under_another(
    running: System, controller: RunningController, folder: Path
) -> AsyncIterator[System]:
    """The same switch under a controller of a test's own; ``running``'s is back afterwards."""
    await running.controller.stop()
    try:
        await controller.set_policy(users=POLICY, tenants={}, external=False)
        await controller.add_account("admin", "correct horse battery")
        async with controller:
            found = System(running.lab, controller, folder)
            async with telephones(found):
                await found.warm()
                yield found
    finally:
        await running.controller.start()


@asynccontextmanager
async def telephones(system: System) -> AsyncIterator[None]:
    """Every user's phone, registered, and the outside world behind the trunk."""
    lab: Lab = system.lab
    base = lab.sip_host.rsplit(".", 1)[0]
    for number, (ext, (password, tenant)) in enumerate(lab.users.items()):
        system.phones[ext] = Phone(
            ext,
            f"{base}.{11 + number}",
            (lab.sip_host, lab.sip_port),
            password,
            domain=tenant,
            source=tone(TONES[ext]),
        )
    system.phones["outside"] = Phone(
        "outside", lab.trunk_ip, lab.trunk_entry, port=lab.trunk_port, source=tone(TRUNK_A)
    )
    try:
        for phone in system.phones.values():
            await phone.start()
        await system.register()
        yield
    finally:
        for phone in system.phones.values():
            await phone.close()
        system.phones.clear()


async def until(condition: Callable[[], Awaitable[bool]], what: str, within: float = 8.0) -> None:
    """Wait for a condition with a deadline."""
    deadline = time.monotonic() + within
    while not await condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what}")
        await asyncio.sleep(0.03)
