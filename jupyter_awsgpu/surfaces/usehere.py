"""From Python to the page: "run the open notebook on this kernel", heard by the labextension where it is there.

The page that asked is told from others by its session's id, which every message of it carries: two tabs
may show the same kernel, and only the one that was pressed in shall move its notebook.
"""

from __future__ import annotations

TARGET = "awsgpu-use-here"
"""The comm's name; `labextension/src/protocol.ts` knows the same."""


def asking_page() -> str:
    """Return the id of the page whose message this kernel is answering; "" outside a kernel."""
    from IPython.core.getipython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    if kernel is None:
        return ""
    header = (kernel.get_parent() or {}).get("header") or {}
    return str(header.get("session") or "")


def use_here(spec: str, page: str) -> None:
    """Ask `page` to move its notebook to the kernel spec; a page without the labextension lets it pass."""
    from comm import create_comm

    create_comm(target_name=TARGET, data={"kind": "use-here", "kernel": spec, "page": page}).close()
