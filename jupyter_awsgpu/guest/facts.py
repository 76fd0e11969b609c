"""Facts about the host: each a command's output, or a file, and a pure function on it."""

from __future__ import annotations

import os
import re
import shutil
from typing import NamedTuple

from . import commands, paths

NVIDIA = "10de"
DISPLAY_CLASSES = ("0300", "0302")
"""PCI classes of a VGA and a 3D controller; audio and bridge functions of a card have others."""


class Facts(NamedTuple):
    """What a recipe needs to know of the host."""

    gpus: list
    driver: "str | None"
    os_id: str
    os_version: str
    kernel: str
    machine: str
    disk_free_gb: float
    packages: dict


def gather() -> Facts:
    """Look at the host."""
    release = os_release(paths.read_text(paths.at("/etc/os-release")) or paths.read_text("/etc/os-release"))
    smi = commands.ask(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], timeout=60)
    name = os.uname()
    return Facts(
        gpus=gpus_present(),
        driver=driver_version(smi.status, smi.output),
        os_id=release.get("ID", ""),
        os_version=release.get("VERSION_ID", ""),
        kernel=name.release,
        machine=name.machine,
        disk_free_gb=shutil.disk_usage(paths.at("/")).free / 1e9,
        packages=installed_packages(
            commands.ask(["dpkg-query", "-W", "-f", "${Package} ${Version} ${Status}\n"]).output
        ),
    )


def gpus_present() -> list:
    """Return the PCI device ids of NVIDIA GPUs, by lspci where there is one, else from sysfs."""
    listing = commands.ask(["lspci", "-n"])
    if listing.status == 0:
        return gpus_of_lspci(listing.output)
    root = paths.at("/sys/bus/pci/devices")
    slots = sorted(os.listdir(root)) if os.path.isdir(root) else []
    parts = ("class", "vendor", "device")
    return gpus_of_sysfs([tuple(paths.read_text(os.path.join(root, slot, part)) for part in parts) for slot in slots])


def gpus_of_lspci(text: str) -> list:
    """Return device ids of NVIDIA GPUs in `lspci -n` output: `00:1e.0 0302: 10de:102d (rev a1)`."""
    rows = re.findall(r"^\S+\s+([0-9a-f]{4}):\s+([0-9a-f]{4}):([0-9a-f]{4})", text, re.MULTILINE | re.IGNORECASE)
    return [device.lower() for kind, vendor, device in rows if vendor.lower() == NVIDIA and kind in DISPLAY_CLASSES]


def gpus_of_sysfs(rows: list) -> list:
    """Return device ids of NVIDIA GPUs from (class, vendor, device) as sysfs has them: `0x030200 0x10de 0x102d`."""
    short = [tuple(part.strip().lower()[2:] for part in row) for row in rows]
    return [device for kind, vendor, device in short if vendor == NVIDIA and kind[:4] in DISPLAY_CLASSES]


def os_release(text: str) -> dict:
    """Return /etc/os-release as a dictionary."""
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line and not line.startswith("#"))
    return {key.strip(): value.strip().strip("\"'") for key, _, value in pairs}


def driver_version(status: int, text: str) -> "str | None":
    """Return the driver's version if nvidia-smi speaks to a driver, else None (its exit status alone is no proof)."""
    found = re.fullmatch(r"\d+(\.\d+){1,3}", text.strip().splitlines()[0].strip()) if text.strip() else None
    return found.group() if found and status == 0 else None


def gpu_use(text: str) -> "dict | None":
    """Return the busiest GPU's use and all GPUs' memory from `utilization.gpu, memory.used, memory.total` rows."""
    rows = re.findall(r"^\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*$", text, re.MULTILINE)
    if not rows:
        return None
    percents, used, total = zip(*[[float(part) for part in row] for row in rows])
    return {"percent": max(percents), "memory_used_mib": sum(used), "memory_total_mib": sum(total)}


def cuda_of_smi(text: str) -> "str | None":
    """Return the highest CUDA version the driver serves, from nvidia-smi's banner."""
    found = re.search(r"CUDA (?:UMD )?Version:\s*(\d+\.\d+)", text)
    return found.group(1) if found else None


def installed_packages(text: str) -> dict:
    """Return package → version of what dpkg has fully installed."""
    rows = (line.split(" ", 2) for line in text.splitlines())
    return {row[0]: row[1] for row in rows if len(row) == 3 and row[2].strip() == "install ok installed"}  # noqa: PLR2004


def nvcc_version(text: str) -> "str | None":
    """Return the toolkit's version as `nvcc --version` has it."""
    found = re.search(r"release (\d+\.\d+)", text)
    return found.group(1) if found else None
