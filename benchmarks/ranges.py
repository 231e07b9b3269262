"""Pieces of a recording as a player asks for them, beside a bare FileResponse on the same server."""

from __future__ import annotations

import asyncio
import http.client
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from starlette.responses import FileResponse

from tests.web.serving import served
from tests.web.world import World, opened, populate

from .result import Aim, Result, percentile

PIECES = (("64 KiB", 65_536), ("1 MiB", 1 << 20), ("4 MiB", 4 << 20))
SIZE, ROUNDS = 32 << 20, 100
AIM = 0.8


def run() -> Result:
    result = Result("ranges", "Range requests of a recording's sound")
    asyncio.run(_measure(result))
    return result


async def _measure(result: Result) -> None:
    with tempfile.TemporaryDirectory(prefix="tapeline-ranges-") as folder:
        async with opened(Path(folder)) as world:
            await populate(world, "-")
            recording = world.recordings["red"]
            path = world.store.path(f"red.example/2026/11/22/{recording}.rendition.wav")
            path.write_bytes(random.Random(1).randbytes(SIZE))
            bare = _bare(world, path)
            async with served(world) as url:
                for name, size in PIECES:
                    asked: tuple[tuple[str, dict[str, str]], ...] = (
                        (bare, {}),
                        (f"/api/v1/recordings/{recording}/audio", _token(world)),
                    )
                    took = await asyncio.to_thread(_side_by_side, url, asked, size)
                    _note(result, name, size, *took)


def _bare(world: World, path: Path) -> str:
    """On the same server, before everything else: no gate, no middleware."""
    whole = world.app.build_middleware_stack()
    where = "/bare-file"

    async def app(scope: dict, receive: object, send: object) -> None:  # type: ignore[type-arg]
        if scope["type"] == "http" and scope["path"] == where:
            await FileResponse(path)(scope, receive, send)  # type: ignore[arg-type]
        else:
            await whole(scope, receive, send)  # type: ignore[arg-type]

    world.app.middleware_stack = app  # type: ignore[assignment]
    return where


def _token(world: World) -> dict[str, str]:
    return {"Authorization": f"Bearer {world.tokens['red-admin']}"}


def _side_by_side(url: str, asked: tuple[tuple[str, dict[str, str]], ...], size: int) -> list[list[float]]:
    """The two in turns, so that whatever else the machine does meets both: ms each."""
    connection = http.client.HTTPConnection(str(urlsplit(url).netloc))
    took: list[list[float]] = [[] for _ in asked]
    for first in _starts(size):
        for n, (path, headers) in enumerate(asked):
            began = time.perf_counter()
            connection.request("GET", path, headers={**headers, "Range": f"bytes={first}-{first + size - 1}"})
            answer = connection.getresponse()
            got = len(answer.read())
            took[n].append((time.perf_counter() - began) * 1000)
            if (answer.status, got) != (206, size):
                raise RuntimeError(f"{path}: {answer.status}, {got} bytes")
    return [one[2:] for one in took]


def _starts(size: int) -> Iterator[int]:
    dice = random.Random(2)
    return (dice.randrange(SIZE - size) for _ in range(ROUNDS + 2))


def _note(result: Result, name: str, size: int, bare: list[float], ours: list[float]) -> None:
    middle, slow = percentile(bare, 0.5), percentile(ours, 0.5)
    ratio = middle / slow
    result.rows.append({
        "piece": name, "bare p50 ms": round(middle, 2), "ours p50 ms": round(slow, 2),
        "ours p99 ms": round(percentile(ours, 0.99), 2), "ours MiB/s": round(size / 1048.576 / slow),
        "rate of the bare one": round(ratio, 2),
    })  # fmt: skip
    result.aims.append(
        Aim(f"pieces of {name}: rate of a bare FileResponse", f"≥ {AIM}", f"{ratio:.2f}", ratio >= AIM)
    )
