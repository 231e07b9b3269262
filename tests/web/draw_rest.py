"""Draws docs/reference/rest-api.md from the application itself: ``python -m tests.web.draw_rest``."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, cast

from controller.core.media_kinds import OPERATIONS
from controller.core.requests import Refusal
from controller.web.app import DESCRIPTION, create_app
from controller.web.describing.openapi import resolved
from controller.web.live_control import _STATUS
from controller.web.services import Services

DOCUMENT = Path(__file__).parents[2] / "docs/reference/rest-api.md"

INTRO = """# REST API

*Drawn from the application by `python -m tests.web.draw_rest`; a test compares them. The running
controller shows the same at `/api-docs`, and the OpenAPI description at `/api/v1/openapi.json`.*
{description}
A token is made on the page *Account*; it has its account's rights and is shown once.

```
curl -H "Authorization: Bearer $TOKEN" "$URL/api/v1/recordings?party=101&since=2026-11-22T00:00:00Z"
curl -H "Authorization: Bearer $TOKEN" -OJ "$URL/api/v1/recordings/$ID/download"
curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" \\
     -d '{{"operation": "pause-audio-recording"}}' "$URL/api/v1/live/$CALL/recording"
curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -X PATCH \\
     -d '{{"options": {{"longest_pause_s": 300}}}}' "$URL/api/v1/tenants/$TENANT"
curl -H "Authorization: Bearer $TOKEN" -H "Content-Type: application/json" -X PUT \\
     -d '{{"audio": "require"}}' "$URL/api/v1/tenants/$TENANT/rules/queue/sales"
curl -H "Authorization: Bearer $TOKEN" "$URL/api/v1/explain?tenant=$TENANT&caller=101&callee=%2B4930"
curl -H "Authorization: Bearer $TOKEN" -N "$URL/api/v1/live/events"
```

There is a [typed client for Python](client.md), and [`tapeline`](cli.md) for the shell.

What an account may not see is answered like what does not exist: 404. Every listening, download,
control and change is written into the audit before it is answered.

PUT replaces settings, PATCH changes those members that are sent. What is wrong with a member is
said by its name in `errors`; the audit holds what each change made of what (`audio: off → on`).

## Control of running calls

`$CALL` is our call id, the switch's id of one of the legs, or the SIP Call-ID. The operations:
{operations}.

| Status | When |
|---|---|
| 200 | done, and confirmed by the switch; `captures` says what each is now |
| 202 | accepted; the switch has not confirmed within two seconds |
{refusals}
| 503 | the switch cannot be reached |
"""


def refusals() -> str:
    words: dict[int, list[str]] = {}
    for refusal in Refusal:
        words.setdefault(_STATUS[refusal], []).append(str(refusal))
    return "\n".join(f"| {status} | {'; '.join(texts)} |" for status, texts in sorted(words.items()))


@cache
def described() -> dict[str, Any]:
    nothing = cast(Any, None)
    services = Services(
        nothing, nothing, nothing, nothing, nothing, b"k" * 32, False, nothing,
        lambda: datetime.now(UTC), lambda: "id",
    )  # fmt: skip
    return create_app(services).openapi()


def draw() -> str:
    operations = ", ".join(f"`{name}`" for name in OPERATIONS)
    text = [INTRO.format(description=DESCRIPTION, operations=operations, refusals=refusals())]
    schema = described()
    bodies: set[str] = set()
    tags: dict[str, list[str]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            tags.setdefault(operation["tags"][0], []).append(_operation(path, method, operation, bodies))
    for tag, parts in tags.items():
        about = next(t["description"] for t in schema["tags"] if t["name"] == tag)
        text += [f"## {tag.capitalize()}\n", f"{about}\n", *parts]
    text.append("## Bodies\n")
    schemas = schema["components"]["schemas"]
    for name in sorted(_within(bodies, schemas)):
        text.append(_body(name, schemas[name]))
    return "\n".join(text).rstrip() + "\n"


def _operation(path: str, method: str, operation: dict[str, Any], bodies: set[str]) -> str:
    permission = operation.get("x-permission")
    needs = f", needs `{permission}`" if permission else ", open to everybody"
    name = f"`{operation['operationId']}`{needs}."
    lines = [f"### `{method.upper()} {path}`", "", f"{operation['summary']}. {name}", ""]
    if operation.get("description"):
        lines += [" ".join(operation["description"].split()), ""]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    if content:
        name = content["schema"]["$ref"].rpartition("/")[2]
        bodies.add(name)
        lines += [f"Body: [{name}](#{name.lower()}).", ""]
    every = [resolved(described(), p) for p in operation.get("parameters", [])]
    # Conditions and keys are the same everywhere: the introduction tells of them.
    parameters = [p for p in every if p.get("description") and p["in"] != "header"]
    if parameters:
        lines += ["| Parameter | In | Meaning |", "|---|---|---|"]
        lines += [f"| `{p['name']}` | {p['in']} | {p['description']} |" for p in parameters] + [""]
    return "\n".join(lines)


def _body(name: str, schema: dict[str, Any]) -> str:
    required = set(schema.get("required", ()))
    lines = [f"### {name}", "", "| Member | Required | Meaning |", "|---|---|---|"]
    for member, about in schema["properties"].items():
        needed = "yes" if member in required else "no"
        lines.append(f"| `{member}` ({_kind(about)}) | {needed} | {about.get('description', '')} |")
    return "\n".join([*lines, ""])


def _kind(about: dict[str, Any]) -> str:
    """A member's type; the choices of an enumeration, and a body by its name."""
    if "$ref" in about:
        name = about["$ref"].rpartition("/")[2]
        schema = described()["components"]["schemas"][name]
        if "enum" in schema:
            return ", ".join(f"`{value}`" for value in schema["enum"])
        return f"[{name}](#{name.lower()})"
    if "items" in about:
        return f"list of {_kind(about['items'])}"
    if "anyOf" in about:
        return " or ".join(_kind(one) for one in about["anyOf"])
    return str(about.get("type", ""))


def _within(names: set[str], schemas: dict[str, Any]) -> set[str]:
    """These bodies and those that they hold."""
    found: set[str] = set()
    waiting = set(names)
    while waiting:
        name = waiting.pop()
        found.add(name)
        refs = re.findall(r"#/components/schemas/(\w+)", str(schemas[name]["properties"]))
        waiting |= {ref for ref in refs if "properties" in schemas[ref]} - found
    return found


if __name__ == "__main__":
    DOCUMENT.write_text(draw(), encoding="utf-8")
