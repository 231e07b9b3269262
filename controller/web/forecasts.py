"""What a change would do, before it is saved, and what the last days' calls came through."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from datetime import timedelta

from ..core.options import TenantOptions
from ..core.policy import Policy
from ..core.rules import PolicyRule
from ..engine.forecasting import (
    DAYS,
    MOST,
    Forecast,
    PastCalls,
    Seen,
    changed,
    concerning,
    forecast,
    seen_routes,
)
from ..engine.reading import Scope
from .services import Services


async def forecast_of(
    services: Services,
    tenant: str | None,
    rules: Iterable[PolicyRule],
    *,
    without: Iterable[PolicyRule] = (),
    record_external: bool | None = None,
    options: dict[str, TenantOptions] | None = None,
) -> Forecast:
    """``tenant`` None: for all tenants (the system's settings)."""
    past = await _past(services, tenant)
    before = concerning(await services.reader.policy(), past)
    after = changed(before, rules, without=without, record_external=record_external, options=options)
    # Some thousand decisions: running calls share the event loop.
    return await asyncio.to_thread(forecast, past, before, after, tenant)


async def seen_of(services: Services, tenant: str | None) -> tuple[list[Seen], PastCalls]:
    past = await _past(services, tenant)
    policy: Policy = concerning(await services.reader.policy(), past)
    return await asyncio.to_thread(seen_routes, past, policy, tenant), past


async def _past(services: Services, tenant: str | None) -> PastCalls:
    now = services.now()
    return await services.reader.past_calls(Scope(tenant), now - timedelta(days=DAYS), now, MOST)
