"""Which nodes are alive: each beats, and each watches the others by its own clock alone."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import structlog

from ..engine.jobs import JobStore, Node

log = structlog.get_logger(__name__)

#: A node beats this often, and is dead when it has not for so long (under 30 s with the look after it).
BEAT_S = 3.0
DEAD_S = 15.0


def place() -> str:
    """The machine, its boot and its process namespace: within one, a process id says who lives."""
    parts = [socket.gethostname()]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        try:
            link = Path(path)
            parts.append(str(link.readlink()) if link.is_symlink() else link.read_text().strip())
        except OSError:
            parts.append("")
    return " ".join(parts)


class Watch:
    """``monotonic`` in seconds. No two machines' clocks are compared."""

    def __init__(self, me: Node, monotonic: Callable[[], float]) -> None:
        self._me = me
        self._monotonic = monotonic
        self._seen: dict[str, tuple[int, float]] = {}
        self._looked_at = -float("inf")

    def look(self, nodes: Sequence[Node]) -> list[Node]:
        """Those of them that are dead, from what this and the looks before it saw."""
        now = self._monotonic()
        if now - self._looked_at > DEAD_S / 2:
            self._seen.clear()  # we were away (the database, or this machine): nobody's silence counts
        self._looked_at = now
        others = [n for n in nodes if n.name != self._me.name]
        before = self._seen
        self._seen = {n.name: (n.beats, now) for n in others}
        dead = []
        for node in others:
            beats, since = before.get(node.name, (-1, now))
            if beats == node.beats:
                self._seen[node.name] = (beats, since)
            if self._gone(node) or now - self._seen[node.name][1] >= DEAD_S:
                dead.append(node)
        return dead

    def _gone(self, node: Node) -> bool:
        if node.place != self._me.place:
            return False
        try:
            os.kill(node.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:
            return False  # it is there, and somebody else's
        return node.pid == os.getpid()  # an earlier life of ours, with the same id


class Heart:
    """Beats, buries the dead, and tells on the way how far this node's own work is."""

    def __init__(
        self,
        catalog: JobStore,
        node: Node,
        now: Callable[[], datetime],
        progress: Callable[[], Mapping[str, tuple[str, float | None]]],
        freed: Callable[[], None],
    ) -> None:
        self._catalog = catalog
        self._node = node
        self._now = now
        self._progress = progress
        self._freed = freed
        self._watch = Watch(node, time.monotonic)
        self._told: dict[str, tuple[str, float | None]] = {}
        self._silent = False
        #: Nobody may claim before the others can see that he lives.
        self.beating = False

    async def run(self) -> None:
        while True:
            try:
                await self._beat()
                self._silent = False
            except Exception as error:
                # The database is away. Whoever took our work over meanwhile does what we do: no harm.
                if not self._silent:
                    log.warning("this node could not beat", node=self._node.name, why=str(error))
                self._silent = True
            await asyncio.sleep(BEAT_S)

    async def _beat(self) -> None:
        self._node = replace(self._node, beats=self._node.beats + 1, beat_at=self._now())
        await self._catalog.beat(self._node)
        freed = 0
        for dead in self._watch.look(await self._catalog.nodes()):
            taken = await self._catalog.bury(dead)
            log.warning("a node is dead; its work goes on here or elsewhere", node=dead.name, jobs=taken)
            freed += taken
        freed += await self._catalog.free_strays()
        if not self.beating:
            await self._catalog.hurry(self._node.switches)
            self.beating = True
            freed += 1
        if freed:
            self._freed()
        progress = dict(self._progress())
        if progress != self._told:
            await self._catalog.note_progress(self._node.name, progress)
            self._told = progress

    async def sign_off(self, within_s: float) -> None:
        try:
            async with asyncio.timeout(within_s):
                await self._catalog.sign_off(self._node.name)
        except Exception as error:
            # The others find this node dead a little later.
            log.warning("this node could not sign off", node=self._node.name, why=str(error))
