"""Data volumes on hosts: a folder stands for each, moved to the host that has it and back.

There is no block device to be had: where a real instance shows `/dev/disk/by-id/nvme-Amazon_…`, a link to a
device, a host shows a folder of that name. Whoever mounts it sees by that that nothing is to be formatted.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LABEL = "SIMULATED-VOLUME.txt"
TEXT = "This folder stands for an EBS volume of the simulated AWS: no device, no file system of its own, no size.\n"


def by_id(volume_id: str) -> str:
    """Return the name under which Linux shows an EBS volume in /dev/disk/by-id (EBS user guide, NVMe).

    >>> by_id("vol-0abc")
    'nvme-Amazon_Elastic_Block_Store_vol0abc'
    """
    return "nvme-Amazon_Elastic_Block_Store_" + volume_id.replace("-", "")


def shelf(folder: Path) -> Path:
    """Return the folder that a host shows as /dev/disk/by-id."""
    return folder / "volumes"


def attach(folder: Path, volume_folder: Path) -> None:
    """Move a volume's files to the host with this folder; a new volume gets its label."""
    there = shelf(folder) / by_id(volume_folder.name)
    there.parent.mkdir(parents=True, exist_ok=True)
    if volume_folder.is_dir():
        volume_folder.rename(there)
    else:
        there.mkdir(mode=0o755, exist_ok=True)
        (there / LABEL).write_text(TEXT)


def detach(folder: Path, volume_folder: Path) -> None:
    """Move a volume's files back from the host."""
    there = shelf(folder) / by_id(volume_folder.name)
    if there.is_dir():
        volume_folder.parent.mkdir(parents=True, exist_ok=True)
        there.rename(volume_folder)


def give_back(folder: Path) -> None:
    """Move every volume's files back from a host that ends: they outlive it."""
    home = folder.parent.parent / "volumes"
    for there in shelf(folder).glob(by_id("*")):
        detach(folder, home / there.name.replace(by_id("vol"), "vol-"))


def files_of(volume_folder: Path, instance_id: str | None) -> Path | None:
    """Return where a volume's files lie: at its host's, or by themselves."""
    at_host = volume_folder.parent.parent / "hosts" / str(instance_id)
    there = shelf(at_host) / by_id(volume_folder.name) if instance_id else volume_folder
    return there if there.is_dir() else None


def show(folder: Path, ground_root: Path) -> None:
    """Let a host that is a mere folder find the shelf where a real one has /dev/disk/by-id."""
    link = ground_root / "dev" / "disk" / "by-id"
    link.parent.mkdir(parents=True, exist_ok=True)
    shelf(folder).mkdir(parents=True, exist_ok=True)
    if not link.is_symlink():
        link.symlink_to(shelf(folder).resolve())


def copy(source: Path, target: Path) -> None:
    """Copy a volume's files, as a snapshot does."""
    shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
