"""A process that seals and is killed at one step: ``python -m tests.proof.dying URL KEY_FILE STEP NTH``.

The steps are the sealer's, and ``commit``: the rows are written and the transaction is not committed. With
NTH 0 it stands still at each of these steps until a line comes, and says so by one.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import event

from controller.catalog import SqlCatalog, open_database
from controller.proof import signing
from controller.proof.sealer import Sealer


async def main(url: str, key_file: str, name: str, nth: int) -> None:
    left = nth

    def step(at: str) -> None:
        nonlocal left
        if nth == 0:
            if at == name:
                print(at, flush=True)
                sys.stdin.readline()
            return
        left -= at == name
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    database = await open_database(url)

    @event.listens_for(database.engine.sync_engine, "commit")
    def committing(connection: object) -> None:
        if sealing:
            step("commit")

    catalog = SqlCatalog(database, lambda: datetime.now(UTC))
    extend, sealing = catalog.extend_chain, False

    async def marked(*arguments: object) -> object:
        # Reading ends with a commit, too; only that of a writer is meant.
        nonlocal sealing
        sealing = True
        try:
            return await extend(*arguments)  # type: ignore[arg-type]
        finally:
            sealing = False

    catalog.extend_chain = marked  # type: ignore[assignment, method-assign]
    sealer = Sealer(
        catalog, lambda: signing.load(Path(key_file)), lambda: datetime.now(UTC), step=step
    )  # fmt: skip
    await sealer.drain()
    await database.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])))
