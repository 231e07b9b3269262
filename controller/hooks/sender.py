"""One try of one delivery: signed, to the address that was looked at, with limits on time and size."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any

import httpx2
import orjson

from .. import __version__
from ..core.errors import TapelineError
from ..engine import tracing
from ..engine.hooks import DeliveryState, DueDelivery, HookEvent, Outcome, payload
from .guard import Guard
from .signing import HookKeys

#: A whole try may take so long; a lease is longer.
TRY_S = 15.0
CONNECT_S = 5.0
#: So much of an answer is read, and so much of it kept for the log.
MOST_READ = 16_384
MOST_KEPT = 500
#: From the first try on.
GIVE_UP = timedelta(days=1)
FIRST_WAIT = timedelta(seconds=5)
LONGEST_WAIT = timedelta(hours=2)
#: An endpoint that fails rests as a whole, so that a day's events are not all tried against it.
FIRST_REST = timedelta(seconds=1)
LONGEST_REST = timedelta(minutes=1)
GONE = 410


class Sender:
    def __init__(
        self, keys: HookKeys, guard: Guard, now: Callable[[], datetime], *, try_s: float = TRY_S
    ) -> None:
        self._keys, self._guard, self._now, self._try_s = keys, guard, now, try_s
        self._client = httpx2.AsyncClient(
            # No proxy of the environment: it would look the name up again, for itself.
            trust_env=False,
            follow_redirects=False,
            timeout=httpx2.Timeout(try_s, connect=min(CONNECT_S, try_s)),
            limits=httpx2.Limits(max_connections=64, max_keepalive_connections=0),
        )

    async def __aenter__(self) -> Sender:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def send(self, due: DueDelivery) -> Outcome:
        """Never raises: whatever goes wrong is an outcome."""
        delivery = due.delivery
        with tracing.span(
            "webhook", kind="client", hook=due.hook.hook_id, event=str(delivery.event), tries=delivery.tries,
        ) as span:  # fmt: skip
            found = await self._tried(due)
            span.note(result=str(found.state), status=found.status)
            if found.error:
                span.fail(str(found.status or "no answer"))
        return found

    async def _tried(self, due: DueDelivery) -> Outcome:
        began = asyncio.get_running_loop().time()
        status, text, error, wait = 0, "", "", None
        try:
            async with asyncio.timeout(self._try_s):
                status, text, wait = await self._post(due)
        except TimeoutError:
            error = f"no whole answer within {self._try_s:g} seconds"
        except TapelineError as refused:
            error = str(refused)
        except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as fault:
            error = f"{type(fault).__name__}: {fault}"[:300]
        if not error and not 200 <= status < 300:
            error = "redirects are not followed" if 300 <= status < 400 else f"it answered {status}"
        took = round((asyncio.get_running_loop().time() - began) * 1000)
        return outcome(due, self._now(), status, text, error, took, wait)

    async def _post(self, due: DueDelivery) -> tuple[int, str, timedelta | None]:
        delivery, hook = due.delivery, due.hook
        now = self._now()
        target = await self._guard.target(hook.url)
        sealed = [hook.sealed]
        if hook.old_sealed and hook.old_until is not None and hook.old_until > now:
            sealed.append(hook.old_sealed)
        keys = [self._keys.open(hook.hook_id, one) for one in sealed]
        body = orjson.dumps(payload(delivery.event, delivery.at, due.data))
        headers = {
            **tracing.outgoing(),
            **self._keys.headers(delivery.message_id, int(now.timestamp()), body, keys),
            "host": target.host,
            "content-type": "application/json",
            "user-agent": f"Tapeline/{__version__}",
        }
        # The address was looked at and is used; the certificate is still the name's.
        extensions: dict[str, Any] = {"sni_hostname": target.name}
        async with self._client.stream(
            "POST", target.url, content=body, headers=headers, extensions=extensions
        ) as answer:
            text = await _beginning(answer)
            return answer.status_code, text, _wanted_wait(answer.headers.get("retry-after", ""))


async def _beginning(answer: httpx2.Response) -> str:
    """Of the answer as it came; what is behind it is not read. Packed ones are not unpacked."""
    raw = b""
    async for block in answer.aiter_raw(4096):
        raw += block
        if len(raw) >= MOST_READ:
            break
    text = raw[: MOST_KEPT * 4].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else " " for c in text)[:MOST_KEPT].strip()


def _wanted_wait(text: str) -> timedelta | None:
    if text.isascii() and text.isdigit() and len(text) < 7:
        return min(timedelta(seconds=int(text)), LONGEST_WAIT)
    return None


def outcome(
    due: DueDelivery, now: datetime, status: int, text: str, error: str, took_ms: int,
    wanted: timedelta | None = None,
) -> Outcome:  # fmt: skip
    """What follows from a try: done, again later, or never again."""
    if not error:
        return Outcome(DeliveryState.DELIVERED, now, status, text, "", took_ms)
    tries, rest = due.delivery.tries, _doubled(FIRST_REST, due.hook.failures + 1, LONGEST_REST)
    if status == GONE:
        why = "it answered 410 Gone"
        return Outcome(DeliveryState.DEAD, now, status, text, error, took_ms, off_why=why)
    # Somebody looks at a test now; tried again tomorrow it tells nobody anything.
    if due.delivery.event is HookEvent.TEST:
        return Outcome(DeliveryState.DEAD, now, status, text, error, took_ms, resting_until=now + rest)
    wait = max(_doubled(FIRST_WAIT, tries, LONGEST_WAIT) * random.uniform(0.8, 1.2), wanted or timedelta(0))
    next_at = now + wait
    if next_at > (due.delivery.first_at or now) + GIVE_UP:
        return Outcome(DeliveryState.DEAD, now, status, text, error, took_ms, resting_until=now + rest)
    return Outcome(DeliveryState.WAITING, now, status, text, error, took_ms, next_at, now + rest)


def _doubled(first: timedelta, times: int, most: timedelta) -> timedelta:
    return min(first * (1 << min(max(times - 1, 0), 20)), most)
