"""Files between two machines: the same program at both ends of one connection.

On the instance it is sent over SSH and run by any Python from 3.8 on, so it imports nothing of ours; the
laptop imports it. A conversation of JSON lines and bytes: `list`, `take` (files come in), `send` (files go
out). A file is written beside its place and moved there whole; one that was cut off goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import sys
import time
from typing import Any, BinaryIO, Callable, Iterator

CHUNK = 1 << 20
LINE_MOST = 1 << 20
"""Bytes of the line before a file: its path is the longest of it."""
RESUMED_FROM = 4 << 20
"""Bytes from which on a file that was cut off goes on where it was; a smaller one comes again."""

PART = ".awsgpu-%s.part"
IGNORES = (".gitignore", ".awsgpuignore")
IGNORE_LIMIT = 1 << 20


class Refused(Exception):
    """What was asked cannot be done; the text says why."""


# ── what there is ────────────────────────────────────────────────────────────


def workplace() -> str:
    """Return the folder where the instance's Jupyter begins, or the home where there is none."""
    home = os.path.expanduser("~")
    place = os.path.join(home, "work")
    return place if os.path.isdir(place) else home


def root_of(place: str) -> str:
    """Return a folder by its real path; a relative one starts where the instance's Jupyter begins."""
    return os.path.realpath(os.path.join(workplace(), os.path.expanduser(place)))


def listing(root: str, keys: list[str], rules: Any = None) -> dict[str, Any]:
    """Return the files below `root` at and under each key, by their paths from `root` with `/`.

    `files` are [size, mtime in ns, executable]; `links` (which do not travel) and `absent` are names; `parts`
    are sizes of files that were cut off, `beside` of those in the folder of a key that is a file; `ignores` are
    the texts of ignore files. `rules`, where given, hear of these (`add`) and say which folders need not be
    looked at (`leaves_out`).
    """
    found: dict[str, Any] = {name: {} for name in ("files", "parts", "beside", "ignores")}
    found.update(links=[], absent=[], rules=rules)
    for folder in sorted({above for key in keys for above in _above(key)}):
        _read_ignores_of(root, folder, found)
    for key in keys:
        path = os.path.join(root, *key.split("/")) if key else root
        try:
            kind = os.lstat(path)
        except OSError:
            found["absent"].append(key)
            _look_beside(found, path, key)
            continue
        if stat.S_ISDIR(kind.st_mode):
            _walk(root, key, found)
        else:
            _note(found, key, kind)
            _look_beside(found, path, key)
    del found["rules"]
    return found


def _above(key: str) -> list[str]:
    parts = key.split("/")[:-1] if key else []
    return ["/".join(parts[:number]) for number in range(len(parts) + 1)]


def _read_ignores_of(root: str, folder: str, found: dict[str, Any]) -> None:
    try:
        with os.scandir(os.path.join(root, *folder.split("/")) if folder else root) as entries:
            _read_ignores(folder, [one for one in entries if one.name in IGNORES], found)
    except OSError:
        return


def _look_beside(found: dict[str, Any], path: str, key: str) -> None:
    """Look for what was cut off beside a single file, there or not yet."""
    folder = os.path.dirname(path)
    names = os.listdir(folder) if os.path.isdir(folder) else []
    for name in names:
        if name.startswith(".awsgpu-") and name.endswith(".part"):
            found["beside"][_join(key.rpartition("/")[0], name)] = os.lstat(os.path.join(folder, name)).st_size


def _walk(root: str, key: str, found: dict[str, Any]) -> None:
    waiting, rules = [key], found["rules"]
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(os.path.join(root, *folder.split("/")) if folder else root) as entries:
                here = list(entries)
        except OSError:
            found["links"].append(folder)
            continue
        _read_ignores(folder, here, found)
        for entry in here:
            name = _join(folder, entry.name)
            if entry.is_dir(follow_symlinks=False):
                if entry.name != ".git" and not (rules and rules.leaves_out(name, folder=True)):
                    waiting.append(name)
            else:
                try:
                    _note(found, name, entry.stat(follow_symlinks=False))
                except OSError:  # it went while we looked
                    continue


