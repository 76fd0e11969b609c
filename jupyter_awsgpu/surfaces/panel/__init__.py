"""The panel: the same verbs for a person who would rather press than type.

ipywidgets enter here and nowhere else. Nothing is decided: choices, prices and refusals come from the
verbs, long work is the command line in a process of its own, and what any process does is read from
its operation log.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.surfaces.panel.view import Panel
    from jupyter_awsgpu.surfaces.panel.watcher import Watcher
    from jupyter_awsgpu.verbs.workbench import Workbench

__all__ = ["panel", "shared", "watcher"]


def panel(*, demo: bool | None = None, language: str | None = None) -> Panel:
    """Return a panel to launch, watch and end GPU instances; show it as a cell's last line.

    `demo` begins with the simulated AWS; `language` is a locale such as `zh_CN`. Both follow the
    settings where left out.
    """
    from jupyter_awsgpu import settings
    from jupyter_awsgpu.surfaces.panel.view import Panel
    from jupyter_awsgpu.surfaces.panel.words import translator

    loaded = settings.load({"demo": demo})
    return Panel(_new_watcher(bool(loaded.demo)), loaded, translator(language))


def watcher() -> Watcher:
    """Return the one watcher of the sidebar's kernel."""
    return _shared_watcher()


def shared(language: str | None = None) -> Panel:
    """Return the one panel of the sidebar's kernel: every tab and every reload shows the same widget."""
    return _shared_panel(language or "")


@lru_cache(maxsize=1)
def _shared_watcher() -> Watcher:
    from jupyter_awsgpu import settings

    return _new_watcher(bool(settings.load().demo))


@lru_cache(maxsize=2)
def _shared_panel(language: str) -> Panel:
    from jupyter_awsgpu import settings
    from jupyter_awsgpu.surfaces.panel.view import Panel
    from jupyter_awsgpu.surfaces.panel.words import translator

    return Panel(_shared_watcher(), settings.load(), translator(language or None))


def _new_watcher(demo: bool) -> Watcher:
    from jupyter_awsgpu.surfaces.panel.watcher import Watcher

    return Watcher(_bench_opener(), demo=demo)


def _bench_opener() -> Callable[[bool], Workbench]:
    from jupyter_awsgpu import wiring

    return lambda demo: wiring.bench({"demo": demo})
