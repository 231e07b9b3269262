"""The first request is no slower than the others: it would hold up the calls."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from fastapi.routing import _EffectiveRouteContext

from controller.web.app import create_app

from .world import World


async def test_all_routes_are_worked_out_before_the_first_request(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.app = create_app(world.services)
    built: list[float] = []
    really: Callable[..., object] = _EffectiveRouteContext.from_api_route

    def build(**given: object) -> object:
        built.append(time.monotonic())
        return really(**given)

    monkeypatch.setattr(_EffectiveRouteContext, "from_api_route", build)
    async with world.client("root") as client:
        for path in ("/api/v1/recordings", "/healthz", "/recordings", "/api/v1/nowhere"):
            await client.get(path)
    assert built == []
    create_app(world.services)
    assert len(built) > 100, "whoever builds them is watched"
