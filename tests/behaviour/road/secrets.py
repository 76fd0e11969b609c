"""What is secret on the simulated AWS at this moment, and the places where it may not be.

Processes are looked at while they live, which for some is a tenth of a second: their text is kept, and
searched at the end, when every secret is known.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import os
import re
import threading
import time
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

LOOK_EVERY_S = 0.2
GATHER_EVERY_S = 2.0
DISK = "data/demo/aws/*"
"""Below it lie the disks of instances, and of images, which are copies of one (a pattern's `*` takes slashes, too)."""

MEANT = {
    "data/demo/keys/*.pem": "the private keys of launches",
    "data/demo/browser/open-*.html": "the redirect that opens the browser: an address is an argument others can read",
    "data/demo/aws/demo.json": "the simulated AWS's own record, with the credentials it takes",
    f"{DISK}/etc/ssh/ssh_host_*_key": "an instance's host keys",
    f"{DISK}/var/lib/awsgpu/jupyter/token": "the token, for the instance's own Jupyter",
    f"{DISK}/var/lib/awsgpu/cluster/*.pem": "what a node of a cluster shows the others",
    f"{DISK}/home/*/.local/share/jupyter/runtime/jpserver-*": "Jupyter's own, in a folder that is its user's alone",
    f"{DISK}/home/*/.awsgpu/kernels/*/kernel.json": "a kernel's connection file there",
    f"{DISK}/home/*/.awsgpu/kernels/*/door.json": "the secret that a kernel's relay wants",
    "jupyter/runtime/kernel-*.json": "a kernel's connection file here, Jupyter's own",
}
"""Files below the home folder that are there to hold a secret, and which one; nobody else may read them."""

PRIVATE = re.compile(r"-----BEGIN ([A-Z ]*)PRIVATE KEY-----\s+(.*?)-----END", re.DOTALL)


def private_lines(text: str) -> set[str]:
    r"""Return of each private key in a text the line that is its own: the first ones are any key's.

    >>> private_lines("-----BEGIN PRIVATE KEY-----\nMIGH\nb3du\n-----END PRIVATE KEY-----")
    {'b3du'}
    """
    found = set()
    for kind, body in PRIVATE.findall(text.replace("\\n", "\n")):
        lines = body.split()
        found.add(lines[3 if "OPENSSH" in kind else 1])
    return found


def of_user_data(ec2: Any, instance_id: str) -> set[str]:
    """Return the first host key, as whoever may read the instance's user-data sees it."""
    answer = ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")
    document = gzip.decompress(base64.b64decode(answer["UserData"]["Value"])).decode()
    return private_lines(document)


def in_files(folder: Path) -> dict[str, str]:
    """Return secret → kind of every private key, token and relay secret that lies in a file below a folder."""
    found: dict[str, str] = {}
    for path, text in texts(folder):
        found |= dict.fromkeys(private_lines(text), "a private key")
        if path.name == "token":
            found[text.strip()] = "a token"
        elif path.name == "door.json":
            found[json.loads(text)["secret"]] = "a kernel's door"
    return found


def texts(folder: Path) -> Iterator[tuple[Path, str]]:
    """Yield every file below a folder that can be read, links left out; bytes that are no text are kept apart."""
    for parent, _folders, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            with contextlib.suppress(OSError):
                if path.is_file() and not path.is_symlink():
                    yield path, path.read_text(encoding="utf-8", errors="replace")


def out_of_place(home: Path, secrets: dict[str, str]) -> list[str]:
    """Return the files below the home folder that hold a secret and are not `MEANT` to, or are open to others."""
    found = []
    for path, text in texts(home):
        place = path.relative_to(home).as_posix()
        meant = any(fnmatch(place, pattern) for pattern in MEANT)
        if not meant or _open_to_others(path):
            found += [f"{what} in {place}" for what in shown(text, secrets)]
    return found


def _open_to_others(path: Path) -> bool:
    """Return whether others may read a file: its own mode lets them, and so does that of its folder."""
    with contextlib.suppress(OSError):  # it went meanwhile
        return os.name == "posix" and all(one.stat().st_mode & 0o077 for one in (path, path.parent))
    return False


def shown(text: str, secrets: dict[str, str]) -> set[str]:
    """Return the kinds of secrets that a text shows."""
    return {what for secret, what in secrets.items() if secret in text}


class Watch:
    """Sees every process of this machine, arguments and environment, and every secret that lies in a file.

    Until it ends: an instance takes its token with it.
    """

    def __init__(self, home: Path) -> None:
        self.seen: dict[str, str] = {}
        self.known: dict[str, str] = {}
        self.home = home
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def leaks(self) -> set[str]:
        """Return what of the secrets known by now a process was begun with, and which."""
        return {f"{what}: {of}" for text, of in self.seen.items() for what in shown(text, self.known)}

    def _look(self) -> None:
        gathered = 0.0
        while not self._over.wait(LOOK_EVERY_S):
            self._see()
            self._see_tokens()
            if time.monotonic() > gathered + GATHER_EVERY_S:
                self.gather()
                gathered = time.monotonic()

    def _see(self) -> None:
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                words = " ".join(process.cmdline())
                self.seen[f"arguments: {words}"] = f"arguments of {words[:200]}"
                for name, value in process.environ().items():
                    self.seen.setdefault(f"{name}={value}", f"{name} of {words[:200]}")

    def _see_tokens(self) -> None:
        """Add the tokens there are: on a fast machine an instance lives for less than it takes to look at all files."""
        for path in self.home.glob("data/demo/aws/hosts/*/disk/var/lib/awsgpu/jupyter/token"):
            with contextlib.suppress(OSError):
                self.known |= dict.fromkeys(filter(None, [path.read_text(encoding="utf-8").strip()]), "a token")

    def gather(self) -> None:
        """Add the secrets that lie in files at this moment."""
        demo = self.home / "data" / "demo"
        disks = [
            one
            for own in ("var/lib/awsgpu", "home/*/.awsgpu", "etc/ssh")
            for one in demo.glob(f"aws/hosts/*/disk/{own}")
        ]
        for folder in (demo / "keys", *disks):
            self.known |= in_files(folder)
