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


class _LateCall:
    """Stands for what a module has, until that is called or asked for something."""

    def __init__(self, module: str, name: str) -> None:
        self._where = module, name

    def _real(self) -> Any:
        module, name = self._where
        return getattr(importlib.import_module(module), name)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        return self._real()(*arguments, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real(), name)


@contextlib.contextmanager
def postponed(*names: str) -> Iterator[None]:
    """Whoever imports one of these meanwhile has it late. A package's modules have to be named as well as the
    package, and it before them; what is imported by then is not touched. ``module:function``: that of it, and
    nothing else, may be taken out of the module meanwhile, and has it imported when it is called."""
    with _LOCK:
        stands: dict[str, ModuleType] = {}
        for name, _, taken in (name.partition(":") for name in names):
            if name not in sys.modules:
                stand = ModuleType(name) if taken else _Later(name)
                if taken:
                    setattr(stand, taken, _LateCall(name, taken))
                sys.modules[name] = stands[name] = stand
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
