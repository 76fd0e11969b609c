"""A person's options, checked and completed from the settings, before anything else happens."""

from __future__ import annotations

import re
import shlex
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError, BadName, BadValue, OtherWishes
from jupyter_awsgpu.model import DEFAULT_NAME, Wishes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.settings import AWSGPU

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
"""What tags, file names on every system, and a person's ear can all carry."""

MOST_NODES = 64
"""More machines than this under one name are no longer one person's: a bound against a slip of the finger."""

ENGINE_WANTED = "several machines under one name need what makes them one: --engine dask"

MAX_DISK_GB = 16384
"""The largest gp3 volume: 16 TiB (EC2 documentation, «EBS volume types»)."""


def wishes_from(settings: AWSGPU, instance_type: str, **options: object) -> Wishes:
    """Make `Wishes` of the options that are not None; the settings fill the rest.

    Raises `BadName` and `BadValue`; asks nobody.
    """
    given = {key: value for key, value in options.items() if value is not None}
    wishes = Wishes(instance_type=instance_type.strip().lower(), **(_defaults(settings) | given))  # type: ignore[arg-type]
    _check(wishes)
    return wishes


def _defaults(settings: AWSGPU) -> dict[str, object]:
    return {
        "name": DEFAULT_NAME,
        "region": settings.region,
        "idle_stop_minutes": settings.idle_stop_minutes or None,
        "on_idle": settings.on_idle,
        "max_hours": settings.max_hours or None,
        "budget": settings.budget or None,
        "guard_role": settings.guard_role,
        "local_port": settings.local_port,
    }


# ── back into words ──────────────────────────────────────────────────────────────────────────

OPTIONS = {
    "name": "--name",
    "nodes": "--nodes",
    "engine": "--engine",
    "zone": "--zone",
    "any_region": "--any-region",
    "subnet": "--subnet",
    "security_group": "--security-group",
    "instance_profile": "--instance-profile",
    "image": "--image",
    "disk_gb": "--disk",
    "data_gb": "--data",
    "key_file": "--key",
    "spot": "--spot",
    "max_price": "--max-price",
    "cuda": "--cuda",
    "python": "--python",
    "environment": "--env",
    "idle_stop_minutes": "--idle-stop",
    "on_idle": "--on-idle",
    "max_hours": "--max-hours",
    "budget": "--budget",
    "guard": "--guard",
    "guard_role": "--guard-role",
    "local_port": "--port",
}
"""Each wish's option. The region is the line's own, and said by the surface."""


def options(wishes: Wishes, without: Iterable[str] = ()) -> str:
    """Return the wishes that are not the usual ones, as options of a line, with a leading space.

    Those named in `without` are left out.
    """
    usual = Wishes(wishes.instance_type)
    pointless = ("guard_role",) if wishes.guard == "none" else ()  # the setting's, of a line that wants no guard
    several = {} if wishes.engine else {"nodes": "--count"}  # without an engine they are machines by themselves
    said = [
        _spelled(option, getattr(wishes, field))
        for field, option in (OPTIONS | several).items()
        if field not in (*without, *pointless) and getattr(wishes, field) != getattr(usual, field)
    ]
    return "".join(f" {one}" for one in said)


def _spelled(option: str, value: object) -> str:
    if value is True or (option == "--spot" and value == "yes"):
        return option
    if value is None:
        return f"{option} none"
    text = f"{value:g}" if isinstance(value, float) else f"{value}m" if option == "--idle-stop" else str(value)
    return f"{option}{'=' if option == '--spot' else ' '}{shlex.quote(text)}"


@contextmanager
def remedies_of(wishes: Wishes) -> Iterator[None]:
    """Let the remedy of a refusal inside be the very line it refuses, but for what it mends."""
    try:
        yield
    except AwsGpuError as exc:
        exc.facts.setdefault("instance_type", wishes.instance_type)
        exc.facts["options"] = options(wishes, exc.speaks_for)
        raise


# ── beside what exists ───────────────────────────────────────────────────────────────────────


def require_same_wishes(wishes: Wishes, instance: Instance) -> None:
    """Refuse to pass off one machine for another (`OtherWishes`); every difference is shown."""
    pairs = [
        ("type", wishes.instance_type, instance.instance_type),
        ("region", wishes.region, instance.region),
        ("zone", wishes.zone, instance.zone),
        ("image", wishes.image, instance.image_wish),
        ("engine", wishes.engine, instance.engine or "none"),
        ("nodes", wishes.nodes if wishes.nodes > 1 or instance.nodes > 1 else None, instance.nodes),
    ]
    differing = [f"{what} {has} (you ask {wish})" for what, wish, has in pairs if wish not in (None, has)]
    if wishes.image is not None and wishes.image == instance.image_id:
        differing = [text for text in differing if not text.startswith("image")]
    if differing:
        command = f"awsgpu launch {wishes.instance_type}{options(wishes, ('name',))}"
        raise OtherWishes(name=instance.name, difference="; ".join(differing), command=command)


# ── what cannot be ───────────────────────────────────────────────────────────────────────────


def _check(wishes: Wishes) -> None:
    if not NAME.fullmatch(wishes.name):
        raise BadName(value=repr(wishes.name), verb="launch")
    if wishes.nodes > 1 and wishes.engine is None:
        raise BadValue(option="--nodes", value=str(wishes.nodes), expected=ENGINE_WANTED, verb="launch")
    _within("--nodes", wishes.nodes, 1, MOST_NODES, "machines")
    _within("--disk", wishes.disk_gb, 1, MAX_DISK_GB, "GB")
    _within("--data", wishes.data_gb or None, 1, MAX_DISK_GB, "GB")
    _within("--port", wishes.local_port, 1, 65535, "")
    _within("--max-hours", wishes.max_hours, 0.05, 24 * 365, "hours")
    _within("--idle-stop", wishes.idle_stop_minutes, 1, 60 * 24 * 30, "minutes")
    _within("--budget", wishes.budget, 0.01, 1e6, "dollars")
    _within("--max-price", wishes.max_price, 0.001, 1e4, "dollars an hour")
    if wishes.cuda is not None and not re.fullmatch(r"\d{1,2}(\.\d{1,2})?", wishes.cuda):
        raise BadValue(
            option="--cuda", value=repr(wishes.cuda), expected="it takes a version such as 12.6", verb="launch"
        )
    if wishes.key_file is not None and not Path(wishes.key_file).expanduser().is_file():
        raise BadValue(option="--key", value=wishes.key_file, expected="there is no such file", verb="launch")


def _within(option: str, value: float | None, low: float, high: float, unit: str) -> None:
    if value is None or low <= value <= high:
        return
    expected = f"it takes {low:g} to {high:g} {unit}".rstrip()
    raise BadValue(option=option, value=f"{value:g}", expected=expected, verb="launch")
