"""What options may be: each kind refuses a bad value at once, in a sentence, before anybody is asked.

Only the form is judged here. Whether EC2 knows a well-formed type or region is EC2's to say: a
catalogue shipped last year does not know this year's types.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import click

from jupyter_awsgpu.errors import BadName, BadValue, UnknownRegion, UnknownType
from jupyter_awsgpu.surfaces import vocabulary

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from jupyter_awsgpu.errors import AwsGpuError

NEVER = 0
"""How a setting says «no limit», and how `none` on the command line reaches it."""

_AMOUNT = r"(\d+(?:\.\d+)?)\s*([a-z]*)"
_MINUTES = {"": 1.0, "m": 1.0, "min": 1.0, "h": 60.0, "d": 1440.0}
_HOURS = {"": 1.0, "m": 1 / 60, "min": 1 / 60, "h": 1.0, "d": 24.0}
_GIGABYTES = {"": 1, "g": 1, "gb": 1, "gib": 1, "t": 1024, "tb": 1024, "tib": 1024}


class _Kind(click.ParamType[Any]):
    """A kind of value. Click calls `convert` with text, or with a default of the final kind."""

    expected = ""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value, or raise the error of the tree that says what is wrong with it."""
        if not isinstance(value, str):
            return value
        read = self.read(value.strip())
        if read is None:
            raise self.refusal(value, param, ctx)
        return read

    def read(self, text: str) -> Any | None:
        """Return what the text means, or None."""
        raise NotImplementedError

    def refusal(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> AwsGpuError:
        """Return what to raise for a value that means nothing."""
        return BadValue(option=_label(param), value=repr(value), expected=self.expected, verb=_verb(ctx))

    def words(self) -> tuple[str, ...]:
        """Return the words that completion offers."""
        return ()

    def shell_complete(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        param: click.Parameter,  # noqa: ARG002 - click's signature
        incomplete: str,
    ) -> list[CompletionItem]:
        """Offer the words that begin as the one at the cursor."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(word) for word in self.words() if word.startswith(incomplete)]


def _label(param: click.Parameter | None) -> str:
    if isinstance(param, click.Option):
        return param.opts[0]
    return "value" if param is None else (param.metavar or param.name or "value").upper()


def _verb(ctx: click.Context | None) -> str:
    return ctx.info_name or "" if ctx is not None and ctx.parent is not None else ""


class _Amount(_Kind):
    """A number with a unit, or `none` where there may be no limit."""

    def __init__(
        self, name: str, units: dict[str, float] | dict[str, int], low: float, high: float, **more: Any
    ) -> None:
        self.name = name
        self._units = units
        self._low = low
        self._high = high
        self._none: bool = more.get("none", False)
        self._whole: bool = more.get("whole", False)
        self.expected = str(more["expected"])

    def read(self, text: str) -> float | None:
        """Read e.g. `60m`, `2h`, `$5`, `40GB` or `none`."""
        if self._none and text.lower() in ("none", "never", "0"):
            return NEVER
        match = re.fullmatch(_AMOUNT, text.lower().lstrip("$"))
        if match is None or match[2] not in self._units:
            return None
        amount = float(match[1]) * self._units[match[2]]
        if not self._low <= amount <= self._high or (self._whole and amount != int(amount)):
            return None
        return int(amount) if self._whole else amount


class _Pattern(_Kind):
    """A word of a given form."""

    def __init__(self, name: str, pattern: str, expected: str) -> None:
        self.name = name
        self.expected = expected
        self._pattern = pattern

    def read(self, text: str) -> str | None:
        """Return the word if its form is right."""
        return text if re.fullmatch(self._pattern, text) else None


class _Name(_Pattern):
    """A name for an instance or an image."""

    def refusal(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> AwsGpuError:  # noqa: ARG002
        """Say what a name may be."""
        return BadName(value=repr(value), verb=_verb(ctx))


class _InstanceName(_Pattern):
    """The name or id of an instance that exists; completed from what this machine has seen."""

    def words(self) -> tuple[str, ...]:
        """Offer the names known here."""
        return vocabulary.instance_names()


class _InstanceType(_Pattern):
    """An EC2 instance type, e.g. `g4dn.xlarge`."""

    def read(self, text: str) -> str | None:
        """Read it in any case."""
        return super().read(text.lower())

    def refusal(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> AwsGpuError:  # noqa: ARG002
        """Name the nearest types."""
        near = ", ".join(vocabulary.nearest(value, self.words()))
        return UnknownType(instance_type=repr(value), nearest=near)

    def words(self) -> tuple[str, ...]:
        """Offer the catalogue's types."""
        return vocabulary.instance_types()


class _Region(_Pattern):
    """An AWS region, e.g. `us-west-2`."""

    def read(self, text: str) -> str | None:
        """Read it in any case."""
        return super().read(text.lower())

    def refusal(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> AwsGpuError:  # noqa: ARG002
        """Name the nearest regions."""
        near = ", ".join(vocabulary.nearest(value, self.words()))
        return UnknownRegion(region=repr(value), nearest=near)

    def words(self) -> tuple[str, ...]:
        """Offer the catalogue's regions."""
        return vocabulary.regions()


class _Forward(_Kind):
    """A further forward, `LOCAL:REMOTE` or one port for both."""

    name = "LOCAL:REMOTE"
    expected = "it takes two ports such as 6006:6006"

    def read(self, text: str) -> tuple[int, int] | None:
        """Read the pair."""
        parts = text.split(":")
        if not 1 <= len(parts) <= 2 or not all(part.isascii() and part.isdigit() for part in parts):  # noqa: PLR2004
            return None
        ports = [int(part) for part in parts]
        return (ports[0], ports[-1]) if all(0 < port <= 65535 for port in ports) else None  # noqa: PLR2004


NAME = _Name("NAME", r"[A-Za-z][A-Za-z0-9_-]{0,39}", "")
INSTANCE = _InstanceName("NAME", r"[A-Za-z][A-Za-z0-9_-]{0,99}(/\d{1,3})?", "it takes a name or an id such as i-0abc")
INSTANCE_ID = _Pattern("ID", r"i-[0-9a-f]{8,17}", "it takes an instance's id such as i-0abc1234def567890")
TYPE = _InstanceType("TYPE", r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "")
REGION = _Region("REGION", r"[a-z]{2,4}(-[a-z]+)+-\d{1,2}", "")
FORWARD = _Forward()
ZONE = _Pattern("ZONE", r"[a-z]{2,4}(-[a-z0-9]+)+-\d{1,2}[a-z]", "it takes a zone such as us-west-2a")
SUBNET = _Pattern("SUBNET", r"subnet-[0-9a-f]+", "it takes an id such as subnet-0abc")
GROUP = _Pattern("GROUP", r"sg-[0-9a-f]+", "it takes an id such as sg-0abc")
CUDA = _Pattern("VERSION", r"\d{1,2}(\.\d{1,2})?", "it takes a version such as 12.6")
RUN = _Pattern("RUN", r"[A-Za-z0-9_-]{1,80}", "it takes the name of a run, as `awsgpu runs` lists it")
NAMES = _Pattern("NAMES", r"[^\W\d]\w*(\s*,\s*[^\W\d]\w*)*", "it takes names such as df,model")
_BYTES = {"": 1, "b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "tb": 10**12}
BYTES = _Amount("SIZE", _BYTES, 1, 1e15, whole=True, expected="it takes a size such as 500MB or 2GB")
GIGABYTES = _Amount("GB", _GIGABYTES, 1, 16384, whole=True, expected="it takes 1 to 16384 GB")
DATA = _Amount("GB", _GIGABYTES, 1, 16384, none=True, whole=True, expected="it takes 1 to 16384 GB, or none")
PORT = _Amount("PORT", {"": 1}, 1, 65535, whole=True, expected="it takes a port, 1 to 65535")
COUNT = _Amount("N", {"": 1}, 1, 100, whole=True, expected="it takes 1 to 100 machines")
NODES = _Amount("N", {"": 1}, 1, 64, whole=True, expected="it takes 1 to 64 machines")
VCPUS = _Amount("VCPUS", {"": 1}, 1, 100_000, whole=True, expected="it takes a whole number of vCPUs, 1 or more")
DOLLARS = _Amount("DOLLARS", {"": 1}, 0.001, 1e6, expected="it takes dollars such as 1.50")
BUDGET = _Amount("DOLLARS", {"": 1}, 0.01, 1e6, none=True, expected="it takes dollars such as 5, or none")
MEMORY = _Amount("GIB", {"": 1, "g": 1, "gb": 1, "gib": 1}, 0.5, 10_000, expected="it takes GiB such as 16")
IDLE = _Amount("TIME", _MINUTES, 1, 43200, none=True, whole=True, expected="it takes a time such as 60m, 2h or none")
CAP = _Amount("TIME", _HOURS, 0.05, 8760, none=True, expected="it takes a time such as 12h, 90m or none")
HOURS = _Amount("TIME", _HOURS, 0, 168, expected="it takes a time such as 2h or 90m, a week at most")
