"""A collector, and the tracer of a process that sends to it at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from controller.config import Config
from controller.traces.sending import traced

from .receiver import Receiver

Tracing = Callable[..., AbstractContextManager[None]]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as made:
        yield made


@pytest.fixture
def tracing_to(receiver: Receiver) -> Tracing:
    """``with tracing_to(share=0.5): …``; at the end all that was kept has arrived."""

    @contextmanager
    def tracing(**settings: object) -> Iterator[None]:
        config = Config.model_validate({"traces": {"endpoint": receiver.endpoint, **settings}})
        with traced(config, "controller"):
            yield

    return tracing
