"""Settings: what a person has said once for every launch, and where each value came from.

From strongest to weakest: an option of the command, `AWSGPU_*` in the environment, `c.AWSGPU.*` in an
IPython or Jupyter configuration file, the default here.

    c.AWSGPU.region = "us-west-2"          # ipython_config.py, or jupyter's awsgpu_config.py
    export AWSGPU_IDLE_STOP_MINUTES=30     # a shell
    %awsgpu --region eu-west-1 status      # this once
"""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traitlets import Bool, Enum, Float, Int, TraitError, Unicode
from traitlets.config import Config, Configurable

from jupyter_awsgpu.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Mapping

    from traitlets import TraitType

ENVIRONMENT_PREFIX = "AWSGPU_"


class _Number(Float[Any, Any]):
    """A number that can be counted with: infinity and NaN pass every bound, and would turn a limit off."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Return a finite number. Raises `TraitError`."""
        found = super().validate(obj, value)
        if not math.isfinite(found):
            self.error(obj, value)
        return found


class _Text(Unicode[Any, Any]):
    """Text that a path, a command line and a request can hold."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Return text without NUL. Raises `TraitError`."""
        found = super().validate(obj, value)
        if "\0" in found:
            self.error(obj, value)
        return found


class _Folder(_Text):
    """The path of a folder; `~somebody` only where there is such a person."""

    def validate(self, obj: Any, value: Any) -> Any:
        """Return a path that can be expanded. Raises `TraitError`."""
        found = super().validate(obj, value)
        try:
            Path(found).expanduser()
        except RuntimeError:
            self.error(obj, value)
        return found


class AWSGPU(Configurable):
    """All settings. Each trait's help is the settings page's text."""

    demo = Bool(False, help="Work on the simulated AWS on this machine instead of the real one.").tag(config=True)
    profile = _Text(None, allow_none=True, help="The AWS profile to use; boto3's own rules where unset.").tag(
        config=True
    )
    region = _Text(None, allow_none=True, help="The AWS region; the profile's where unset.").tag(config=True)
    allow_from = _Text(
        "",
        help="Who may reach an instance's SSH port, as CIDR blocks with commas; "
        "this machine's own address, as AWS sees it, where empty.",
    ).tag(config=True)
    via = _Text(
        None,
        allow_none=True,
        help="The way to instances that this machine cannot reach itself: a jump host as ssh -J takes it, "
        "or config for what ~/.ssh/config says for the instance id (ProxyJump, ProxyCommand).",
    ).tag(config=True)
    local_port = Int(8889, min=1, max=65535, help="The local port a tunnel prefers.").tag(config=True)
    disk_gb = Int(40, min=1, max=16384, help="Size of the root disk in GB, if the image does not need more.").tag(
        config=True
    )
    idle_stop_minutes = Int(
        60, min=0, help="Minutes of idleness after which an instance stops itself; 0 for never."
    ).tag(config=True)
    kernel_lease_minutes = Int(
        None,
        min=0,
        allow_none=True,
        help="Minutes after which a kernel on an instance ends whose notebook does not come back, counted from the "
        "end of its work; 0 for never, the instance's own idle stop where unset.",
    ).tag(config=True)
    on_idle = Enum(["stop", "terminate"], "stop", help="What an idle instance does with itself.").tag(config=True)
    max_hours = _Number(12.0, min=0, help="Hours after which an instance stops in any case; 0 for never.").tag(
        config=True
    )
    budget = _Number(0.0, min=0, help="Dollars one run may cost before the instance stops; 0 for no limit.").tag(
        config=True
    )
    guard_role = _Text(
        None, allow_none=True, help="The ARN of a role that lets EventBridge Scheduler end instances (--guard)."
    ).tag(config=True)
    confirm_above = _Number(5.0, min=0, help="Price per hour above which a launch wants --yes.").tag(config=True)
    open_browser = Bool(True, help="Open the browser when Jupyter answers.").tag(config=True)
    language = Enum(
        ["", "en", "zh"], "", help="Language of messages; this machine's own (LANGUAGE, LANG) where empty."
    ).tag(config=True)
    pip_index = _Text("", help="A package index for pip on the instance (a mirror near it).").tag(config=True)
    conda_channel = _Text("", help="A channel, or mirror address, for conda on the instance.").tag(config=True)
    apt_mirror = _Text("", help="A mirror of Ubuntu's packages for the instance.").tag(config=True)
    data_dir = _Folder("", help="Where keys, pins and logs are kept; the system's own place where empty.").tag(
        config=True
    )
    address_url = _Text(
        "https://checkip.amazonaws.com", help="A page that says from which address AWS sees this machine."
    ).tag(config=True)

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        self._origins: dict[str, str] = {}

    def origin(self, name: str) -> str:
        """Return where the value of a setting came from, in words for `doctor`."""
        return self._origins.get(name, "default")

    @property
    def data_folder(self) -> Path:
        """The data folder in use: the demo's lives apart from the real one."""
        root = Path(self.data_dir).expanduser() if self.data_dir else _system_folder("data")
        return root / "demo" if self.demo else root

    @property
    def cache_folder(self) -> Path:
        """Where day-old facts are kept (inside `data_dir` if that is set)."""
        root = Path(self.data_dir).expanduser() / "cache" if self.data_dir else _system_folder("cache")
        return root / "demo" if self.demo else root


def _system_folder(kind: str) -> Path:
    from platformdirs import user_cache_path, user_data_path

    return user_data_path("jupyter-awsgpu", False) if kind == "data" else user_cache_path("jupyter-awsgpu", False)


def names() -> tuple[str, ...]:
    """Return the names of all settings."""
    return tuple(sorted(AWSGPU.class_trait_names(config=True)))


def load(options: Mapping[str, object] | None = None, config: Config | None = None) -> AWSGPU:
    """Merge configuration, environment and options (those that are not None), each value checked.

    Raises `BadValue` naming the place of a value that does not fit.
    """
    settings = AWSGPU()
    for name, value in (config or Config()).get("AWSGPU", {}).items():
        _set(settings, name, value, "configuration file")
    for name in names():
        variable = ENVIRONMENT_PREFIX + name.upper()
        if variable in os.environ:
            _set(settings, name, _from_text(name, os.environ[variable]), variable)
    for name, value in (options or {}).items():
        if value is not None and settings.has_trait(name):
            _set(settings, name, value, f"--{name.replace('_', '-')}")
    return settings


def _set(settings: AWSGPU, name: str, value: object, origin: str) -> None:
    if not settings.has_trait(name):
        return
    try:
        setattr(settings, name, value)
    except TraitError as exc:
        raise BadValue(option=origin, value=repr(value), expected=_expectation(settings.traits()[name])) from exc
    settings._origins[name] = origin  # noqa: SLF001 - this module's own record


def _from_text(name: str, text: str) -> object:
    trait = AWSGPU.class_traits()[name]
    try:
        return trait.from_string(text)
    except (ValueError, TraitError) as exc:
        variable = ENVIRONMENT_PREFIX + name.upper()
        raise BadValue(option=variable, value=repr(text), expected=_expectation(trait)) from exc


def _expectation(trait: TraitType[Any, Any]) -> str:
    kinds = ((Int, "a whole number"), (Float, "a number"), (Bool, "true or false"), (_Folder, "a folder"))
    kind = next((said for one, said in kinds if isinstance(trait, one)), None)
    if isinstance(trait, Enum):
        kind = "one of " + ", ".join(repr(value) for value in trait.values or ())
    return f"it takes {kind or 'text'}"
