"""Which lines of a protocol's functions some requests reach: its folder without the other side.

`agent.py` is the network's own side, `fast.py` is compared byte for byte in tests of its own.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import pkgutil
import sys
from collections.abc import Iterable
from contextlib import suppress
from types import CodeType, FrameType, ModuleType
from typing import Any

import server.protocols
from server.protocols import load
from tests.fuzz.inputs import read
from tests.fuzz.promises import check

_NOT_THE_CODEC = {"agent", "fast"}
Line = tuple[str, int]


def lines_of(name: str) -> frozenset[Line]:
    """Every line with code inside a function of the folder: (file, number)."""
    return frozenset(line for module in _modules(name) for line in _lines(module))


def reached(name: str, inputs: Iterable[bytes]) -> frozenset[Line]:
    """Those that the inputs run, with the documents that the protocol hands out."""
    codec, wanted, hit = load()[name], lines_of(name), set[Line]()
    files = {file for file, _ in wanted}

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        file = frame.f_code.co_filename
        if file not in files:
            return None
        hit.add((file, frame.f_lineno))
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        for module in _modules(name):
            _run_again(module)
        for data in inputs:
            case = read(name, data)
            check(case)
        for document in codec.documents.values():
            document("http://127.0.0.1/pay/agent")
        for file in codec.files.values():
            with suppress(LookupError):
                file(case.request.agent)
    finally:
        sys.settrace(before)
    return frozenset(hit & wanted)


def _modules(name: str) -> Iterable[ModuleType]:
    package = importlib.import_module(f"{server.protocols.__name__}.{name}")
    for found in pkgutil.iter_modules(package.__path__):
        if found.name not in _NOT_THE_CODEC:
            yield importlib.import_module(f"{package.__name__}.{found.name}")


def _run_again(module: ModuleType) -> None:
    """Apart from the one that is in use: tables are made when a module is read."""
    assert module.__spec__ is not None
    assert module.__spec__.loader is not None
    module.__spec__.loader.exec_module(importlib.util.module_from_spec(module.__spec__))


def _lines(module: ModuleType) -> Iterable[Line]:
    file = inspect.getsourcefile(module)
    assert file is not None
    whole = compile(inspect.getsource(module), file, "exec")
    for function in _functions(whole):
        for _, _, number in function.co_lines():
            if number is not None:
                yield file, number


def _functions(code: CodeType) -> Iterable[CodeType]:
    """Those of a module; the body of a class is run when it is read."""
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            if constant.co_flags & inspect.CO_NEWLOCALS:
                yield constant
            yield from _functions(constant)
