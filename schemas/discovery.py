"""Finds what one file adds: the file's name is the key, and a file without its constant fails loudly."""

import pkgutil
from importlib import import_module
from types import ModuleType
from typing import TypeVar

T = TypeVar("T")


class DiscoveryError(ImportError):
    """A file in a discovered folder does not declare its constant, or declares another type."""


def discover(package: ModuleType, constant: str, kind: type[T]) -> dict[str, T]:
    """Every `constant` of type `kind` in the modules of `package`, by module name, sorted."""
    found: dict[str, T] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda info: info.name):
        value = getattr(import_module(f"{package.__name__}.{module.name}"), constant, None)
        if not isinstance(value, kind):
            raise DiscoveryError(
                f"{package.__name__}/{module.name}.py must define {constant} as a {kind.__name__}; "
                f"it has {type(value).__name__}"
            )
        found[module.name] = value
    return found
