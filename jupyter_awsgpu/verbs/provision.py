"""`provision`: bring this version's guest program to an instance and let it set itself up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.remote import guest
from jupyter_awsgpu.verbs.arrival import Way
from jupyter_awsgpu.verbs.cluster import assemble
from jupyter_awsgpu.verbs.connect import require_running
from jupyter_awsgpu.verbs.environment import read_environment
from jupyter_awsgpu.verbs.head import head_of
from jupyter_awsgpu.verbs.mirrors import guest_settings
from jupyter_awsgpu.verbs.selection import choose_all, reach

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.environment import Environment
    from jupyter_awsgpu.verbs.workbench import Workbench


def provision(bench: Workbench, name: str | None = None, *, environment: str | None = None) -> Instance:
    """Run the provisioning again: what is right stays, what failed is tried again, the guest is this version's.

    `environment` is as for `launch`: a file to reproduce in a kernel of its own, or "local". Raises
    `ProvisioningFailed` with the step that failed, and the errors of the way in and of `head_of`.
    """
    brought = read_environment(environment, "provision")
    nodes = choose_all(bench, name, "provision")
    head_of(bench, nodes)
    instance = nodes[0]
    for one in nodes:
        require_running(one, "be provisioned")
    with (
        bench.records.lock(instance.name),
        bench.records.operations.begin("provision", instance.name, bench.listener) as operation,
    ):
        with operation.step("program", "Bringing the guest program") as step:
            files = {brought.file: brought.text} if brought else {}
            for one in nodes:
                with reach(bench, one) as host:
                    guest.provision(host, extra=files, changes=_changes(bench, brought))
            step.say(brought.left_out if brought and brought.skipped else "The guest program is this version's")
        return assemble(bench, nodes, operation, Way(bench.settings.local_port), booting=False)


def _changes(bench: Workbench, brought: Environment | None) -> dict[str, object]:
    """Return what differs from the configuration on the instance: the environment, and mirrors set since."""
    settings = guest_settings(bench.settings)
    changes: dict[str, object] = {key: value for key, value in settings.items() if value}
    return changes | ({"environment": brought.file} if brought else {})
