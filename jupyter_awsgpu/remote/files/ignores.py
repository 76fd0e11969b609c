"""What stays where it is: .gitignore and .awsgpuignore as git reads them (pathspec), in every folder. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pathspec import GitIgnoreSpec

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILES = (".gitignore", ".awsgpuignore")
"""In this order: what the second says counts more."""


class Ignores:
    """The ignore files of a tree, by their paths from its root, and what they say of other paths in it.

    >>> ignores = Ignores({".gitignore": "*.log"}, [""])
    >>> ignores.leaves_out("run/a.log"), ignores.leaves_out("a.txt")
    (True, False)
    """

    def __init__(self, texts: Mapping[str, str], asked: Iterable[str], below: str = "") -> None:
        """Paths are from the root; `below` is where it lies in a larger tree that has ignore files, too."""
        self._below = below + "/" if below else ""
        self._asked = tuple((self._below + one).rstrip("/") for one in asked)
        self._specs: dict[str, list[GitIgnoreSpec]] = {}
        self._folders: dict[str, bool] = {}
        for path in sorted(texts, key=lambda one: FILES.index(one.rpartition("/")[2])):
            self.add(path, texts[path])

    def add(self, path: str, text: str) -> None:
        """Take an ignore file in; before its folder is looked at."""
        self.add_above(self._below + path, text)

    def add_above(self, path: str, text: str) -> None:
        """Take in an ignore file of the larger tree."""
        above = path.rpartition("/")[0]
        self._specs.setdefault(above, []).append(self._heard(above, text))

    def leaves_out(self, path: str, *, folder: bool = False) -> bool:
        """Whether a file (or a folder and all below it) stays. What was asked for by its own name never does."""
        return self._left_out(self._below + path, folder=folder)

    def _left_out(self, path: str, *, folder: bool) -> bool:
        above, _, name = path.rpartition("/")
        if path in self._asked or not name:
            return False
        if above and above not in self._asked and self._folder_left_out(above):
            return True
        return self._said(path, folder=folder)

    def _folder_left_out(self, path: str) -> bool:
        if path not in self._folders:
            self._folders[path] = self._left_out(path, folder=True)
        return self._folders[path]

    def _said(self, path: str, *, folder: bool) -> bool:
        said = False
        for above in _folders_above(path):
            within = path[len(above) + 1 :] if above else path
            for spec in self._specs.get(above, ()):
                found = spec.check_file(within + "/" if folder else within).include
                said = said if found is None else found
        return said

    def _heard(self, above: str, text: str) -> GitIgnoreSpec:
        """Return an ignore file less the patterns that leave out, as a whole, what was asked for by its name."""
        spec = GitIgnoreSpec.from_lines(text.splitlines())
        inside = [one for one in self._asked if one != above and (not above or one.startswith(above + "/"))]
        names = [one[len(above) + 1 if above else 0 :] + "/" for one in inside]
        kept = [one for one in spec.patterns if not (one.include and any(one.match_file(name) for name in names))]
        return GitIgnoreSpec(kept)


def _folders_above(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["", *("/".join(parts[: number + 1]) for number in range(len(parts)))]
