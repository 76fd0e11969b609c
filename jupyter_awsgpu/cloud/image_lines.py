"""The lines of public images: their parameter names, who logs in, and which GPUs they serve. No AWS call.

Sources: AWS's DLAMI guide (parameter grammar) and public users of the names for the Deep Learning images;
Canonical's public-cloud documentation for Ubuntu (gp3 roots since 23.10, gp2 before).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from jupyter_awsgpu.model import Image, ImageKind, InstanceType

CHOICES = ("dlami", "dlami-pytorch", "ubuntu")

DLAMI_ROOT = "/aws/service/deeplearning/ami/{architecture}/"

DLAMI_LINES = (
    "base-oss-nvidia-driver-gpu-ubuntu-26.04",
    "base-oss-nvidia-driver-gpu-ubuntu-24.04",
    "base-with-single-cuda-ubuntu-24.04",
    "base-oss-nvidia-driver-gpu-ubuntu-22.04",
    "base-with-single-cuda-ubuntu-22.04",
)
"""Base images, the newest first; which of them exist is AWS's answer."""

HISTORICAL_LINES = ("historical-nvidia-driver-470-gpu-ubuntu-20.04",)
"""Images with driver R470, the last for Kepler; AWS itself offers none today, the simulated AWS does."""

UBUNTU_LINES = ("24.04", "22.04", "26.04")
"""Long-term releases in the order we prefer them: NVIDIA's driver repositories have carried 24.04 longest."""

TURING = (7, 5)
"""The oldest GPUs of the Deep Learning images: their open kernel modules need Turing (NVIDIA, since R560)."""

AMPERE = (8, 6)
"""The newest GPUs that driver R470 knows."""

MAXWELL = (5, 0)
"""Older GPUs (Kepler) end with driver R470, which no supported image has."""

USERS = {"099720109477": "ubuntu", "136693071363": "admin", "137112412989": "ec2-user"}
"""Default users by the image's owner: Canonical, Debian, Amazon Linux."""


def is_public(wish: str) -> bool:
    """Return whether a wish means a public line."""
    return wish in CHOICES or wish == "historical" or re.fullmatch(r"ubuntu-\d\d\.\d\d", wish) is not None


def parameters(wish: str, architecture: str) -> tuple[str, ...]:
    """Return the parameter names of a wish, the best first; ten at most (GetParameters' limit)."""
    if wish.startswith("ubuntu"):
        releases = (wish.removeprefix("ubuntu-"),) if "-" in wish else UBUNTU_LINES
        machine = {"x86_64": "amd64"}.get(architecture, architecture)
        return tuple(
            f"/aws/service/canonical/ubuntu/server/{release}/stable/current/{machine}/hvm/ebs-{disk}/ami-id"
            for release in releases
            for disk in (("gp3",) if release >= "23.10" else ("gp3", "gp2"))
        )
    chosen = HISTORICAL_LINES if wish == "historical" else DLAMI_LINES
    root = DLAMI_ROOT.format(architecture=architecture)
    return tuple(f"{root}{line}/latest/ami-id" for line in chosen)


def newest_pytorch(names: Iterable[str]) -> str | None:
    """Return the parameter of the newest PyTorch on the newest Ubuntu, or None.

    >>> newest_pytorch(["/x/oss-nvidia-driver-gpu-pytorch-2.9-ubuntu-24.04/latest/ami-id",
    ...                 "/x/oss-nvidia-driver-gpu-pytorch-2.12-ubuntu-24.04/latest/ami-id"])
    '/x/oss-nvidia-driver-gpu-pytorch-2.12-ubuntu-24.04/latest/ami-id'
    """
    pattern = re.compile(r"/oss-nvidia-driver-gpu-pytorch-([\d.]+)-ubuntu-([\d.]+)/latest/ami-id$")
    found = {name: match for name in names if (match := pattern.search(name))}
    return max(found, key=lambda name: tuple(_version(part) for part in found[name].groups()), default=None)


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part)


def kind_of(wish: str) -> ImageKind:
    """Return the kind of a public wish."""
    if wish == "dlami-pytorch":
        return "dlami-pytorch"
    return "ubuntu" if wish.startswith("ubuntu") else "dlami"


def kind_by_name(name: str, has: Mapping[str, str]) -> ImageKind:
    """Return the kind of an image named by its id: ours by its tags, AWS's by its name."""
    if has:
        return "own"
    if name.startswith("Deep Learning") and "Nvidia" in name:
        return "dlami-pytorch" if "PyTorch" in name else "dlami"
    return "ubuntu" if name.startswith("ubuntu/images") else "ami"


def user_of(name: str, owner_id: str) -> str:
    """Return the default user of an image, by its name, then by its owner.

    >>> user_of("Deep Learning Base OSS Nvidia Driver GPU AMI (Amazon Linux 2023) 20261008", "898082745236")
    'ec2-user'
    """
    lowered = name.lower()
    if "amazon linux" in lowered or lowered.startswith(("al2023", "amzn")):
        return "ec2-user"
    if "debian" in lowered:
        return "admin"
    return "ubuntu" if "ubuntu" in lowered else USERS.get(owner_id, "ubuntu")


# ── which GPU an image serves ────────────────────────────────────────────────────────────────


def capability(itype: InstanceType) -> tuple[int, ...] | None:
    """Return the GPU's compute capability as numbers; None without an NVIDIA GPU or where it is unknown."""
    if itype.gpu is None or itype.gpu.maker.upper() != "NVIDIA" or not itype.gpu.compute_capability:
        return None
    return _version(itype.gpu.compute_capability)


def needs_historical(itype: InstanceType) -> bool:
    """Return whether only an image of the past has a driver for the GPU (Kepler)."""
    has = capability(itype)
    return has is not None and has < MAXWELL


def default_wish(itype: InstanceType) -> str:
    """Return the wish of somebody who has none: the Deep Learning image where it serves the GPU, else Ubuntu."""
    has = capability(itype)
    serves = has is not None and (has >= TURING or has < MAXWELL)
    return "dlami" if serves else "ubuntu"


def unsuitable(image: Image, itype: InstanceType) -> str:
    """Return why the image does not suit the type, or nothing."""
    if image.architecture != itype.architecture:
        return f"it is made for {image.architecture}, and the type is {itype.architecture}"
    if not image.has_driver or itype.gpu is None:
        return ""
    has = capability(itype)
    if has is None:
        return f"its driver is NVIDIA's, and the type has {itype.gpu.maker} {itype.gpu.model}"
    if image.historical:
        return "" if has <= AMPERE else f"its driver R470 is older than the {itype.gpu.model}"
    return "" if has >= TURING else f"its driver serves Turing GPUs and newer, and the {itype.gpu.model} is older"
