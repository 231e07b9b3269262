"""``tapeline redact``: a span of a recording is taken out for others."""

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
    why: Annotated[str, typer.Option(help="For the audit; do not say what is taken out.")],
    tenant: Annotated[str, typer.Option(help="Whose it is.")],
    config: ConfigOption = None,
) -> None:
    """Beep over a span of a recording for all but those who may hear what is redacted.

    From now on nobody else hears the original; the running controller makes the other rendition within half a
    minute. The original stays. It cannot be undone.
    """
    span = moment_ms("--from", begin), moment_ms("--to", end)

    async def work(catalog: SqlCatalog) -> None:
        if not await catalog.redact_span(Scope(tenant), recording_id, *span, operator(), why):
            raise NotPossible(f"{tenant} has no recording {recording_id}")
        console.print(f"{span[0]} to {span[1]} ms are taken out for others")

    with_catalog(config, work)