def _read_ignores(folder: str, entries: list[Any], found: dict[str, Any]) -> None:
    for entry in entries:
        if entry.name in IGNORES and entry.is_file(follow_symlinks=False) and entry.stat().st_size <= IGNORE_LIMIT:
            name = _join(folder, entry.name)
            if name in found["ignores"]:
                continue
            with open(entry.path, encoding="utf-8", errors="replace") as file:
                found["ignores"][name] = file.read()
            if found["rules"]:
                found["rules"].add(name, found["ignores"][name])


def _note(found: dict[str, Any], key: str, kind: os.stat_result) -> None:
    name = key.rpartition("/")[2]
    if not stat.S_ISREG(kind.st_mode):
        found["links"].append(key)
    elif name.startswith(".awsgpu-") and name.endswith(".part"):
        found["parts"][key] = kind.st_size
    else:
        found["files"][key] = [kind.st_size, kind.st_mtime_ns, bool(kind.st_mode & 0o100)]


def _join(folder: str, name: str) -> str:
    return folder + "/" + name if folder else name


def part_of(key: str, size: int, mtime_ns: int) -> str:
    """Return where a file lies while it is incomplete: a name of this very version of it, beside its place."""
    folder, _, name = key.rpartition("/")
    version = "%s %d %d" % (name, size, mtime_ns)
    return _join(folder, PART % hashlib.sha256(version.encode("utf-8", "surrogateescape")).hexdigest()[:16])


# ── files go out ─────────────────────────────────────────────────────────────


def send(out: BinaryIO, root: str, wanted: list[list[Any]], told: Callable[[int, int], None] | None = None) -> None:
    """Write the files [key, offset], each as a JSON line, its bytes, and a line that says whether it held still.

    `told` hears the bytes gone out and the files finished, each time.
    """
    for key, had in wanted:
        path = os.path.join(root, *key.split("/"))
        try:
            file = open(path, "rb", buffering=0)  # noqa: SIM115 - what cannot be opened is passed over
        except OSError as exc:
            line(out, {"p": key, "gone": exc.strerror or str(exc)})
            continue
        with file:
            kind = os.fstat(file.fileno())
            offset = min(had, kind.st_size)
            executable = bool(kind.st_mode & 0o100)
            line(out, {"p": key, "s": kind.st_size, "m": kind.st_mtime_ns, "x": executable, "o": offset})
            whole = _pour(file, out, offset, kind.st_size - offset, told)
            after = os.fstat(file.fileno())
        steady = whole and (after.st_size, after.st_mtime_ns) == (kind.st_size, kind.st_mtime_ns)
        line(out, {"ok": steady})
        if told:
            told(0, 1)
    line(out, {"end": True})
    out.flush()


def _pour(file: BinaryIO, out: BinaryIO, offset: int, left: int, told: Callable[[int, int], None] | None) -> bool:
    """Write exactly `left` bytes, zeros for what is missing; say whether none was."""
    file.seek(offset)
    buffer = memoryview(bytearray(min(CHUNK, max(1, left))))
    while left:
        got = file.readinto(buffer[: min(left, CHUNK)])  # type: ignore[attr-defined]
        if not got:
            while left:
                piece = bytes(min(left, CHUNK))
                out.write(piece)
                left -= len(piece)
            return False
        out.write(buffer[:got])
        left -= got
        if told:
            told(got, 0)
    return True


# ── files come in ────────────────────────────────────────────────────────────


