"""Modules of this room, imported when first used: `status` needs two of them, and every command pays for all."""

from __future__ import annotations

from importlib import import_module
from typing import Any


class Later:
    """Stands for a module of `jupyter_awsgpu.cloud` until something of it is asked for."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """Import the module, and from then on be it: what is found is kept."""
        found = getattr(import_module(f"jupyter_awsgpu.cloud.{self._name}"), attribute)
        setattr(self, attribute, found)
        return found
