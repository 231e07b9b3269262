"""The CDR's own filters beside the lists': recorded or not, why, and on which switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import tzinfo

from fastapi import Request

from ...core.policy import Cause
from ...core.rules import PolicyScope
from ...core.voices import Saying
from ...engine.reading import Recorded
from ..api.params import plain
from ..free_search import as_tag
from ..language import N_
from . import filters
from .words import words

RECORDED = (
    ("", N_("All calls")),
    ("yes", N_("Recorded")),
    ("no", N_("Not recorded")),
    ("missing", N_("Should have been")),
)
#: Every rule that a decision can name, with its words.
RULES = (
    ("", N_("Any reason")),
    *((str(c), words(str(c)).capitalize()) for c in Cause),
    *(
        (f"{scope}.{saying}", f"{words(str(scope)).capitalize()}: {words(str(saying))}")
        for scope in PolicyScope
        for saying in (Saying.ON, Saying.REQUIRE, Saying.FORBID, Saying.ON_DEMAND, Saying.NOT_SAMPLED)
        if scope is not PolicyScope.SYSTEM or saying is not Saying.NOT_SAMPLED
    ),
)
_KNOWN = {value for value, _ in RULES} | {f"{scope}.{saying}" for scope in PolicyScope for saying in Saying}


def read(request: Request, zone: tzinfo) -> filters.ListFilter:
    return of(request.query_params, zone)


def of(query: Mapping[str, str], zone: tzinfo) -> filters.ListFilter:
    found = filters.read(query, zone)
    for name in ("user", "queue", "group", "tag", "recorded", "why", "switch"):
        found.values[name] = plain(query.get(name, ""))
    values = found.values
    if values["recorded"] and values["recorded"] not in set(Recorded):
        found.faults.append("Recorded is yes, no or missing.")
        values["recorded"] = ""
    if values["why"] not in _KNOWN:
        found.faults.append("That reason is not known.")
        values["why"] = ""
    found.where = replace(
        found.where,
        recorded=Recorded(values["recorded"]) if values["recorded"] else None,
        rule=values["why"],
        switch=values["switch"],
        user=values["user"],
        queue=values["queue"],
        group=values["group"],
        tag=as_tag(values["tag"]),
    )
    return found
