"""User-data: one gzipped cloud-config that carries the guest's first part and what it is to do.

What the machine needs to become ready with the laptop asleep travels here, packed small (`pack`). The
whole program, as people write it, goes over the verified SSH connection at first contact.
"""

from __future__ import annotations

import ast
import base64
import io
import json
import re
import tarfile
import threading
import zlib
from dataclasses import asdict, dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from jupyter_awsgpu.model import GUEST_COMMAND
from jupyter_awsgpu.remote.packed import packed_first

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMIT_BYTES = 12 * 1024
"""What all wishes together may come to, which a test keeps: the rest is left to a long mirror's name."""

EC2_LIMIT_BYTES = 16 * 1024

PROGRAM = "/opt/awsgpu"
UNTIL_THE_LAPTOP_COMES = '[ -e "${AWSGPU_ROOT:-}/opt/awsgpu/guest" ] && exit 0\n'
BRING = """
set -e
root="${AWSGPU_ROOT:-}"
rm -rf "$root/opt/awsgpu/guest.new"
tar -xz --no-same-owner -C "$root/"
: >"$root/opt/awsgpu/arriving"
rm -rf "$root/opt/awsgpu/guest"
mv "$root/opt/awsgpu/guest.new" "$root/opt/awsgpu/guest"
"""
"""The shell line that takes `whole_program` on its stdin. It is `arriving` until it has been started once."""

LONG_WORD = re.compile(r"([A-Za-z0-9+/=]{1000,})")
EARLY = "if command -v awsgpu-guest >/dev/null; then awsgpu-guest boot --early; fi"


@dataclass(frozen=True, slots=True)
class GuestConfig:
    """What the guest is to do: the wishes of the launch that concern the instance itself.

    Times are minutes or hours as named, money is dollars. `mirror` maps "apt",
    "conda_channel", "cuda_repository", "miniforge" and "anaconda" (the last two also with `_sha256`)
    to other addresses than the vendors'; an image may bring such a map as /etc/awsgpu/mirror.json.
    `engine` is what several machines under one name, `nodes` of them, work on together.
    """

    name: str
    launch_id: str
    instance_user: str
    idle_stop_minutes: int | None = 60
    on_idle: str = "stop"
    max_hours: float | None = 12.0
    budget: float | None = None
    price_per_hour: float | None = None
    remote_port: int = 8888
    python: str = "auto"
    cuda: str | None = None
    environment: str | None = None
    pip_index: str | None = None
    jupyter_packages: tuple[str, ...] = ("jupyterlab>=4.2", "ipykernel")
    mirror: dict[str, str] = field(default_factory=dict)
    engine: str | None = None
    nodes: int = 1
    version: str = ""
    schema: int = 1

    @property
    def cap_minutes(self) -> int | None:
        """Return after how many minutes the instance stops in any case, or None for never."""
        hours = [self.max_hours] if self.max_hours else []
        if self.budget and self.price_per_hour:
            hours.append(self.budget / self.price_per_hour)
        return max(1, int(min(hours) * 60) + 1) if hours else None

    def document(self) -> str:
        """Return /etc/awsgpu/config.json; what is not set is not in it."""
        said = {key: value for key, value in asdict(self).items() if value not in (None, {})}
        if self.nodes == 1:
            del said["nodes"]
        return json.dumps(said, sort_keys=True, separators=(",", ":"))


def user_data(config: GuestConfig, first_host_key: tuple[str, str], ssh_user: str) -> bytes:
    """Return the gzipped cloud-config. `first_host_key` is (private PEM, public line) of an ECDSA key.

    The private half can be read by whoever may read the instance's user-data: the guest replaces the
    key at first contact. Raises ValueError if EC2 would not take it.
    """
    del ssh_user  # the image's default user is cloud-init's own; the guest has it from its configuration
    # JSON is YAML: no writer of ours can get the quoting wrong.
    packed = _gzipped("#cloud-config\n" + json.dumps(cloud_config(config, first_host_key), separators=(",", ":")))
    if len(packed) > EC2_LIMIT_BYTES:
        message = f"user-data has {len(packed)} bytes, more than {EC2_LIMIT_BYTES}"
        raise ValueError(message)
    return packed


def cloud_config(config: GuestConfig, first_host_key: tuple[str, str]) -> dict[str, object]:
    """Return the document that cloud-init reads."""
    private, public = first_host_key
    return {
        "bootcmd": [*_guards(config), ["sh", "-c", EARLY]],
        "ssh_keys": {"ecdsa_private": private, "ecdsa_public": public},
        "write_files": [_entry(path, data, mode) for path, data, mode in first_files(config)],
        "runcmd": [["awsgpu-guest", "boot"]],
    }


def _gzipped(text: str) -> bytes:
    """Return the text gzipped, with a block of its own for each long word: LZMA in base 64 has its own statistics."""
    squeeze = zlib.compressobj(9, wbits=31)
    parts = [squeeze.compress(part.encode()) + squeeze.flush(zlib.Z_BLOCK) for part in LONG_WORD.split(text)]
    return b"".join([*parts, squeeze.flush()])


