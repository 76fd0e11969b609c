"""The kernel picker of this machine's Jupyter: which instances it offers.

A kernel spec is a small file in Jupyter's own data folder. It holds where the instance was last seen
and no secret; what it starts is `surfaces/kernels`.
"""

from __future__ import annotations

import json
import re
import shutil
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jupyter_awsgpu.records import held

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.remote.kernel_specs import Environment
    from jupyter_awsgpu.verbs.workbench import Workbench

PROVISIONER = "awsgpu"
"""The entry point in `jupyter_client.kernel_provisioners`."""


@dataclass(frozen=True, slots=True)
class PickedKernel:
    """A kernel in the local picker: Jupyter's name for it, what the picker shows, and the instance it runs on."""

    spec: str
    title: str
    instance: str


def offer(
    bench: Workbench, instance: Instance, extra: dict[str, Any], environments: Sequence[Environment] | None = None
) -> PickedKernel:
    """Offer the instance's own Python and each of its `environments` (None: those that are offered already).

    `extra` is what the kernel's own process needs, as a tunnel's.
    """
    picked = _picked(bench, instance)
    mine = _document(bench, instance, extra)
    if environments is not None:
        wanted = {
            _write(_of_environment(bench, instance, one), mine | {"environment": one.name}) for one in environments
        }
        for folder, offered in _offered(bench):
            if offered["instance_id"] == instance.instance_id and folder.name not in {*wanted, picked.spec}:
                shutil.rmtree(folder, ignore_errors=True)
    _write(picked, mine)
    return picked


def _write(picked: PickedKernel, instance: dict[str, Any]) -> str:
    """Write a kernel spec, whole or not at all; return its name."""
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
                "config": {"instance": instance},
            },
            "debugger": True,
        },
    }
    text = json.dumps(spec, indent=1, default=str)
    part = folder / "kernel.json.part"
    part.write_text(text, encoding="utf-8")
    held.replace(part, folder / "kernel.json")  # Jupyter looks at all of them, all the time
    return picked.spec


def withdraw(bench: Workbench, name: str) -> PickedKernel | None:
    """Take an instance out of the picker, whether it still exists or not; None if it was not there."""
    withdrawn = None
    for folder, instance in _offered(bench):
        if name in (instance["name"], instance["instance_id"]):
            if withdrawn is None or not instance.get("environment"):
                title = json.loads(held.read(folder / "kernel.json"))["display_name"]
                withdrawn = PickedKernel(folder.name, title, instance["name"])
            shutil.rmtree(folder, ignore_errors=True)
    return withdrawn


def prune(bench: Workbench, regions: set[str], alive: set[str]) -> None:
    """Take out the caller's instances that ended by themselves: not `alive`, though these `regions` were asked."""
    for folder, instance in _offered(bench):
        gone = instance["region"] in regions and instance["instance_id"] not in alive
        mine = instance["extra"]["data_dir"] == str(bench.settings.data_dir)
        if gone and mine and instance.get("owner") == bench.clouds.identity().owner:
            with suppress(OSError):
                shutil.rmtree(folder)


def _picked(bench: Workbench, instance: Instance) -> PickedKernel:
    simulated = ", SIMULATED" if bench.demo else ""
    named = re.sub(r"[^a-z0-9_-]", "-", instance.name.lower())  # a file's name, and one that Jupyter takes
    spec = f"awsgpu-{'simulated-' if bench.demo else ''}{named}"
    return PickedKernel(spec, f"Python 3 · {instance.name} ({instance.instance_type}{simulated})", instance.name)


def _of_environment(bench: Workbench, instance: Instance, environment: Environment) -> PickedKernel:
    base = _picked(bench, instance)
    named = re.sub(r"[^a-z0-9_-]", "-", environment.name.lower())
    return replace(base, spec=f"{base.spec}--{named}", title=base.title.replace("Python 3", environment.title, 1))


def _document(bench: Workbench, instance: Instance, extra: dict[str, Any]) -> dict[str, Any]:
    """Return what `wiring.reach_for_kernel` needs to reach the instance again, and the kernel's lease."""
    from jupyter_awsgpu.verbs.selection import endpoint

    lease = bench.settings.kernel_lease_minutes
    where = endpoint(bench, instance)
    return {
        "instance_id": instance.instance_id,
        "name": instance.name,
        "region": instance.region,
        "launch_id": instance.pin_id,
        "owner": instance.owner,
        "lease_s": None if lease is None else lease * 60,
        "endpoint": asdict(replace(where, via=extra.get("via") or where.via)),
        "extra": extra,
    }


def _offered(bench: Workbench) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the specs that are ours, of the real or of the simulated AWS as the bench is."""
    for file in sorted(_kernels().glob("awsgpu-*/kernel.json")):
        try:
            provisioner = json.loads(held.read(file))["metadata"]["kernel_provisioner"]
            instance = provisioner["config"]["instance"]
            if provisioner["provisioner_name"] == PROVISIONER and instance["extra"]["demo"] == bench.demo:
                yield file.parent, instance
        except (OSError, ValueError, KeyError, TypeError):  # not one of ours
            continue


def _kernels() -> Path:
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir()) / "kernels"
