"""Whatever the description allows, and much of what it does not, is answered as the description says.

Schemathesis makes the requests, the real application answers in this process. A handful for each
operation in CI; more of them with ``SCHEMATHESIS_EXAMPLES=50``.
"""

from __future__ import annotations

import os
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi import checks

from controller.engine.entry import Group, MemberKind
from controller.engine.hooks import Hook

from .world import World

EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "3"))
#: Never ends; tests/web/test_live.py reads it.
ENDLESS = {"/api/v1/live/events"}
CHECKS: list[Any] = [
    not_a_server_error, checks.status_code_conformance, checks.content_type_conformance,
    checks.response_headers_conformance, checks.response_schema_conformance,
]  # fmt: skip


def cases(operation: Any, mode: GenerationMode) -> list[Case]:
    found: list[Case] = []

    @settings(
        max_examples=EXAMPLES, database=None, deadline=None, derandomize=True,
        phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def collect(case: Case) -> None:
        found.append(case)

    try:
        collect()
    except Exception as error:
        if mode is GenerationMode.NEGATIVE and not found:
            return []  # nothing of it can be wrong
        raise error
    return found


def real_names(world: World) -> dict[str, str]:
    """What a path may name so that something is found."""
    return {
        "recording_id": world.recordings["red"], "call_id": world.calls["red"], "tenant": "red.example",
        "user": "101", "account_id": "account-red-102", "group_id": "group-red", "webhook_id": "hook-red",
        "name": world.calls["live-red"], "role": "rendition", "number": "0", "scope": "queue", "tag": "vip",
    }  # fmt: skip


@pytest.mark.parametrize("mode", list(GenerationMode))
async def test_the_api_answers_as_it_is_described(world: World, mode: GenerationMode) -> None:
    await world.catalog.set_group(Group("group-red", "red.example", "Desk", ((MemberKind.USER, "101"),)))
    hook = Hook("hook-red", "red.example", "https://93.184.215.14/h", "x", (), True, 4, world.story.at)
    await world.catalog.set_hook(hook)
    schema = schemathesis.openapi.from_dict(world.app.openapi())
    names, asked, faults = real_names(world), 0, list[str]()
    async with world.client("root") as root:
        for result in schema.get_all_operations():
            operation = result.ok()
            if operation.path in ENDLESS:
                continue
            for n, case in enumerate(cases(operation, mode)):
                if n % 2 and case.path_parameters:
                    case.path_parameters.update({k: v for k, v in names.items() if k in case.path_parameters})
                if n % 4 < 2 and case.headers:
                    # A condition that does not hold would keep everything else from being tried.
                    for header in ("If-Match", "If-None-Match"):
                        case.headers.pop(header, None)
                answer = await _sent(root, case)
                if answer is None:
                    continue
                asked += 1
                try:
                    case.validate_response(answer, checks=CHECKS)
                except BaseException as error:
                    faults.append(f"{case.method} {answer.url} {answer.status_code}: {_said(error)}")
    assert asked > 150
    assert faults == [], "\n".join(faults)


async def _sent(client: httpx.AsyncClient, case: Case) -> httpx.Response | None:
    """None for what no HTTP client sends."""
    arguments = case.as_transport_kwargs(base_url=str(client.base_url))
    wanted = {k: v for k, v in arguments.items() if k in ("method", "url", "params", "json", "cookies")}
    headers = {k: v for k, v in dict(arguments.get("headers") or {}).items() if k.lower() != "authorization"}
    if "data" in arguments:
        wanted["content"] = arguments["data"]
    try:
        request = client.build_request(headers=headers, **{k: v for k, v in wanted.items() if k != "cookies"})
    except (httpx.InvalidURL, UnicodeError, TypeError, ValueError):
        return None
    return await client.send(request)


def _said(error: BaseException) -> str:
    parts = getattr(error, "exceptions", [error])
    return " | ".join(" ".join(str(one).split())[:400] for one in parts)
