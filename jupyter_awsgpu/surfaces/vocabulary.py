"""The words a person may type: types and regions of the shipped catalogue, names seen on this machine.

Cheap and offline, for completion and for «did you mean»; never an authority on what AWS has.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from jupyter_awsgpu.model import Instance

_seen: set[str] = set()
"""Names of instances that verbs of this process have answered with."""


@cache
def _catalogue(name: str) -> dict[str, Any]:
    import json
    from importlib.resources import files

    path = files("jupyter_awsgpu").joinpath("cloud", "data", f"{name}.json")
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def instance_types() -> tuple[str, ...]:
    """Return the catalogue's types, those with a GPU first, retired ones too."""
    present, gone = _catalogue("types")["types"], _catalogue("retired")["types"]
    ordered = sorted(present, key=lambda name: (present[name].get("gpu") is None, name))
    return (*ordered, *(name for name in gone if name not in present))


def regions() -> tuple[str, ...]:
    """Return the catalogue's regions."""
    return tuple(_catalogue("regions")["regions"])


def remember(instances: Iterable[Instance]) -> None:
    """Keep the names of instances that were seen alive; forget those that ended."""
    for one in instances:
        (_seen.add if one.state.alive else _seen.discard)(one.name)


def instance_names() -> tuple[str, ...]:
    """Return the names this process has seen and those of this machine's launches, without asking AWS."""
    return tuple(sorted(_seen | _journalled()))


def _journalled() -> set[str]:
    import json

    from jupyter_awsgpu import settings
    from jupyter_awsgpu.errors import AwsGpuError

    try:
        data = settings.load().data_folder
        paths = [*(data / "journal").glob("*.json"), *(data / "demo" / "journal").glob("*.json")]
        documents = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(paths)[-50:]]
    except (OSError, ValueError, AwsGpuError):
        return set()
    return {str(one["name"]) for one in documents if isinstance(one, dict) and "name" in one and not one.get("ended")}


def nearest(word: str, words: Iterable[str], *, count: int = 3) -> tuple[str, ...]:
    """Return the words most like `word`, nearest first; never none.

    >>> nearest("p2xlarge", ("p2.xlarge", "g5.xlarge"), count=1)
    ('p2.xlarge',)
    """
    import difflib

    known = tuple(words)
    return tuple(difflib.get_close_matches(word.lower(), known, n=count, cutoff=0.5)) or known[:count]
