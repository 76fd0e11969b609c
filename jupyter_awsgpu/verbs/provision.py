"""`provision`: bring this version's guest program to an instance and let it set itself up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.remote import guest
from jupyter_awsgpu.verbs.arrival import Way, arrive
from jupyter_awsgpu.verbs.connect import require_running
from jupyter_awsgpu.verbs.selection import choose, endpoint

if TYPE_CHECKING:
    from jupyter_awsgpu.model import Instance
    from jupyter_awsgpu.verbs.workbench import Workbench


def provision(bench: Workbench, name: str | None = None) -> Instance:
    """Run the provisioning again: what is right stays, what failed is tried again, the guest is this version's.

    Raises `ProvisioningFailed` with the step that failed, and the errors of the way in.
    """
    instance = choose(bench, name, "provision")
    require_running(instance, "be provisioned")
    with (
        bench.records.lock(instance.name),
        bench.records.operations.begin("provision", instance.name, bench.listener) as operation,
    ):
        with operation.step("program", "Bringing the guest program") as step:
            target = endpoint(bench, instance)
            with bench.hosts.connect(target, launch_id=instance.launch_id, name=instance.name) as host:
                guest.provision(host)
            step.say("The guest program is this version's")
        return arrive(bench, instance, operation, Way(bench.settings.local_port), booting=False)
