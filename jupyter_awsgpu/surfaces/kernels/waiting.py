"""Which remote kernels a Jupyter server of this machine has: its successor finds them by these files.

One private file a kernel, in Jupyter's own data folder: it holds the key that signs the messages, as
Jupyter's connection files do.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def note(kernel_id: str, **facts: Any) -> None:
    """Add facts to what is known of a kernel; the file is made if need be."""
    from jupyter_awsgpu.records.files import write_private

    known = find(kernel_id) or {}
    if known | facts != known:
        write_private(_file(kernel_id), json.dumps(known | facts, indent=1, sort_keys=True).encode())


def find(kernel_id: str) -> dict[str, Any] | None:
    """Return what is known of a kernel, or None."""
    from jupyter_awsgpu.records import held

    with suppress(OSError, ValueError):
        found = json.loads(held.read(_file(kernel_id)))
        return found if isinstance(found, dict) else None
    return None


def forget(kernel_id: str) -> None:
    """Forget a kernel that has ended: nobody will look for it."""
    from jupyter_awsgpu.records import held

    held.remove(_file(kernel_id))


def server(root: str) -> dict[str, Any]:
    """Return what tells this process's server from others: the folder it serves, and the process."""
    import psutil

    return {"root": os.path.realpath(root), "pid": os.getpid(), "born": psutil.Process().create_time()}


def left_behind(root: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the kernels, by id, whose server served the same folder and has ended."""
    for file in sorted(_folder().glob("*.json")):
        known = find(file.stem)
        if known and known.get("server", {}).get("root") == os.path.realpath(root) and not _lives(known["server"]):
            yield file.stem, known


def _lives(one: dict[str, Any]) -> bool:
    import psutil

    try:
        return bool(psutil.Process(one["pid"]).create_time() == one["born"])
    except (psutil.Error, KeyError, TypeError):
        return False


def _folder() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "awsgpu-kernels"


def _file(kernel_id: str) -> Path:
    return _folder() / f"{Path(kernel_id).name}.json"
