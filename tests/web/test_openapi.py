"""The OpenAPI description is whole: names, credentials, media types, errors, and examples that fit."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import jsonschema_rs
import pytest

from controller.web.describing.names import MEDIA, OPERATIONS, TAGS

from .draw_rest import described


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (method.upper(), path, operation)
        for path, methods in described()["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_has_a_name_of_its_own_chosen_by_hand() -> None:
    found = {f"{m} {p.removeprefix('/api/v1')}": o["operationId"] for m, p, o in operations()}
    assert found == OPERATIONS, "add the route to controller/web/describing/names.py"
    assert [name for name, n in Counter(found.values()).items() if n > 1] == []
    assert [name for name in found.values() if not re.fullmatch(r"[a-z][A-Za-z]+", name)] == []


def test_every_tag_is_described_and_used() -> None:
    assert {tag for _, _, o in operations() for tag in o["tags"]} == set(TAGS)
    assert {t["name"]: t["description"] for t in described()["tags"]} == TAGS


def test_every_operation_says_who_may_and_with_what() -> None:
    schemes = described()["components"]["securitySchemes"]
    assert set(schemes) == {"bearer", "session", "form"}
    for method, path, operation in operations():
        if not path.startswith("/api/v1"):
            assert "security" not in operation
            continue
        assert operation["x-permission"], (method, path)
        kinds = [set(one) for one in operation["security"]]
        session = {"session"} if method == "GET" else {"session", "form"}
        assert kinds in ([{"bearer"}, session], [session]), (method, path)
    tokens = next(o for m, p, o in operations() if (m, p) == ("POST", "/api/v1/tokens"))
    assert {"bearer": []} not in tokens["security"]


def test_every_answer_has_its_media_types() -> None:
    for method, path, operation in operations():
        for status, answer in operation["responses"].items():
            if status.startswith("2") and status not in ("204",):
                assert answer.get("content"), (method, path, status)
        if operation["operationId"] in MEDIA:
            assert set(operation["responses"]["200"]["content"]) == set(MEDIA[operation["operationId"]])
    events = next(o for _, _, o in operations() if o["operationId"] == "watchLiveCalls")
    assert list(events["responses"]["200"]["content"]) == ["text/event-stream"]


def test_every_error_is_a_problem() -> None:
    found = described()["components"]["responses"]
    for method, path, operation in operations():
        for status, answer in operation["responses"].items():
            if int(status) >= 400 and path.startswith("/api/v1"):
                assert answer == {"$ref": f"#/components/responses/Problem{status}"}, (method, path)
    for answer in found.values():
        assert list(answer["content"]) == ["application/problem+json"]


@pytest.mark.parametrize("name", sorted(described()["components"]["schemas"]))
def test_every_schema_has_an_example_that_fits_it(name: str) -> None:
    components = described()["components"]
    validator = jsonschema_rs.Draft202012Validator(
        {"components": components, "$ref": f"#/components/schemas/{name}"}, validate_formats=True
    )
    examples = components["schemas"][name]["examples"]
    assert examples
    for one in examples:
        assert [f"{e.instance_path}: {e.message}" for e in validator.iter_errors(one)] == []
