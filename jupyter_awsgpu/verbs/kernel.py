"""`kernel`: an instance in the kernel picker of the Jupyter on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.errors import AwsGpuError, HostKeyUnknown, HostKeyWrong
from jupyter_awsgpu.remote.kernel_specs import environments
from jupyter_awsgpu.verbs import picker
from jupyter_awsgpu.verbs.arrival import Way, tunnel_extra
from jupyter_awsgpu.verbs.connect import require_running
from jupyter_awsgpu.verbs.selection import choose, reach

if TYPE_CHECKING:
    from jupyter_awsgpu.verbs.workbench import Workbench


def kernel(bench: Workbench, name: str | None = None) -> picker.PickedKernel:
    """Put the instance into the kernel picker of this machine's Jupyter, or find it there.

    Raises `WrongState` for an instance that does not run, `HostKeyWrong` for a stranger at its address.
    """
    instance = choose(bench, name, "kernel")
    require_running(instance, "run a kernel")
    way = Way(bench.settings.local_port)
    found = None
    try:
        with reach(bench, instance) as host:
            found = environments(host)
    except (HostKeyWrong, HostKeyUnknown):
        raise
    except AwsGpuError:
        pass  # the base is offered all the same
    return picker.offer(bench, instance, tunnel_extra(bench, way), found)


def remove(bench: Workbench, name: str | None = None) -> picker.PickedKernel | None:
    """Take the instance out of the picker, whether it still exists or not; None if it was not there."""
    return picker.withdraw(bench, name or choose(bench, None, "kernel").name)
