"""``tapeline redact``: a span of a recording is taken out for others, or taken back."""

from __future__ import annotations

from typing import Annotated

import typer

from ..catalog.facade import SqlCatalog
from ..core.redacting import moment_ms
from ..engine.reading import Scope
from .common import ConfigOption, NotPossible, console, operator, with_catalog


def redact_command(
    recording_id: Annotated[str, typer.Argument(help="The recording's id.", metavar="ID")],
    begin: Annotated[str, typer.Option("--from", help="Where it begins: `75.5`, `1:15.5`, `1:02:15`.")],
    end: Annotated[str, typer.Option("--to", help="Where it ends.")],
    tenant: Annotated[str, typer.Option(help="Whose it is.")],
    why: Annotated[str, typer.Option(help="For the audit; do not say what is taken out.")] = "",
    take_back: Annotated[
        bool, typer.Option("--take-back", help="Let others hear, read and find this span again.")
    ] = False,
    config: ConfigOption = None,
) -> None:
    """Beep over a span of a recording for all but those who may hear what is redacted.

    From now on nobody else hears the original; the running controller makes the other rendition within half a
    minute. The original stays. With --take-back, and the same moments, others hear it again within half a
    minute; who took it back stays noted.
    """
    span = moment_ms("--from", begin), moment_ms("--to", end)
    if take_back and why:
        raise NotPossible("--why: nothing is taken out with --take-back")

    async def work(catalog: SqlCatalog) -> None:
        if take_back:
            await _take_back(catalog, Scope(tenant), recording_id, span)
            return
        if not await catalog.redact_span(Scope(tenant), recording_id, *span, operator(), why):
            raise NotPossible(f"{tenant} has no recording {recording_id}")
        console.print(f"{span[0]} to {span[1]} ms are taken out for others")

    with_catalog(config, work)


async def _take_back(catalog: SqlCatalog, scope: Scope, recording_id: str, span: tuple[int, int]) -> None:
    if await catalog.take_back_span(scope, recording_id, *span, operator()):
        console.print(f"{span[0]} to {span[1]} ms are heard again by others")
        return
    spans = await catalog.chosen_spans(scope, recording_id)
    if spans is None:
        raise NotPossible(f"{scope.tenant} has no recording {recording_id}")
    there = [f"{s.from_ms / 1000:g} to {s.to_ms / 1000:g}" for s in spans if s.taken_back_at is None]
    listed = f"; there are: {', '.join(there)} (seconds)" if there else ""
    raise NotPossible(f"no such span is taken out of {recording_id}{listed}")
