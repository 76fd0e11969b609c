"""A tunnel's record: one JSON file by which any process finds it, and the request to end beside it."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.errors import StateUnreadable
from jupyter_awsgpu.model import Endpoint, Tunnel
from jupyter_awsgpu.records import held
from jupyter_awsgpu.records.files import FOREIGN, Kind, read_document, require, write_document
from jupyter_awsgpu.tunnel import processes

if TYPE_CHECKING:
    from collections.abc import Mapping

STARTING_S = 30.0
"""How long a record may name no process yet before its start counts as failed."""

KINDS: dict[str, Kind] = {
    **dict.fromkeys(("instance_id", "name", "phase", "since", "bind"), str),
    **dict.fromkeys(("pid", "pid_started"), int | float),
    **dict.fromkeys(("guard", "guard_started"), int | float | None),
    "forwards": [[int]],
    "endpoint": dict | None,
    "reason": str | None,
}
"""What a record must hold for anybody to make something of it."""

ENDPOINT: dict[str, Kind] = {"address": str, "port": int, "user": str, "key_file": str, "via": str | None}
"""What it must hold of where the instance answers, if it says that."""


def endpoint_document(endpoint: Endpoint) -> dict[str, Any]:
    """Return an endpoint as JSON takes it."""
    return {
        "address": endpoint.address,
        "port": endpoint.port,
        "user": endpoint.user,
        "key_file": str(endpoint.key_file),
        "via": endpoint.via,
    }


def endpoint_of(document: Mapping[str, Any]) -> Endpoint | None:
    """Return where the record says the instance answers, if it says so."""
    kept = document.get("endpoint")
    if not kept:
        return None
    return Endpoint(
        document["instance_id"], kept["address"], kept["port"], kept["user"], Path(kept["key_file"]), kept["via"]
    )


def tunnel_of(document: Mapping[str, Any]) -> Tunnel:
    """Return the record as a value; a record whose processes have gone is "closed", unless it gave up."""
    phase = document["phase"]
    if phase not in ("gave-up", "closed") and not alive(document):
        phase = "closed"
    return Tunnel(
        instance_id=document["instance_id"],
        name=document["name"],
        forwards=tuple((local, remote) for local, remote in document["forwards"]),
        pid=document["pid"],
        pid_started=document["pid_started"],
        phase=phase,
        since=datetime.fromisoformat(document["since"]),
        reason=document.get("reason"),
        bind=document["bind"],
    )


def alive(document: Mapping[str, Any]) -> bool:
    """Return whether the tunnel's process, or the guard that starts it again, is there."""
    if not document["pid"]:
        return time.time() - datetime.fromisoformat(document["since"]).timestamp() < STARTING_S
    return any(
        processes.is_alive(document[f"{which}"], document[f"{which}_started"])
        for which in ("pid", "guard")
        if document.get(which)
    )


class RecordFile:
    """One tunnel's record on disk. Its creator writes it first, its process from then on."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._end = path.with_suffix(".end")
        self._known = -1

    def read(self) -> dict[str, Any] | None:
        """Return the document; None where there is none, or one nobody can read."""
        self._know()
        with suppress(StateUnreadable):
            document = read_document(self.path)
            return None if document is None else _require_whole(self.path, document)
        return None

    def write(self, document: dict[str, Any]) -> None:
        """Replace the document."""
        write_document(self.path, document)
        self._know()

    def _know(self) -> None:
        with suppress(OSError):
            self._known = self.path.stat().st_mtime_ns

    def ask_to_end(self) -> None:
        """Tell the tunnel's process, wherever it runs, to end."""
        self._end.touch()

    def withdraw_end(self) -> None:
        """Take the request back: it was heard, or a new tunnel begins."""
        held.remove(self._end)

    def asked_to_end(self) -> bool:
        """Return whether the tunnel is to end: it was asked, its record is gone, or is another's now."""
        if self._end.exists():
            return True
        try:
            return self.path.stat().st_mtime_ns != self._known
        except OSError:
            return True

    def remove(self) -> None:
        """Forget the tunnel."""
        held.remove(self.path)
        self.withdraw_end()


def _require_whole(path: Path, document: dict[str, Any]) -> dict[str, Any]:
    require(path, document, KINDS)
    if document.get("endpoint") is not None:
        require(path, document["endpoint"], ENDPOINT)
    if any(len(pair) != len(("local", "remote")) for pair in document["forwards"]):
        raise StateUnreadable(path=path, why=FOREIGN)
    try:
        datetime.fromisoformat(document["since"])
    except ValueError as exc:
        raise StateUnreadable(path=path, why=FOREIGN) from exc
    return document


def now() -> str:
    """Return the time as records hold it."""
    return datetime.now(UTC).isoformat()
