"""Which buttons an instance has, in which state, and what each says before it is done. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jupyter_awsgpu.model import InstanceState

if TYPE_CHECKING:
    from collections.abc import Callable

    from jupyter_awsgpu.model import Instance

KEEP_FOR = "1h"
"""For how long "keep" in the panel holds the idle stop off, as the grammar has it."""


@dataclass(frozen=True, slots=True)
class Action:
    """One button: the verb of the grammar it runs, its label, and what must be confirmed first."""

    verb: str
    label: str
    arguments: tuple[str, ...]
    confirm: str | None = None
    main: bool = False

    @property
    def command(self) -> tuple[str, ...]:
        """The line that a terminal would run, without `awsgpu` itself."""
        return (self.verb, *self.arguments)


def actions_for(
    instance: Instance, tr: Callable[[str], str] = str, *, busy: bool, workers: int = 0
) -> tuple[Action, ...]:
    """Return the actions that fit the instance's state, the likeliest first; none while one is under way.

    They take a cluster's `workers`, too.
    """
    end = _terminate(instance, tr, workers)
    name = (instance.name,)
    if busy or not instance.state.alive:
        return ()
    if instance.state is InstanceState.STOPPED:
        return (Action("start", "Start", name, main=True), _image(instance, tr), end)
    if instance.state is InstanceState.STOPPING:
        return (end,)
    connected = instance.tunnel is not None and instance.tunnel.phase == "up"
    verb, label = ("open", "Open Jupyter") if connected else ("connect", "Connect")
    leave = (Action("disconnect", "Disconnect", name),) if instance.tunnel is not None else ()
    if instance.guest is not None and instance.guest.phase == "failed":
        verb, label = "provision", "Set up again"
    way = Action(verb, label, name, main=True)
    here = (Action("kernel", "Use this notebook here", name),) if verb == "open" else ()
    return (way, *here, _stop(instance, tr), *leave, _image(instance, tr), end)


def keep_action(instance: Instance) -> Action | None:
    """Return the button beside the idle countdown, where there is a countdown."""
    counts = instance.guest is not None and instance.guest.idle_stop_in_s is not None
    if not counts or instance.state is not InstanceState.RUNNING:
        return None
    return Action("keep", "Keep 1 h", (instance.name, KEEP_FOR))


def _stop(instance: Instance, tr: Callable[[str], str]) -> Action:
    busy = instance.guest.busy_because if instance.guest else None
    question = tr("{name} is at work ({why}). Stopping ends that; its disk stays.")
    return Action("stop", "Stop", (instance.name,), question.format(name=instance.name, why=tr(busy)) if busy else None)


def _image(instance: Instance, tr: Callable[[str], str]) -> Action:
    stops = instance.state is not InstanceState.STOPPED
    question = tr("{name} is stopped for the image; what runs on it ends.").format(name=instance.name)
    return Action("image", "Make image", (instance.name,), question if stops else None)


def _terminate(instance: Instance, tr: Callable[[str], str], workers: int) -> Action:
    if instance.root_gb:
        question = tr("Terminating {name} ({type}, {id}) deletes its disk of {gb} GB for good.")
    else:
        question = tr("Terminating {name} ({type}, {id}) deletes its disk for good.")
    named = {"name": instance.name, "type": instance.instance_type, "id": instance.instance_id, "gb": instance.root_gb}
    more = tr("With it go its workers ({count}) and their disks.").format(count=workers) if workers else ""
    return Action("terminate", "Terminate", (instance.name,), f"{question.format(**named)} {more}".rstrip())
