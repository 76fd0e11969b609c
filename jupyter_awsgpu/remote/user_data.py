"""User-data: one gzipped cloud-config that carries the seed of the guest program and what it is to do.

Small by construction: only the seed travels here, without comments and docstrings. The rest of the
program goes over the verified SSH connection at first contact (`upload`), where nobody else reads it.
"""

from __future__ import annotations

import ast
import gzip
import io
import json
import tarfile
from dataclasses import asdict, dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING

from jupyter_awsgpu.model import GUEST_COMMAND

if TYPE_CHECKING:
    from collections.abc import Iterable

LIMIT_BYTES = 12 * 1024
"""EC2 takes 16 KB raw; the rest is left to what a user may want to add."""

PROGRAM = "/opt/awsgpu"
SEED = ("__init__.py", "accounts.py", "arm.sh", "commands.py", "hostkey.py", "identity.py", "paths.py", "seed.py")
EARLY = "if command -v awsgpu-guest >/dev/null; then awsgpu-guest boot --early; fi"


@dataclass(frozen=True, slots=True)
class GuestConfig:
    """What the guest is to do: the wishes of the launch that concern the instance itself.

    Times are minutes or hours as named, money is dollars. `mirror` maps "apt",
    "conda_channel", "cuda_repository", "miniforge" and "anaconda" (the last two also with `_sha256`)
    to other addresses than the vendors'; an image may bring such a map as /etc/awsgpu/mirror.json.
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
        """Return /etc/awsgpu/config.json."""
        return json.dumps(asdict(self), sort_keys=True)


def user_data(config: GuestConfig, first_host_key: tuple[str, str], ssh_user: str) -> bytes:
    """Return the gzipped cloud-config. `first_host_key` is (private PEM, public line) of an ECDSA key.

    The private half can be read by whoever may read the instance's user-data: the guest replaces the
    key at first contact. Raises ValueError if it does not fit, which a test keeps from happening.
    """
    private, public = first_host_key
    arm = _file("arm.sh")
    document: dict[str, object] = {
        "bootcmd": [["sh", "-c", EARLY]],
        "ssh_keys": {"ecdsa_private": private, "ecdsa_public": public},
        "write_files": [_entry(path, text, mode) for path, text, mode in program_files(config)],
        "runcmd": [["awsgpu-guest", "boot"]],
    }
    if config.cap_minutes:
        document["bootcmd"] = [["sh", "-c", arm, "arm", str(config.cap_minutes)], ["sh", "-c", EARLY]]
    del ssh_user  # the image's default user is cloud-init's own; the guest has it from its configuration
    # JSON is YAML: no writer of ours can get the quoting wrong.
    packed = gzip.compress(b"#cloud-config\n" + json.dumps(document).encode(), 9, mtime=0)
    if len(packed) > LIMIT_BYTES:
        message = f"user-data has {len(packed)} bytes, more than {LIMIT_BYTES}"
        raise ValueError(message)
    return packed


def program_files(config: GuestConfig) -> list[tuple[str, str, str]]:
    """Return (path on the instance, content, mode) of what user-data puts there."""
    return [
        (GUEST_COMMAND, _file("awsgpu-guest.sh"), "0755"),
        (f"{PROGRAM}/main.py", _file("main.py"), "0644"),
        *((f"{PROGRAM}/guest/{name}", _file(name), "0644") for name in SEED),
        ("/etc/awsgpu/config.json", config.document(), "0600"),
    ]


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
    return _tar((name, text, "0644") for name, text in members.items())


def first_files(config: GuestConfig) -> bytes:
    """Return as a tar, to be unpacked at /, what user-data would have put on an instance of our own."""
    return _tar((path.lstrip("/"), text, mode) for path, text, mode in program_files(config))


def _tar(members: Iterable[tuple[str, str, str]]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text, mode in members:
            data = text.encode()
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(data), int(mode, 8)
            archive.addfile(about, io.BytesIO(data))
    return packed.getvalue()


def _entry(path: str, text: str, mode: str) -> dict[str, str]:
    return {"path": path, "permissions": mode, "content": text}


def _file(name: str) -> str:
    text = files("jupyter_awsgpu.guest").joinpath(name).read_text(encoding="utf-8")
    if name.endswith(".py"):
        return bare(text)
    return "".join(line for line in text.splitlines(True) if line.startswith("#!") or not line.lstrip().startswith("#"))


def bare(source: str) -> str:
    """Return Python source without docstrings, comments and blank lines; its line of code stay as written."""
    drop: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) or not body:
            continue
        statements = [one for one in body if not _is_text(one)]
        for one in body:
            if _is_text(one) and statements:
                drop.update(range(one.lineno, (one.end_lineno or one.lineno) + 1))
    kept = []
    inside = _lines_inside_strings(source)
    for number, line in enumerate(source.splitlines(True), start=1):
        bare_comment = line.lstrip().startswith("#") or not line.strip()
        if number in drop or (bare_comment and number not in inside):
            continue
        kept.append(line)
    return "".join(kept)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def _lines_inside_strings(source: str) -> set[int]:
    inside: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.end_lineno:
            inside.update(range(node.lineno + 1, node.end_lineno + 1))
    return inside
