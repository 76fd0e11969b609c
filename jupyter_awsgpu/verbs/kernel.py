"""`kernel`: an instance in the kernel picker of the Jupyter on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jupyter_awsgpu.verbs import picker
from jupyter_awsgpu.verbs.arrival import Way, tunnel_extra
from jupyter_awsgpu.verbs.connect import require_running
from jupyter_awsgpu.verbs.selection import choose

if TYPE_CHECKING:
    from jupyter_awsgpu.verbs.workbench import Workbench


def kernel(bench: Workbench, name: str | None = None) -> picker.PickedKernel:
    """Put the instance into the kernel picker of this machine's Jupyter, or find it there.

    Raises `WrongState` for an instance that does not run.
    """
    instance = choose(bench, name, "kernel")
    require_running(instance, "run a kernel")
    return picker.offer(bench, instance, tunnel_extra(bench, Way(bench.settings.local_port)))


def remove(bench: Workbench, name: str | None = None) -> picker.PickedKernel | None:
    """Take the instance out of the picker, whether it still exists or not; None if it was not there."""
    return picker.withdraw(bench, name or choose(bench, None, "kernel").name)
