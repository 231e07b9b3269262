"""The readable report of a bundle: who, when, pauses with their times, hashes, how to verify."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from .canonical import time_text

if TYPE_CHECKING:
    from .bundle import Exhibit, Plan

Table = Sequence[tuple[str, str]]

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:.5rem 0 1.5rem;width:100%}"
    "td,th{border:1px solid #bbb;padding:.25rem .5rem;text-align:left;vertical-align:top;"
    "overflow-wrap:anywhere}th{width:14rem;font-weight:600}h2{margin-top:2.5rem}"
)


def _who(party: dict[str, Any]) -> str:
    who = party["user"] or party["number"] or "unknown"
    name = f" ({party['name']})" if party["name"] and party["name"] != who else ""
    role = "calling" if party["calling"] else "called"
    return f"{who}{name}, {party['side']}, {role}"


def _span(pause: dict[str, Any]) -> str:
    asked = f"asked for {pause['asked_at']} by {pause['asked_by'] or 'unknown'} ({pause['means']})"
    effective = f"in effect {pause['effective_at'] or 'when asked for'}"
    if pause["ended_at"] is None:
        return f"{asked}; {effective}; to the end of the recording"
    by = f" by {pause['ended_by']}" if pause["ended_by"] else ""
    means = f" ({pause['ended_means']})" if pause["ended_means"] else ""
    again = f"; sound again {pause['heard_again_at']}" if pause["heard_again_at"] else ""
    return f"{asked}; {effective}; ended {pause['ended_at']}{by}{means}{again}"


def _about(exhibit: Exhibit) -> Iterator[tuple[str, str]]:
    f = exhibit.facts
    yield "Kind", f["kind"]
    yield "Began", f["started_at"]
    yield "Ended", f["ended_at"] or "unknown"
    yield "Length", f"{f['duration_ms']} ms"
    yield "Direction", f["direction"]
    for party in f["parties"]:
        yield "Party", _who(party)
    if f["channels"]:
        yield "Left and right", " | ".join(f["channels"])
    yield "Why", f"{f['reason']} (rule {f['rule']})"
    if not f["pauses"]:
        yield "Pauses", "none"
    for pause in f["pauses"]:
        yield "Pause", _span(pause)
    if not f["files"]:
        yield "Files", f"none: {f['media']}"
    for file in f["files"]:
        yield (
            f"File {file['role']}-{file['number']}.{file['format']}",
            (
                f"{file['size']} bytes, SHA-256 {file['sha256']}"
                + (f"; {file['note']}" if file["note"] else "")
            ),
        )
    yield "Sealed", f"{exhibit.sealed_at} as entry {exhibit.entry}, hash {exhibit.hash}"


def _summary(plan: Plan, head: tuple[int, str], key: str) -> Table:
    return (
        ("Tenant", plan.tenant),
        ("Made", f"{time_text(plan.at)} by {plan.by}"),
        ("Recordings", str(len(plan.exhibits))),
        ("Chain", f"entries 1 to {head[0]}; the last one's hash is {head[1]}"),
        ("Signed with the key", key),
    )


def _how(plan: Plan, head: tuple[int, str], key: str) -> Sequence[str]:
    return (
        "`tapeline verify BUNDLE.zip --key KEY` on any machine, without a network, checks every file, every "
        "entry of the chain and every signature, and names what was changed, left out, added or moved. "
        "`python -m controller.proof.verify` does the same. Nothing in this report has to be believed.",
        f"Take KEY from whoever runs the recorder, by another way than this bundle: it should be {key}.",
        "If somebody has kept the chain's head (`tapeline proof head`), give it as --anchor "
        "TENANT:NUMBER:HASH: only so is it noticed if the chain's end was cut off. Its head now is "
        f"{plan.tenant}:{head[0]}:{head[1]}.",
        "Entries about other recordings are there as hashes: they hold the chain together and tell nothing.",
        "Times are UTC. A pause's sound is not in the file.",
    )


def text(plan: Plan, head: tuple[int, str], key: str) -> str:
    lines = ["EVIDENCE OF RECORDINGS", "", *(f"{k}: {v}" for k, v in _summary(plan, head, key)), ""]
    for complaint in plan.complaints:
        lines.append(f"ATTENTION: {complaint}")
    for exhibit in plan.exhibits:
        lines += ["", f"RECORDING {exhibit.facts['recording']}", ""]
        lines += [f"  {k}: {_one_line(v)}" for k, v in _about(exhibit)]
    lines += ["", "", "HOW TO VERIFY", ""]
    lines += [f"{n}. {step}" for n, step in enumerate(_how(plan, head, key), 1)]
    return "\n".join(lines) + "\n"


def _one_line(value: str) -> str:
    """A caller's name may hold line ends, and would then write lines of its own into the report."""
    return "".join(c if c.isprintable() else " " for c in value)


def _table(rows: Iterator[tuple[str, str]] | Table) -> str:
    cells = "".join(
        f"<tr><th scope=row>{escape(k)}</th><td>{escape(_one_line(v))}</td></tr>\n" for k, v in rows
    )
    return f"<table>\n{cells}</table>\n"


def page(plan: Plan, head: tuple[int, str], key: str) -> str:
    """One HTML file that loads nothing."""
    parts = [
        "<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n<title>Evidence of recordings</title>\n"
        "<meta name=viewport content='width=device-width'>\n"
        f"<style>{_STYLE}</style>\n<h1>Evidence of recordings</h1>\n",
        _table(_summary(plan, head, key)),
    ]
    parts += [f"<p><strong>Attention:</strong> {escape(_one_line(c))}</p>\n" for c in plan.complaints]
    for exhibit in plan.exhibits:
        parts.append(f"<h2>Recording {escape(exhibit.facts['recording'])}</h2>\n")
        parts.append(_table(_about(exhibit)))
    steps = "".join(f"<li>{escape(step)}</li>\n" for step in _how(plan, head, key))
    parts.append(f"<h2>How to verify</h2>\n<ol>\n{steps}</ol>\n</html>\n")
    return "".join(parts)
