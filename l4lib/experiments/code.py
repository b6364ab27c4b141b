"""Which code an experiment depends on: a finished cell counts as finished only while that code is the same.

The code is that of the module which defines the trial and of all modules it imports, directly or not, if they belong to
l4lib or to the user; other installed packages are named by their versions in the provenance instead.
A trial typed into a notebook or a console has no file; there the function itself counts, with all that it names.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import numpy as np

__all__ = ["code_hash"]

_INSTALLED = {"site-packages", "dist-packages"}
"""Folders of what is installed."""


def code_hash(trial: Callable[..., Any] | str) -> str:
    """A hash of the code that a function or a module depends on, words left out.

    The ``__init__`` of a wing only collects names: what counts is the module that a name comes from.

    Parameters
    ----------
    trial : callable or str
        A function, or the name of a module.

    Returns
    -------
    str
        Sixteen hexadecimal digits.

    Examples
    --------
    >>> len(code_hash("l4lib.quartic.solvers")), code_hash("l4lib.quartic.solvers") == code_hash("l4lib.quartic.sphere")
    (16, False)
    """
    if isinstance(trial, str):
        return _hash_of_module(trial)
    name = getattr(trial, "__module__", None) or type(trial).__module__
    if _source(name) is not None:
        return _hash_of_module(name)
    digest = hashlib.sha256()
    for line in _function(trial, set()):
        digest.update(f"{line}\0".encode())
    return digest.hexdigest()[:16]


def _hash_of_module(module: str) -> str:
    digest = hashlib.sha256()
    for name, path in sorted(_closure(module).items()):
        digest.update(f"{name}\0{_code(path, _stamp(path))}".encode())
    return digest.hexdigest()[:16]


def _closure(module: str) -> dict[str, Path]:
    """The module and all that it imports, by name."""
    seen: dict[str, Path] = {}
    todo = [module]
    while todo:
        name = todo.pop()
        path = _source(name)
        if name in seen or path is None:
            continue
        if name.split(".")[0] == "l4lib":
            for inside in _beneath(name, path):
                seen.update(_closure_of_library(inside))
            continue
        seen[name] = path
        todo.extend(_imports(name, path, _stamp(path)))
    return seen


def _beneath(name: str, path: Path) -> Iterator[str]:
    """A module itself, or all modules of a package, as its user may take any of them."""
    if path.name != "__init__.py":
        yield name
        return
    for file in sorted(path.parent.rglob("*.py")):
        if file.name != "__init__.py":
            yield ".".join((name, *file.relative_to(path.parent).with_suffix("").parts))


@cache
def _closure_of_library(module: str) -> dict[str, Path]:
    """The same for a module of l4lib, whose wings only collect names and which does not change while it is loaded."""
    seen: dict[str, Path] = {}
    todo = [module]
    while todo:
        name = todo.pop()
        path = _source(name)
        if name in seen or path is None or path.name == "__init__.py" or name.split(".")[0] != "l4lib":
            continue
        seen[name] = path
        todo.extend(_imports(name, path, _stamp(path)))
    return seen


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file is written."""
    status = path.stat()
    return status.st_mtime_ns, status.st_size


@cache
def _imports(module: str, path: Path, stamp: tuple[int, int]) -> frozenset[str]:
    """The modules that a file imports; a name taken from a wing counts as the module that defines it."""
    names: set[str] = set()
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            if origin.split(".")[0] == "l4lib":
                names.update(_defining(origin, alias.name) for alias in node.names)
            elif origin:
                names.add(origin)
                names.update(f"{origin}.{alias.name}" for alias in node.names)
    return frozenset(names)


@cache
def _defining(module: str, name: str) -> str:
    """The module that ``from module import name`` takes the name from, through the ``__init__`` of a wing."""
    path = _source(module)
    if path is None or path.name != "__init__.py":
        return module
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module and name in {alias.name for alias in node.names}:
            return _defining(node.module, name)
    return f"{module}.{name}"


def _source(module: str) -> Path | None:
    """The file of a module that counts, or None if it is installed, built in, or has no file."""
    if module == "__main__":
        file = getattr(sys.modules["__main__"], "__file__", None)
        path = Path(file) if file else None
    else:
        path = _found(module)
    if path is None or path.suffix != ".py" or not path.is_file():
        return None
    if module.split(".")[0] != "l4lib" and _INSTALLED & set(path.resolve().parts):
        return None
    return path


def _found(module: str) -> Path | None:
    if module.split(".")[0] in sys.stdlib_module_names:
        return None
    loaded = getattr(sys.modules.get(module), "__file__", None)
    if loaded:
        return Path(loaded)
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, AttributeError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin else None


@cache
def _code(path: Path, stamp: tuple[int, int]) -> str:
    """The source without docstrings, comment lines and blank lines: what can change a result."""
    source = path.read_text(encoding="utf-8")
    words: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            words.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines = source.splitlines()
    kept = [line.rstrip() for number, line in enumerate(lines, 1) if number not in words]
    return "\n".join(line for line in kept if line and not line.lstrip().startswith("#"))


def _function(function: Any, seen: set[int]) -> Iterator[str]:
    """Lines that tell a function without a file: its instructions and constants, then what its names stand for."""
    if id(function) in seen:
        return
    seen.add(id(function))
    function = getattr(function, "__wrapped__", function)
    if not hasattr(function, "__code__"):
        function = getattr(function, "func", None) or type(function).__call__
    code = getattr(function, "__code__", None)
    if code is None:
        yield repr(type(function))
        return
    names: set[str] = set()
    for part in _parts(code):
        names.update(part.co_names)
        constants = [_text(c) for c in part.co_consts if not isinstance(c, CodeType)]
        yield f"{part.co_code.hex()} {part.co_names} {constants}"
    values = {name: function.__globals__[name] for name in sorted(names) if name in function.__globals__}
    free = zip(code.co_freevars, function.__closure__ or (), strict=True)
    values.update({name: cell.cell_contents for name, cell in free if _is_filled(cell)})
    values["defaults"] = (function.__defaults__, function.__kwdefaults__)
    for name, value in values.items():
        yield f"{name} ="
        yield from _value(value, seen)


def _value(value: Any, seen: set[int]) -> Iterator[str]:
    """Lines that tell what a name of a function stands for."""
    if isinstance(value, ModuleType):
        yield _hash_of_module(value.__name__)
    elif isinstance(value, type):
        yield value.__qualname__
        if _source(value.__module__) is not None:
            yield _hash_of_module(value.__module__)
        elif value.__module__ == "__main__":
            for name, member in sorted(vars(value).items()):
                if callable(member):
                    yield name
                    yield from _function(member, seen)
    elif callable(value):
        module = getattr(value, "__module__", None) or ""
        if module == "__main__" and _source(module) is None:
            yield from _function(value, seen)
        else:
            yield f"{getattr(value, '__qualname__', type(value).__qualname__)} {_hash_of_module(module)}"
    elif isinstance(value, np.ndarray):
        yield f"{value.dtype} {value.shape} {hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()}"
    elif isinstance(value, dict | list | tuple | set | frozenset | str | bytes | int | float | complex | np.generic):
        yield _text(value)
    else:
        yield type(value).__qualname__


def _text(value: Any) -> str:
    """As repr, with the members of a set in one order."""
    return f"{{{sorted(map(repr, value))}}}" if isinstance(value, set | frozenset) else repr(value)


def _parts(code: CodeType) -> Iterator[CodeType]:
    """A code object and those inside it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _parts(constant)


def _is_filled(cell: Any) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False
