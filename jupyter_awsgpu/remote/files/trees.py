"""The two trees of a journey: files here, files there, each by its path from a root, less what is left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.guest.files import listing
from jupyter_awsgpu.remote.files.conversation import breaks
from jupyter_awsgpu.remote.files.ignores import FILES, Ignores

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from jupyter_awsgpu.remote.files.conversation import Conversation


@dataclass(frozen=True, slots=True)
class Tree:
    """Files as {path: [bytes, mtime in ns, executable]}, and how many were left out: by rules, and as links.

    `absent` are paths that were asked for and are not there; `parts` are pieces of files that were cut off, and
    `beside` those that lie in the same folder as a file that was asked for, whosever they are.
    `now` is the clock of the machine they lie on, in ns; `root` the whole path there that keys begin at.
    """

    files: Mapping[str, list[Any]]
    parts: Mapping[str, int]
    beside: Mapping[str, int]
    absent: tuple[str, ...]
    ignored: int
    links: int
    now: int = 0
    root: str = ""


def tree_here(root: Path, keys: list[str], *, everything: bool) -> Tree:
    """Return the files at and below the keys on this machine."""
    rules = _rules(root, keys)
    found = listing(str(root), keys, None if everything else rules)
    return _tree(found, None if everything else rules)


def tree_there(talk: Conversation, keys: list[str], *, everything: bool) -> Tree:
    """Return the files at and below the keys on the instance, which was asked to `list` them."""
    found = talk.answer()
    with breaks():
        _require_tree(found)
        return _tree(found, None if everything else Ignores(found["ignores"], keys))


def _require_tree(found: Mapping[str, Any]) -> None:
    """Raise `ValueError` where what an instance calls a list of its files is none."""
    numbers = [*found["parts"].values(), *found["beside"].values()]
    for size, changed, _executable in found["files"].values():
        numbers += [size, changed]
    names = [*found["absent"], *found["links"], *found["ignores"].values()]
    root = found["root"]  # as it goes to rsync, where `::` and a relative path mean something else
    if not (isinstance(root, str) and root.startswith("/") and "\0" not in root):
        raise ValueError("not a folder")
    if not all(isinstance(one, int) and one >= 0 for one in numbers) or not all(isinstance(one, str) for one in names):
        raise ValueError("not a list of files")


def _tree(found: Mapping[str, Any], rules: Ignores | None) -> Tree:
    files = found["files"]
    kept = files if rules is None else {key: one for key, one in files.items() if not rules.leaves_out(key)}
    return Tree(
        files=kept,
        parts=found["parts"],
        beside=found["beside"],
        absent=tuple(found["absent"]),
        ignored=len(files) - len(kept),
        links=len(found["links"]),
        now=int(found.get("now", 0)),
        root=found.get("root", ""),
    )


def _rules(root: Path, keys: list[str]) -> Ignores:
    """Return rules that know the ignore files above the root, up to the top of its git repository."""
    top = next((one for one in (root, *root.parents) if (one / ".git").exists()), root)
    below = "" if top == root else root.relative_to(top).as_posix()
    rules = Ignores({}, keys, below)
    for folder in [one for one in reversed((root, *root.parents)) if one != root and one.is_relative_to(top)]:
        for name in FILES:
            file = folder / name
            if file.is_file():
                path = file.relative_to(top).as_posix()
                rules.add_above(path, file.read_text(encoding="utf-8", errors="replace"))
    return rules
