"""Private files, written whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from types import UnionType
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import StateUnreadable
from jupyter_awsgpu.model import SCHEMA_VERSION
from jupyter_awsgpu.records import held

if TYPE_CHECKING:
    from collections.abc import Mapping

HALF_WRITTEN = ".part"
"""How the name of a file ends until it is whole."""

FOREIGN = "it is not one of ours"

Kind = type | UnionType | list[Any]
"""What a field of a document must be: a type, a union of types, or a list of one `Kind`."""


def private_folder(path: Path) -> Path:
    """Make `path` a folder only its owner may enter (on Windows the profile's own ACL does it)."""
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    return path


def write_private(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace `path` by `data`, mode 0600: a reader, or a crash, meets the old file or the new one.

    What is not `durable` may be gone, or damaged, after a power cut; writing it does not wait for the disk.
    """
    private_folder(path.parent)
    sweep(path.parent)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.{os.getpid()}.", suffix=HALF_WRITTEN)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        held.replace(Path(temporary), path)
    except BaseException:
        held.remove(Path(temporary))
        raise
    if durable:
        _sync_folder(path.parent)


def sweep(folder: Path) -> None:
    """Remove what a writer left that died between its two steps; a living one's file stays."""
    for left in folder.glob(f".*{HALF_WRITTEN}"):
        import psutil  # only here: after a crash

        writer = left.name.split(".")[-3]
        if not (writer.isdigit() and psutil.pid_exists(int(writer))):
            with suppress(PermissionError):  # Windows, and somebody looks at it: it goes the next time
                left.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return  # Windows has no handle on a folder to sync
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_document(path: Path, document: dict[str, Any], *, durable: bool = True) -> None:
    """Write a plain dict as versioned JSON; see `write_private`."""
    text = json.dumps({"schema": SCHEMA_VERSION, **document}, ensure_ascii=False, indent=1, sort_keys=True)
    write_private(path, text.encode(), durable=durable)


def read_document(path: Path) -> dict[str, Any] | None:
    """Read what `write_document` wrote, or None where there is nothing.

    Raises `StateUnreadable` for a damaged file and for one that a later version wrote.
    """
    try:
        document = json.loads(held.read(path))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as exc:
        raise StateUnreadable(path=path, why="it is damaged") from exc
    if not isinstance(document, dict) or not isinstance(document.get("schema"), int):
        raise StateUnreadable(path=path, why=FOREIGN)
    if document["schema"] > SCHEMA_VERSION:
        raise StateUnreadable(path=path, why="a later version of jupyter-awsgpu wrote it")
    return document


def require(path: Path, document: dict[str, Any], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """Return the document if each of these fields is of its kind; raises `StateUnreadable`."""
    for name, kind in kinds.items():
        if not is_of(document.get(name), kind):
            raise StateUnreadable(path=path, why=FOREIGN)
    return document


def is_of(value: object, kind: Kind) -> bool:
    """Return whether a value of JSON is of a kind; a list of one kind says that each of its items is."""
    if isinstance(kind, list):
        return isinstance(value, list) and all(is_of(one, kind[0]) for one in value)
    return isinstance(value, kind)
