"""Code of a package, read once: the sandbox of workflows imports it anew for each run, and must not go to the disk."""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import sys
from collections.abc import Sequence
from types import CodeType, ModuleType


class KeptCode(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Finds and runs modules whose code it has; nothing is shared between two imports but the code."""

    def __init__(self, package: str) -> None:
        self._found = {name: kept for name in _loaded(package) if (kept := _kept(name)) is not None}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """A spec like the one that the files gave; None for modules that were not loaded then."""
        kept = self._found.get(fullname)
        if kept is None:
            return None
        origin, places, _ = kept
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=origin, is_package=places is not None)
        spec.submodule_search_locations = list(places) if places is not None else None
        spec.has_location = True
        return spec

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code in it."""
        exec(self._found[module.__name__][2], module.__dict__)  # noqa: S102 - the module's own code, as it was loaded


def keep_code(package: str) -> None:
    """From now on modules of this package, as far as it loads them now, are imported anew without their files."""
    importlib.import_module(package)
    sys.meta_path.insert(0, KeptCode(package))


def _loaded(package: str) -> list[str]:
    return [name for name in sys.modules if name == package or name.startswith(f"{package}.")]


def _kept(name: str) -> tuple[str, tuple[str, ...] | None, CodeType] | None:
    spec = importlib.util.find_spec(name)
    loader = spec.loader if spec is not None else None
    if spec is None or not isinstance(loader, importlib.abc.InspectLoader):
        return None
    code = loader.get_code(name)
    places = spec.submodule_search_locations
    return None if code is None else (spec.origin or "", tuple(places) if places is not None else None, code)
