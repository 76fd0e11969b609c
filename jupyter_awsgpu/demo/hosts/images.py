"""What an image brings to a host's disk: its interpreter, its driver, and the tools a host must answer.

The tools (`shims/`) are small programs that stand for AWS-side or hardware-side ones: sudo,
shutdown, service, apt and dpkg, lspci, nvidia-smi, cloud-init. They are written anew at every boot.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_awsgpu.demo.hosts import gpu, kernel
from jupyter_awsgpu.demo.hosts.accounts import RUNTIME
from jupyter_awsgpu.demo.hosts.rootfs import DISK

if TYPE_CHECKING:
    from jupyter_awsgpu.demo.hosts.accounts import Accounts
    from jupyter_awsgpu.demo.hosts.isolation import Ground
    from jupyter_awsgpu.demo.hosts.spec import HostSpec

SHIMS = Path(__file__).parent / "shims"
STAND_INS = Path(__file__).parents[1] / "stand_ins"
_TOOLS = {
    "sudo": ("bin/sudo",),
    "power": ("sbin/shutdown", "sbin/poweroff", "sbin/halt", "sbin/reboot"),
    "service": ("sbin/service",),
    "packages": ("bin/apt-get", "bin/apt", "bin/apt-mark", "bin/dpkg", "bin/dpkg-query"),
    "lspci": ("bin/lspci",),
    "cloud-init": ("bin/cloud-init",),
}
_ONE_ID = {"chown": ("bin/chown", "bin/chgrp"), "as-user": ("bin/su", "sbin/runuser")}
"""Only where the host has a single user id, so that ownership cannot change and su cannot work."""

_OS_IDS = {"amazon-linux": "amzn"}

_ABSENT = ("systemctl", "systemd-run", "journalctl", "loginctl", "nvidia-smi", "nvidia-modprobe", "docker", "snap")
"""Programs of this machine that a host must not find: there is no systemd, and its GPU is not this machine's."""


def install(accounts: Accounts, spec: HostSpec) -> None:
    """Make the disk and the hardware what the image and the instance type say."""
    ground = accounts.ground
    for name in ("run", "tmp", RUNTIME):
        ground.path(name).mkdir(parents=True, exist_ok=True)
    ground.path(RUNTIME).chmod(0o1777)
    gpu.install(ground, spec, RUNTIME)
    tools = _TOOLS | (_ONE_ID if ground.kind == "user" else {})
    for name, places in tools.items():
        for place in places:
            write_tool(accounts, name, f"usr/local/{place}")
    if ground.isolated:
        _hide_programs()
    _python(accounts)
    _name_system(accounts, str(spec.image.get("os") or ""))
    driver = ground.path("etc/awsgpu-demo-driver")
    if spec.image.get("driver") and not driver.exists():
        driver.write_text(str(spec.image["driver"]) + "\n")
    write_tool(accounts, "nvidia-smi", f"{RUNTIME}/nvidia-smi")  # where the driver's package takes it from
    if driver.exists():
        write_tool(accounts, "nvidia-smi", "usr/local/bin/nvidia-smi")
    if prefix := interpreter_prefix(spec):
        _install_interpreter(accounts, prefix)
    else:
        offer_conda(accounts.ground)


def offer_conda(ground: Ground) -> None:
    """Lay the stand-ins for both installers where a plain image's own list of mirrors leads to them.

    Both are of one make, conda's constructor; Miniforge publishes a checksum beside its own, Anaconda does not.
    """
    text = (STAND_INS / "miniforge.sh").read_text()
    texts = {"miniforge": text, "anaconda": text.replace("Miniforge", "Anaconda").replace("miniforge3", "anaconda3")}
    offered = {kind: ground.path(f"usr/local/share/{kind}-stand-in.sh") for kind in texts}
    for kind, installer in offered.items():
        installer.parent.mkdir(parents=True, exist_ok=True)
        installer.write_text(texts[kind])
    published = f"{hashlib.sha256(text.encode()).hexdigest()}  Miniforge3.sh\n"
    offered["miniforge"].with_name(offered["miniforge"].name + ".sha256").write_text(published)
    mirrors = ground.path("etc/awsgpu/mirror.json")
    mirrors.parent.mkdir(parents=True, exist_ok=True)
    mirrors.write_text(json.dumps({kind: installer.as_uri() for kind, installer in offered.items()}) + "\n")


def write_tool(accounts: Accounts, name: str, place: str) -> None:
    """Write one of our tools; its first line names the interpreter it runs under."""
    text = (SHIMS / name).read_text()
    text = text.replace("#!python\n", f"#!{accounts.bare_python()} -IS\n", 1)
    text = text.replace("@RUNTIME@", str(accounts.ground.path(RUNTIME)))
    target = accounts.ground.path(place)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(text)
    target.chmod(0o755)


