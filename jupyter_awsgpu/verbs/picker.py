"""The kernel picker of this machine's Jupyter: which instances it offers.

A kernel spec is a small file in Jupyter's own data folder. It holds where the instance was last seen
and no secret; what it starts is `surfaces/kernels`.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.verbs.selection import endpoint

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench

PROVISIONER = "awsgpu"
"""The entry point in `jupyter_client.kernel_provisioners`."""


@dataclass(frozen=True, slots=True)
class PickedKernel:
    """A kernel in the local picker: Jupyter's name for it, what the picker shows, and the instance it runs on."""

    spec: str
    title: str
    instance: str


def offer(bench: Workbench, instance: Instance, extra: dict[str, Any]) -> PickedKernel:
    """Write the instance's kernel spec, whole or not at all; `extra` is what its own process needs, as a tunnel's."""
    picked = _picked(bench, instance)
    folder = _kernels() / picked.spec
    folder.mkdir(parents=True, exist_ok=True)
    spec = {
        "argv": [],  # the instance knows its interpreter
        "display_name": picked.title,
        "language": "python",
        "interrupt_mode": "signal",
        "metadata": {
            "kernel_provisioner": {
                "provisioner_name": PROVISIONER,
                "config": {"instance": _document(bench, instance, extra)},
            },
            "debugger": True,
        },
    }
    text = json.dumps(spec, indent=1, default=str)
    part = folder / "kernel.json.part"
    part.write_text(text, encoding="utf-8")
    part.replace(folder / "kernel.json")
    return picked


def withdraw(bench: Workbench, name: str) -> PickedKernel | None:
    """Take an instance out of the picker, whether it still exists or not; None if it was not there."""
    for folder, instance in _offered(bench):
        if name in (instance["name"], instance["instance_id"]):
            title = json.loads((folder / "kernel.json").read_text(encoding="utf-8"))["display_name"]
            shutil.rmtree(folder, ignore_errors=True)
            return PickedKernel(folder.name, title, instance["name"])
    return None


def _picked(bench: Workbench, instance: Instance) -> PickedKernel:
    simulated = ", SIMULATED" if bench.demo else ""
    named = re.sub(r"[^a-z0-9_-]", "-", instance.name.lower())  # a file's name, and one that Jupyter takes
    spec = f"awsgpu-{'simulated-' if bench.demo else ''}{named}"
    return PickedKernel(spec, f"Python 3 · {instance.name} ({instance.instance_type}{simulated})", instance.name)


def _document(bench: Workbench, instance: Instance, extra: dict[str, Any]) -> dict[str, Any]:
    """Return what `wiring.reach_for_kernel` needs to reach the instance again."""
    return {
        "instance_id": instance.instance_id,
        "name": instance.name,
        "region": instance.region,
        "launch_id": instance.launch_id,
        "endpoint": asdict(replace(endpoint(bench, instance), via=extra.get("via"))),
        "extra": extra,
    }


def _offered(bench: Workbench) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the specs that are ours, of the real or of the simulated AWS as the bench is."""
    for file in sorted(_kernels().glob("awsgpu-*/kernel.json")):
        try:
            provisioner = json.loads(file.read_text(encoding="utf-8"))["metadata"]["kernel_provisioner"]
            instance = provisioner["config"]["instance"]
            if provisioner["provisioner_name"] == PROVISIONER and instance["extra"]["demo"] == bench.demo:
                yield file.parent, instance
        except (OSError, ValueError, KeyError, TypeError):  # not one of ours
            continue


def _kernels() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "kernels"
