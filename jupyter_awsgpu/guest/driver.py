"""Driver and CUDA toolkit on a plain Ubuntu: the GPU's own branch, judged by what nvidia-smi says.

Which branch and module a GPU takes is data: gpus.json, by PCI id.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from . import apt, commands, downloads, facts, kernels, paths
from .progress import Step

REPOSITORY = "https://developer.download.nvidia.com/compute/cuda/repos/{system}/{machine}"
KEYRING = "cuda-keyring_1.1-1_all.deb"
NOUVEAU_OFF = "blacklist nouveau\noptions nouveau modeset=0\n"
NOUVEAU_FILE = "/etc/modprobe.d/awsgpu-nouveau.conf"
PROFILE_FILE = "/etc/profile.d/awsgpu.sh"


class Choice(NamedTuple):
    """What a GPU takes: packages of the driver, whether NVIDIA's repository has them, and why none is possible."""

    branch: int
    module: str
    packages: list
    vendor: bool
    refused: str = ""


def table() -> dict:
    """Return the GPU table, or nothing where it has not been brought yet."""
    return paths.read_json(os.path.join(os.path.dirname(os.path.abspath(__file__)), "gpus.json"), {})


def choose(device_ids: list, gpus: dict) -> Choice:
    """Choose the driver for the GPUs of a host: pure. An unknown GPU is taken for a new one."""
    rows = [row for row in gpus.get("gpus", []) if set(row["pci"]) & set(device_ids)]
    branch = min([row["branch"] for row in rows] or [gpus.get("newest_branch", 580)])
    proprietary = any(row["module"] == "proprietary" for row in rows)
    open_only = any(row["module"] == "open-only" for row in rows)
    if proprietary and open_only:
        return Choice(branch, "", [], False, "This host's GPUs need different kernel modules.")
    how = gpus.get("branches", {}).get(str(branch), {})
    module = "proprietary" if proprietary else "open"
    return Choice(branch, module, list(how.get(module) or ["nvidia-open-%d" % branch]), how.get("vendor", True))


def repository_of(os_id: str, os_version: str) -> str:
    """Return the system's name in NVIDIA's repository: ubuntu2204, debian12."""
    return os_id + (os_version.replace(".", "") if os_id == "ubuntu" else os_version.partition(".")[0])


def steps(config: dict, found: facts.Facts) -> list:
    """Return the steps to a working driver and toolkit; no driver where the image has its own."""
    if not found.gpus and not found.driver:
        return []
    chosen = choose(found.gpus, table())
    todo = []
    if not found.driver or all(name in found.packages for name in chosen.packages):
        todo += _driver_steps(config, found, chosen)
    if config.get("cuda"):
        todo += _toolkit_steps(config, found)
    return todo


def _driver_steps(config: dict, found: facts.Facts, chosen: Choice) -> list:
    ground = ["dkms", "build-essential", "linux-headers-" + found.kernel]
    todo = [
        Step("nouveau", "Turning nouveau off", _nouveau_off, _turn_nouveau_off),
        Step(
            "headers",
            "Installing kernel headers",
            lambda: apt.installed(ground),
            lambda say: apt.install(ground, config, say),
        ),
    ]
    if chosen.vendor:
        todo.append(_repository_step(found))
    return [
        *todo,
        Step(
            "driver",
            "Installing the driver R%d (%s module)" % (chosen.branch, chosen.module),
            lambda: apt.installed(chosen.packages),
            lambda say: _install_driver(chosen, config, say),
        ),
        Step("module", "Loading the driver", lambda: _speaks() or _reboot_wanted(), _load, reboot=True),
        Step("gpu", "Asking the GPU", _speaks, _ask_gpu),
    ]


def _toolkit_steps(config: dict, found: facts.Facts) -> list:
    version = str(config["cuda"])
    package = "cuda-toolkit-" + version.replace(".", "-")
    return [
        _repository_step(found),
        Step(
            "cuda",
            "Installing the CUDA toolkit " + version,
            lambda: _nvcc() == version,
            lambda say: apt.install([package], config, say),
        ),
        Step("path", "Setting PATH for the toolkit", _profile_right, _write_profile),
    ]


def _repository_step(found: facts.Facts) -> Step:
    base = paths.mirrors().get("cuda_repository") or REPOSITORY.format(
        system=repository_of(found.os_id, found.os_version), machine=found.machine.replace("aarch64", "sbsa")
    )

    def add(say) -> None:  # noqa: ANN001 - takes a sentence
        path = paths.state("downloads", KEYRING)
        downloads.fetch(base.rstrip("/") + "/" + KEYRING, path, None, say)
        apt.install_file(path, say)

    return Step("repository", "Adding NVIDIA's package repository", lambda: apt.installed(["cuda-keyring"]), add)


def _nouveau_off() -> bool:
    return paths.read_text(paths.at(NOUVEAU_FILE)) == NOUVEAU_OFF


def _turn_nouveau_off(say) -> None:  # noqa: ANN001 - takes a sentence
    del say
    paths.write_text(paths.at(NOUVEAU_FILE), NOUVEAU_OFF)
    if commands.ask(["update-initramfs", "-V"]).status != 127:  # noqa: PLR2004 - not there
        commands.do(["update-initramfs", "-u"])
    if any(line.startswith("nouveau ") for line in paths.read_text("/proc/modules").splitlines()):
        _want_reboot()


def _install_driver(chosen: Choice, config: dict, say) -> None:  # noqa: ANN001 - takes a sentence
    if chosen.refused:
        raise commands.Failed(chosen.refused)
    apt.install(chosen.packages, config, say)


def _speaks() -> bool:
    done = commands.ask(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], timeout=60)
    return facts.driver_version(done.status, done.output) is not None


def _load(say) -> None:  # noqa: ANN001 - takes a sentence
    commands.ask(["modprobe", "nvidia"], timeout=60)
    if not _speaks():
        say("The driver needs a reboot")
        _want_reboot()


def _want_reboot() -> None:
    wish = paths.read_json(paths.state("reboots.json"), {})
    paths.write_json(paths.state("reboots.json"), dict(wish, wanted_in=paths.boot_id()))


def _reboot_wanted() -> bool:
    wish = paths.read_json(paths.state("reboots.json"), {})
    return bool(wish) and wish.get("wanted_in") == paths.boot_id() and wish.get("times", 0) < 3  # noqa: PLR2004


def _ask_gpu(say) -> None:  # noqa: ANN001 - takes a sentence
    del say
    done = commands.ask(["nvidia-smi"], timeout=60)
    kernel = [
        line for line in commands.ask(["dmesg"]).output.splitlines() if "nvidia" in line.lower() or "NVRM" in line
    ]
    raise commands.Failed("\n".join(["The GPU does not answer.", done.output.strip(), *kernel[-6:]]))


def _nvcc() -> "str | None":
    return facts.nvcc_version(commands.ask([paths.at("/usr/local/cuda/bin/nvcc"), "--version"]).output)


def _profile() -> str:
    lines = ["# The CUDA toolkit, for login shells; services and kernels have the same from their service."]
    lines.append("export PATH=%s:$PATH" % paths.at("/usr/local/cuda/bin"))
    lines += ["export %s=%s${%s:+:$%s}" % (key, value, key, key) for key, value in kernels.libraries().items()]
    return "\n".join(lines) + "\n"


def _profile_right() -> bool:
    return paths.read_text(paths.at(PROFILE_FILE)) == _profile()


def _write_profile(say) -> None:  # noqa: ANN001 - takes a sentence
    del say
    paths.write_text(paths.at(PROFILE_FILE), _profile())
