"""What a library imports and, in this process, never or hardly ever uses: memory that is not spent."""

from __future__ import annotations

import contextlib
import importlib
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any, cast

_LOCK = threading.RLock()


class _Later(ModuleType):
    """Stands for a module, and has what that one has from the first moment that it is asked for something."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system's own questions
            raise AttributeError(name)
        return getattr(importlib.import_module(self.__name__), name)


@contextlib.contextmanager
def postponed(*names: str) -> Iterator[None]:
    """Whoever imports one of these meanwhile has it late. A package's modules have to be named as well as the
    package, and it before them; what is imported by then is not touched."""
    with _LOCK:
        stands: dict[str, ModuleType] = {}
        for name in names:
            if name not in sys.modules:
                sys.modules[name] = stands[name] = _Later(name)
                package, _, last = name.rpartition(".")
                if package in stands:
                    setattr(stands[package], last, stands[name])
        try:
            yield
        finally:
            for name, stand in stands.items():
                if sys.modules.get(name) is stand:
                    del sys.modules[name]


@contextlib.contextmanager
def absent(*names: str) -> Iterator[None]:
    """Whoever imports one of these meanwhile does not find it, and does without it for good; what is imported
    by then is not touched."""
    with _LOCK:
        missing = [name for name in names if name not in sys.modules]
        # So Python says that there is no such module.
        sys.modules.update(dict.fromkeys(missing, cast("ModuleType", None)))
        try:
            yield
        finally:
            for name in missing:
                del sys.modules[name]
