"""What pip finds for a cluster on real hosts: a folder of wheels, and layers over the hosts' root that have some.

All are made once and cached beside the hosts' root. `HEAVY` stands for an image with NumPy, pandas and Arrow in its
environment, as the Deep Learning images have them: there pip brings Dask and what it needs besides. `WHOLE` stands
for an image made of a node: there pip finds everything right. Eight hosts that all install would take CI a minute.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.system import rootfs

if TYPE_CHECKING:
    from pathlib import Path

PYTHON = "3.11"
"""Of Debian's root (`rootfs.SUITE`)."""

PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")
HEAVY = ("numpy", "pandas", "pyarrow", "bokeh")
WHOLE = (*HEAVY, "dask[array,dataframe,distributed]", "distributed", "jupyter-server-proxy", "dask-labextension")
"""What a head has in the end; a worker wants less."""
LAYER = """
set -e
mount -t overlay overlay -o "lowerdir=$BASE,upperdir=$LAYER,workdir=$WORK" "$ROOT"
mkdir -p "$ROOT/wheels"
mount --bind "$WHEELS" "$ROOT/wheels"
mount -t proc proc "$ROOT/proc"
mount --bind /dev "$ROOT/dev"
chroot "$ROOT" /opt/pytorch/bin/pip install -q --no-index --find-links /wheels "$@"
"""


def wheels() -> Path:
    """Return a folder of every wheel that a node of a cluster may want."""
    target = rootfs.cache() / f"cluster-wheels-{_mark(WHOLE, PLATFORMS)}"
    with _alone():
        if not target.is_dir():
            part = target.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            platforms = [word for one in PLATFORMS for word in ("--platform", one)]
            abis = [word for one in ("cp311", "abi3", "none") for word in ("--abi", one)]
            how = ["--only-binary=:all:", "--implementation", "cp", "--python-version", PYTHON, *abis, *platforms]
            _do([sys.executable, "-m", "pip", "download", "-q", "-d", str(part), *how, *WHOLE])
            part.rename(target)
    return target


def layer(packages: tuple[str, ...]) -> Path:
    """Return a layer over the hosts' root with these packages installed."""
    source, base = wheels(), rootfs.base()
    target = rootfs.cache() / f"cluster-layer-{_mark(source.name, base.parent.name, packages, LAYER)}"
    with _alone():
        if not target.is_dir():
            part = target.with_suffix(".part")
            shutil.rmtree(part, ignore_errors=True)
            folders = {name: part / name.lower() for name in ("LAYER", "WORK", "ROOT")}
            for one in folders.values():
                one.mkdir(parents=True)
            env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "BASE": str(base), "WHEELS": str(source)}
            _do(["unshare", "-m", "sh", "-c", LAYER, "sh", *packages], **env, **{k: str(v) for k, v in folders.items()})
            (part / "layer/wheels").rmdir()
            (part / "layer").rename(target)
            shutil.rmtree(part)
    return target


def _alone() -> _Lock:
    return _Lock(rootfs.cache() / "lock")


class _Lock:
    """One builder at a time, over all processes."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w")

    def __enter__(self) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _mark(*what: object) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()[:12]


def _do(argv: list[str], **env: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False, env=env or None)
    if done.returncode:
        raise rootfs.Unavailable(f"{argv[0]} failed:\n{(done.stdout + done.stderr)[-2000:]}")