def _guards(config: GuestConfig) -> list[list[str]]:
    """Return the plain shutdowns, armed at each boot before anything else.

    One is the cap. The other is the idle stop of a machine whose program, and with it its first user, has not come.
    """
    arm = _file("arm.sh")
    guards = [["sh", "-c", arm, "arm", str(config.cap_minutes)]] if config.cap_minutes else []
    if config.idle_stop_minutes:
        guards.append(["sh", "-c", UNTIL_THE_LAPTOP_COMES + arm, "arm", str(config.idle_stop_minutes), "lonely"])
    return guards


def first_files(config: GuestConfig) -> list[tuple[str, bytes, str]]:
    """Return (path on the instance, content, mode) of what user-data puts there."""
    with _PACKING:
        program = _packed()
    return [*program, ("/etc/awsgpu/config.json", config.document().encode(), "0600")]


_PACKING = threading.Lock()
"""Several launches at once pack one after the other: Python's own parser is not for many threads (CPython 106905)."""


@cache
def _packed() -> tuple[tuple[str, bytes, str], ...]:
    """Return the files that are the same in every launch, made once a process."""
    return (
        (GUEST_COMMAND, _file("awsgpu-guest.sh").encode(), "0755"),
        (f"{PROGRAM}/main.py", _file("main.py").encode(), "0644"),
        (f"{PROGRAM}/first.xz", packed_first(), "0644"),
        (f"{PROGRAM}/gpus.json", json.dumps(table_in_short(), separators=(",", ":")).encode(), "0644"),
    )


@cache
def table_in_short() -> dict[str, object]:
    """Return of the GPU table what a driver's choice needs: the rows that differ from what an unknown GPU gets."""
    whole = json.loads(files("jupyter_awsgpu.guest").joinpath("gpus.json").read_text(encoding="utf-8"))
    newest = whole["newest_branch"]
    rows = [row for row in whole["gpus"] if row["module"] == "proprietary" or row["branch"] != newest]
    used = {str(newest), *(str(row["branch"]) for row in rows)}
    branches = {
        name: {key: how[key] for key in ("vendor", "proprietary", "open") if key in how}
        for name, how in whole["branches"].items()
        if name in used
    }
    gpus = [{key: row[key] for key in ("pci", "module", "branch")} for row in rows]
    return {"newest_branch": newest, "branches": branches, "gpus": gpus}


def program() -> list[tuple[str, str]]:
    """Return (file name, content) of the whole guest package."""
    folder = files("jupyter_awsgpu.guest")
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith((".py", ".json", "arm.sh")))
    return [(name, folder.joinpath(name).read_text(encoding="utf-8")) for name in names]


def upload(config: GuestConfig | None = None, extra: dict[str, str] | None = None) -> bytes:
    """Return the tar that `awsgpu-guest update` takes: the program, and what goes to /etc/awsgpu."""
    members = {f"guest/{name}": text for name, text in program()}
    if config is not None:
        members["etc/config.json"] = config.document()
    members.update({f"etc/{name}": text for name, text in (extra or {}).items()})
    return _tar((name, text.encode(), "0644") for name, text in members.items())


def whole_program(config: GuestConfig | None = None) -> bytes:
    """Return as a tar what `BRING` unpacks: the command, the program, and the configuration where there is none."""
    members = [
        (GUEST_COMMAND, _source("awsgpu-guest.sh").encode(), "0755"),
        (f"{PROGRAM}/main.py", _source("main.py").encode(), "0644"),
        *((f"{PROGRAM}/guest.new/{name}", text.encode(), "0644") for name, text in program()),
    ]
    if config is not None:
        members.append(("/etc/awsgpu/config.json", config.document().encode(), "0600"))
    return _tar((path.lstrip("/"), data, mode) for path, data, mode in members)


def _tar(members: Iterable[tuple[str, bytes, str]]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data, mode in members:
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(data), int(mode, 8)
            archive.addfile(about, io.BytesIO(data))
    return packed.getvalue()


def _entry(path: str, data: bytes, mode: str) -> dict[str, str]:
    try:
        return {"path": path, "permissions": mode, "content": data.decode("ascii")}
    except UnicodeDecodeError:
        return {"path": path, "permissions": mode, "encoding": "b64", "content": base64.b64encode(data).decode()}


def _source(name: str) -> str:
    return files("jupyter_awsgpu.guest").joinpath(name).read_text(encoding="utf-8")


@cache
def _file(name: str) -> str:
    """Return a file without what only its readers need."""
    text = _source(name)
    if name.endswith(".py"):
        return ast.unparse(ast.Module(ast.parse(text).body[1:], []))
    return "".join(line for line in text.splitlines(True) if line.startswith("#!") or not line.lstrip().startswith("#"))
