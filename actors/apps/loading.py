"""Finds an application by its name: `app.py:app` or `package.module:app`."""

import importlib
import importlib.util
from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from pathlib import Path
from types import ModuleType
from typing import TypeAlias, cast

from actors.call import Call

Application: TypeAlias = Callable[[Call], Awaitable[None]]

DEFAULT_NAME = "app"


class ApplicationError(Exception):
    """There is no such application; the message says what was looked for."""


def load_application(spec: str) -> Application:
    """The `async def app(call)` that `spec` names; `app` is the name where none is given.

    Raises:
        ApplicationError: no such file, module or function.
    """
    place, separator, name = spec.rpartition(":")
    if not separator:
        place, name = spec, DEFAULT_NAME
    module = _from_file(Path(place)) if place.endswith(".py") else _from_module(place)
    found = getattr(module, name, None)
    if not iscoroutinefunction(found):
        raise ApplicationError(f"{place} has no `async def {name}(call)`")
    return cast("Application", found)


def _from_file(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ApplicationError(f"no such file: {path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _from_module(name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise ApplicationError(f"no such module: {name!r}")
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as missing:
        raise ApplicationError(f"no such module: {missing.name}") from missing