def _hide_programs() -> None:
    """Put ours in the place of this machine's programs of those names, and remove what a host has not.

    /usr is copy-on-write, so this machine's stays as it is; where /usr is read-only, they are covered.
    """
    ours = {place.rpartition("/")[2]: f"/usr/local/{place}" for places in _TOOLS.values() for place in places}
    nothing = Path(RUNTIME) / "nothing"
    nothing.touch(mode=0)
    for folder in ("/usr/bin", "/usr/sbin"):
        for name in (*_ABSENT, *ours):
            there = Path(folder) / name
            if not there.is_symlink() and not there.exists():
                continue
            try:
                there.unlink()
                if name in ours:
                    there.symlink_to(ours[name])
            except OSError:
                if not there.is_symlink():
                    kernel.bind(Path(ours.get(name, nothing)), there)


def _python(accounts: Accounts) -> None:
    """Make `python3` this machine's own interpreter, without the demo's packages."""
    target = accounts.ground.path("usr/local/bin/python3")
    if not target.exists():
        target.write_text(f'#!/bin/sh\nexec {accounts.bare_python()} "$@"\n')
        target.chmod(0o755)


def _name_system(accounts: Accounts, system: str) -> None:
    """Say in /etc/os-release what the image says ("ubuntu-22.04"); without a word, this machine's stays."""
    name, _, version = system.rpartition("-")
    if not name:
        return
    release = accounts.ground.path("etc/os-release")
    release.parent.mkdir(parents=True, exist_ok=True)
    release.unlink(missing_ok=True)
    title = name.replace("-", " ").title()
    lines = (f'NAME="{title}"', f"ID={_OS_IDS.get(name, name)}", f'VERSION_ID="{version}"')
    release.write_text("\n".join((*lines, f'PRETTY_NAME="{title} {version} (SIMULATED)"', "")))


def interpreter_prefix(spec: HostSpec) -> str | None:
    """Return the folder of the image's own interpreter for deep learning, or None on a plain image.

    Images name it; those that only name the system's have Conda where the Deep Learning AMIs had it
    (or, where this machine's own interpreter lies there, where they have it today).
    """
    named = str(spec.image.get("python") or "")
    if named and not named.startswith("/usr/"):
        return str(Path(named).parents[1])
    if not str(spec.image.get("kind", "")).startswith("dlami"):
        return None
    taken = any(Path(prefix).is_relative_to("/opt/conda") for prefix in (sys.prefix, sys.base_prefix))
    return "/opt/pytorch" if taken else "/opt/conda"


def _install_interpreter(accounts: Accounts, prefix: str) -> None:
    """Lay an interpreter beside its JupyterLab: a virtual environment that sees the demo's packages."""
    base = Path(accounts.bare_python())
    root = accounts.ground.path(prefix)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    if (root / "pyvenv.cfg").exists():
        return
    packages = root / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (root / "bin").mkdir()
    (root / "pyvenv.cfg").write_text(f"home = {base.parent}\ninclude-system-site-packages = false\n")
    for name in ("python", "python3", version):
        (root / "bin" / name).symlink_to(base)
    seen = [entry for entry in sys.path if entry.endswith(("site-packages", "dist-packages"))]
    (packages / "image.pth").write_text("".join(f"{entry}\n" for entry in seen))
    for script, module in _SCRIPTS.items():
        target = root / "bin" / script
        target.write_text(f'#!/bin/sh\nexec "{root}/bin/python" -m {module} "$@"\n')
        target.chmod(0o755)
    _share_jupyter(root)
    for path in (root, *root.rglob("*")):
        accounts.give(path)


_SCRIPTS = {
    "jupyter": "jupyter_core", "jupyter-server": "jupyter_server", "jupyter-lab": "jupyterlab",
    "jupyter-kernelspec": "jupyter_client.kernelspecapp", "pip": "pip", "ipython": "IPython",
}  # fmt: skip


def _share_jupyter(root: Path) -> None:
    """Show JupyterLab's assets and settings, without our own extension (it is for the laptop's Jupyter)."""
    share, ours = Path(sys.prefix) / "share" / "jupyter", root / "share" / "jupyter"
    ours.mkdir(parents=True)
    if (share / "lab").is_dir():
        (ours / "lab").symlink_to(share / "lab")
    settings = Path(sys.prefix) / "etc" / "jupyter"
    for source in settings.glob("jupyter_server_config.d/*.json"):
        if "awsgpu" not in source.name:
            target = root / "etc" / "jupyter" / "jupyter_server_config.d" / source.name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def copy_disk(disk: Path, target: Path) -> None:
    """Copy a disk: into an image, or from an image onto a new disk. Ownership is kept where we are root."""
    for name in DISK:
        if (disk / name).is_dir():
            shutil.copytree(disk / name, target / name, symlinks=True, dirs_exist_ok=True, copy_function=_copy)
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        for source in disk.rglob("*"):
            there, owner = target / source.relative_to(disk), source.lstat()
            if there.is_symlink() or there.exists():
                os.chown(there, owner.st_uid, owner.st_gid, follow_symlinks=False)


def _copy(source: str, target: str) -> None:
    """Copy a file with its mode; sockets, devices and pipes have no place in an image."""
    if Path(source).is_symlink() or Path(source).is_file():
        shutil.copy2(source, target, follow_symlinks=False)


def as_json(document: object) -> bytes:
    """Return a document as one line, as the control socket speaks."""
    return json.dumps(document).encode() + b"\n"
