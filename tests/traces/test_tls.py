"""A collector over TLS, also for the worker's process, which does without it for everything else."""

from __future__ import annotations

from pathlib import Path

import pytest

from controller.catalog import SqlCatalog, open_database
from controller.config import Config
from controller.engine.ids import now
from controller.traces.collector import Away, Collector
from controller.working import worker_child
from tests.jobs.test_child import config_of, running
from tests.jobs.world import World, until
from tests.switches.asterisk.test_tls import Authority

from .receiver import Receiver


@pytest.mark.timeout(120)
async def test_the_work_on_a_recording_arrives_over_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path, "authority")
    url = f"sqlite+aiosqlite:///{tmp_path}/tapeline.db"
    database = await open_database(url)
    world = World(url, tmp_path, SqlCatalog(database, now))
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))
    with Receiver(tls=authority.issue("127.0.0.1", "collector")) as receiver:
        traces = Config.model_validate({"traces": {"endpoint": receiver.endpoint}}).traces
        config = config_of(world).model_copy(update={"traces": traces})

        async def arrived() -> bool:
            return bool(receiver.named("step store") and receiver.named("recording files"))

        await world.record("r1")
        async with running(worker_child(config)):
            await until(arrived, within_s=60)
        assert receiver.named("step store")[0].resource["tapeline.part"] == "worker"
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(Away, match="SSLCertVerificationError"):
            Collector(receiver.endpoint, {}).post(b"")
    await database.close()
