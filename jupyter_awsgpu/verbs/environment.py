"""`--env`: an environment of the person's, read here, to be reproduced on the instance."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import BadValue

if TYPE_CHECKING:
    from collections.abc import Iterable

LOCAL = "local"
OURS = ("jupyter-awsgpu", "moto", "asyncssh")
"""Left out of a frozen environment: they are for the laptop."""

LIMIT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Environment:
    """A file to reproduce on the instance, and what of the original cannot travel."""

    file: str
    text: str
    skipped: tuple[str, ...] = ()

    @property
    def left_out(self) -> str:
        """Return the sentence that names what cannot travel."""
        return f"Installed from this machine, so left out of the environment: {', '.join(self.skipped)}"


def read_environment(wish: str | None, verb: str = "launch") -> Environment | None:
    """Read `--env FILE` or freeze this very environment for `--env local`. Raises `BadValue`."""
    if wish is None:
        return None
    if wish == LOCAL:
        return freeze(metadata.distributions())
    path = Path(wish).expanduser()
    kinds = {".txt": "requirements.txt", ".yml": "environment.yml", ".yaml": "environment.yml"}
    if path.suffix not in kinds:
        raise _bad(wish, "it takes local, a requirements.txt or an environment.yml", verb)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as exc:
        raise _bad(wish, "it cannot be read", verb) from exc
    if len(text) > LIMIT_BYTES:
        raise _bad(wish, "it is larger than any list of packages", verb)
    return Environment(kinds[path.suffix], text)


def freeze(distributions: Iterable[metadata.Distribution]) -> Environment:
    """Freeze installed distributions to a requirements.txt.

    Editable and local installs are named as skipped: the instance cannot fetch them. A version with
    a local part (torch 2.6.0+cpu, a wheel of this machine's) is loosened to the public version.
    """
    lines, skipped = set(), set()
    for one in distributions:
        name = one.metadata["Name"]
        if name is None or name.lower() in OURS:
            continue
        if one.read_text("direct_url.json"):
            skipped.add(name)
            continue
        lines.add(f"{name}=={re.sub(r'[+].*', '', one.version)}")
    header = "".join(f"# not from a package index, left out: {name}\n" for name in sorted(skipped))
    return Environment(
        "requirements.txt", header + "\n".join(sorted(lines, key=str.lower)) + "\n", tuple(sorted(skipped))
    )


def _bad(wish: str, expected: str, verb: str) -> BadValue:
    return BadValue(option="--env", value=wish, expected=expected, verb=verb)
