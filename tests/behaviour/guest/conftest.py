"""An instance in a folder: cloud-init's part played from the real user-data, commands run as local processes."""

from __future__ import annotations

import base64
import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil
import pytest

from jupyter_awsgpu.errors import RemoteCommandFailed
from jupyter_awsgpu.host import Result, generate_host_key
from jupyter_awsgpu.remote.user_data import GuestConfig, user_data

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@dataclass
class FolderHost:
    """Stands for `host.Host`: the same words, on this machine, below `root`."""

    root: Path
    name: str = "gpu"
    environment: dict[str, str] = field(default_factory=dict)

    def run(
        self,
        command: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 60,
        sudo: bool = False,
        check: bool = True,
    ) -> Result:
        del sudo
        done = subprocess.run(
            self.here(command), input=stdin, capture_output=True, timeout=timeout_s, env=self.environment, check=False
        )
        if check and done.returncode:
            raise RemoteCommandFailed(
                name=self.name, command=command[0], status=done.returncode, output=done.stderr.decode()[-500:]
            )
        return Result(done.returncode, done.stdout, done.stderr)

    def follow(self, command: Sequence[str], *, sudo: bool = False, check: bool = True) -> Iterator[str]:
        del sudo
        with subprocess.Popen(self.here(command), stdout=subprocess.PIPE, env=self.environment, text=True) as child:
            assert child.stdout is not None
            try:
                for line in child.stdout:
                    yield line.rstrip("\n")
            finally:
                child.terminate()
        if check and child.returncode not in (0, -signal.SIGTERM):
            raise RemoteCommandFailed(name=self.name, command=command[0], status=child.returncode, output="")

    def here(self, command: Sequence[str]) -> list[str]:
        """Return the command with its program's full path moved below `root`, if it lies there."""
        inside = self.path(command[0])
        return [str(inside) if command[0].startswith("/") and inside.exists() else command[0], *command[1:]]

    def path(self, inside: str) -> Path:
        return self.root / inside.lstrip("/")

    # ── what cloud-init does ──

    def boot(self, packed: bytes) -> None:
        """Do what cloud-init does with our user-data: bootcmd, files and keys, runcmd."""
        text = gzip.decompress(packed).decode()
        assert text.startswith("#cloud-config\n")
        asked: dict[str, Any] = json.loads(text.partition("\n")[2])
        for command in asked["bootcmd"]:
            self.run(command)
        for entry in asked["write_files"]:
            path = self.path(entry["path"])
            path.parent.mkdir(parents=True, exist_ok=True)
            content = entry["content"].encode()
            path.write_bytes(base64.b64decode(content) if entry.get("encoding") == "b64" else content)
            path.chmod(int(entry["permissions"], 8))
        for half, name in (("private", "ssh_host_ecdsa_key"), ("public", "ssh_host_ecdsa_key.pub")):
            self.path(f"/etc/ssh/{name}").write_text(asked["ssh_keys"][f"ecdsa_{half}"])
        for command in asked["runcmd"]:
            self.run(command)

    def end(self) -> None:
        """Power off: end every process whose environment names this root."""
        record = self.path("/run/awsgpu/supervisor.json")
        if record.exists():
            pid = json.loads(record.read_text())["pid"]
            _end(pid)
        for mark in self.path("/run/awsgpu").glob("*.pid"):
            _end(int(mark.read_text()))
        shutil.rmtree(self.path("/run"), ignore_errors=True)


def _end(pid: int) -> None:
    try:
        process = psutil.Process(pid)
        children = process.children(recursive=True)
        process.terminate()
    except psutil.NoSuchProcess:
        return
    deadline = time.monotonic() + 15
    while any(_lives(one) for one in (process, *children)) and time.monotonic() < deadline:
        time.sleep(0.05)
    for one in (process, *children):
        if _lives(one):
            one.kill()


def _lives(process: psutil.Process) -> bool:
    """Whether it runs; one that ended and that nobody has collected yet does not."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture
def config() -> GuestConfig:
    return GuestConfig("gpu", "l-0123456789abcdef", "ubuntu", price_per_hour=0.9, version="1.2.3")


def instance_in(root: Path) -> FolderHost:
    """Lay out an instance in a folder."""
    for part in ("usr/local/bin", "etc/ssh", "run", "home/ubuntu", "var/lib/cloud/data", "opt/pytorch/bin"):
        (root / part).mkdir(parents=True)
    (root / "var/lib/cloud/data/instance-id").write_text("i-0123456789abcdef0\n")
    python = root / "opt/pytorch/bin/python3"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    for name, script in {"shutdown": f'echo "$@" >> {root}/shutdown.log', "wall": "exit 0", "lspci": "exit 0"}.items():
        (root / "usr/local/bin" / name).write_text(f"#!/bin/sh\n{script}\n")
        (root / "usr/local/bin" / name).chmod(0o755)
    config = root / "home/ubuntu/.jupyter"
    config.mkdir()
    (config / "jupyter_server_config.json").write_text('{"ServerApp": {"allow_root": true}}')
    environment = {
        "PATH": f"{root}/usr/local/bin:{os.environ['PATH']}",
        "AWSGPU_ROOT": str(root),
        "HOME": str(root / "home/ubuntu"),
    }
    environment.update({key: value for key, value in os.environ.items() if key.startswith(("AWSGPU_TESTS", "PIP_"))})
    return FolderHost(root, environment=environment)


@pytest.fixture
def folder_host(tmp_path: Path) -> Iterator[FolderHost]:
    host = instance_in(tmp_path / "host")
    yield host
    host.end()


@pytest.fixture
def booted(folder_host: FolderHost, config: GuestConfig) -> FolderHost:
    folder_host.boot(user_data(config, generate_host_key(), "ubuntu"))
    return folder_host