class Taker:
    """Writes what comes in, and nothing outside `root`."""

    def __init__(self, root: str, told: Callable[[int, int], None] | None = None) -> None:
        os.makedirs(root, exist_ok=True)
        self._root = os.path.realpath(root)
        self._told = told
        self._safe: set[str] = set()
        self.restless: list[str] = []
        self.count = 0

    def take(self, stream: BinaryIO) -> None:
        """Take files until the sender says that it was the last."""
        while True:
            head = heard(stream) or {"cut": True}
            if head.get("cut"):
                raise EOFError("the connection ended before the files did")
            if head.get("end"):
                return
            if "gone" in head:
                self.restless.append(str(head["p"]))
                continue
            self._one(stream, head)
            if self._told:
                self._told(0, 1)

    def path(self, key: str) -> str:
        """Return where a file goes. Raises `Refused` for a name that leads out of the root."""
        parts = key.split("/")
        bad = any(part in ("", ".", "..") or "\0" in part for part in parts)
        if os.name == "nt":
            bad = bad or any(letter in key for letter in '\\:*?"<>|')
        folder = os.path.join(self._root, *parts[:-1])
        if not bad and folder not in self._safe:
            real = os.path.realpath(folder)  # a link on the way may lead anywhere
            bad = real != self._root and not real.startswith(self._root.rstrip(os.sep) + os.sep)
            if not bad:
                os.makedirs(folder, exist_ok=True)
                self._safe.add(folder)
        if bad:
            raise Refused("%r leads out of %s" % (key, self._root))
        return os.path.join(folder, parts[-1])

    def _one(self, stream: BinaryIO, head: dict[str, Any]) -> None:
        key, size, offset = str(head["p"]), int(head["s"]), int(head["o"])
        if not 0 <= offset <= size:
            raise ValueError("a file of that size has no such place")
        path = self.path(key)
        part = self.path(part_of(key, size, head["m"]))
        if os.path.isdir(path) and not os.path.islink(path):
            raise Refused("%s is a folder at the other end" % key)
        with self._opened(part, offset) as file:
            self._pour(stream, file, size - offset)
        if not heard(stream).get("ok"):
            os.unlink(part)
            self.restless.append(key)
            return
        mode = 0o777 if head.get("x") else 0o666
        os.chmod(part, mode & ~UMASK)
        os.utime(part, ns=(time.time_ns(), head["m"]))
        os.replace(part, path)
        self.count += 1

    @staticmethod
    def _opened(part: str, offset: int) -> BinaryIO:
        if os.path.islink(part):
            os.unlink(part)
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        file = os.fdopen(os.open(part, flags, 0o600), "wb", buffering=0)
        if os.fstat(file.fileno()).st_size < offset:
            file.close()
            raise Refused("%s is shorter than it was: try again" % part)
        file.truncate(offset)
        file.seek(offset)
        return file  # type: ignore[return-value]

    def _pour(self, stream: BinaryIO, file: BinaryIO, left: int) -> None:
        buffer = memoryview(bytearray(min(CHUNK, max(1, left))))
        while left:
            got = stream.readinto(buffer[: min(left, CHUNK)])  # type: ignore[attr-defined]
            if not got:
                raise EOFError("the connection ended in the middle of a file")
            view = buffer[:got]
            while view:
                view = view[file.write(view) :]
            left -= got
            if self._told:
                self._told(got, 0)


def _umask() -> int:
    old = os.umask(0o022)
    os.umask(old)
    return old


UMASK = _umask()


# ── the conversation ─────────────────────────────────────────────────────────


def line(out: BinaryIO, document: dict[str, Any]) -> None:
    """Write a JSON line; names that are not UTF-8 survive."""
    out.write(json.dumps(document).encode("ascii") + b"\n")


def heard(stream: BinaryIO, most: int = LINE_MOST) -> dict[str, Any]:
    """Return the document of the next line, an empty one where the other end has left.

    Raises `ValueError` for what is none: anybody may be at the other end.
    """
    text = stream.readline(most)
    try:
        found = json.loads(text or b"{}")
    except RecursionError as exc:
        raise ValueError("brackets without an end") from exc
    if not isinstance(found, dict):
        raise ValueError("not a document")  # noqa: TRY004 - one error for whatever is no document
    return found


def asked(stream: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield what is asked, until the asker leaves."""
    while True:
        text = stream.readline()
        if not text:
            return
        yield json.loads(text)


def serve(stream: BinaryIO, out: BinaryIO) -> None:
    """Answer `list`, `take` and `send` until the asker leaves."""
    line(out, {"hello": 1, "rsync": shutil.which("rsync") is not None})
    out.flush()
    for request in asked(stream):
        try:
            _answer(request, stream, out)
        except (Refused, OSError) as exc:
            line(out, {"refused": str(exc)})
            out.flush()
            return
        out.flush()


def _answer(request: dict[str, Any], stream: BinaryIO, out: BinaryIO) -> None:
    root = root_of(request["root"])
    if request["do"] == "list":
        line(out, dict(listing(root, request["keys"]), now=time.time_ns(), root=root))
    elif request["do"] == "take":
        taker = Taker(root)
        taker.take(stream)
        for stale in request.get("stale", ()):
            if os.path.basename(stale).startswith(".awsgpu-"):
                os.unlink(taker.path(stale))
        line(out, {"count": taker.count, "restless": taker.restless})
    elif request["do"] == "send":
        send(out, root, request["files"])


if __name__ == "__main__":
    serve(sys.stdin.buffer, sys.stdout.buffer)
