"""Answers as JSON documents: plain, stable, without a secret unless it was asked for by name."""

from __future__ import annotations

from dataclasses import asdict, fields, is_dataclass
from datetime import date
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.model import Instance, Plan
from jupyter_awsgpu.surfaces.answers import (
    Carried,
    Dask,
    Demo,
    Detached,
    Document,
    Gpus,
    Picked,
    SshCommand,
    Token,
    WithToken,
)
from jupyter_awsgpu.surfaces.spelling import spell

if TYPE_CHECKING:
    from jupyter_awsgpu.errors import AwsGpuError


def document_of(value: object) -> Any:  # noqa: C901, PLR0911, PLR0912 - one form for each kind of answer
    """Return the answer as JSON-able values."""
    if isinstance(value, Instance):
        return _instance(value)
    if isinstance(value, WithToken):
        phases = {part: round(seconds, 3) for part, seconds in value.phases.items()}
        return {**_instance(value.instance), "token": value.token, "phases": phases}
    if isinstance(value, Token):
        return {"token": value.token}
    if isinstance(value, Plan):
        return {**_plain(value), "ok": value.ok}
    if isinstance(value, Demo):
        return _demo(value)
    if isinstance(value, Document):
        return value.value
    if isinstance(value, SshCommand):
        return {"command": list(value.arguments)}
    if isinstance(value, Detached):
        return _plain(value)
    if isinstance(value, Carried):
        return _plain(value.transfer)
    if isinstance(value, Dask):
        return {key: one for key, one in _plain(value.way).items() if key != "secrets"}
    if isinstance(value, Gpus):
        return _plain(value.use)
    if isinstance(value, Picked):
        return None if value.kernel is None else {**_plain(value.kernel), "offered": not value.removed}
    if isinstance(value, tuple):
        return [document_of(one) for one in value]
    return _plain(value)


def refusal(error: AwsGpuError, begin: str = "awsgpu") -> dict[str, str]:
    """Return the machine-readable form of a failure; `begin` is how its remedy begins."""
    return {"error": error.code, "message": error.message, "remedy": spell(error.remedy, begin)}


def _instance(one: Instance) -> dict[str, Any]:
    """Return an instance with what its tunnel says beside it; tags stay out: they are ours to read."""
    found = {item.name: _plain(getattr(one, item.name)) for item in fields(one) if item.name != "tags"}
    return {**found, "local_port": one.local_port, "local_url": one.local_url}


def _demo(demo: Demo) -> dict[str, Any]:
    status = demo.status
    return {
        "running": status.running,
        "endpoint": status.endpoint,
        "access_key_id": status.access_key_id,
        "secret_access_key": status.secret_access_key,
        "state_dir": str(status.state_dir),
        "pid": status.pid,
    }


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {key: _plain(one) for key, one in asdict(value).items()}
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(one) for one in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Path) else value
